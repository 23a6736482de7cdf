internal import FoundationEssentials
internal import LibCurl
package import ServingAPI

/// The credentials for an MLflow server, from the variables of MLflow's own client.
package enum MLflowCredentials: Hashable, Sendable {
  case none
  case token(Secret)
  case password(user: String, Secret)

  /// A user name with a password takes precedence over a token, as in MLflow's client.
  ///
  /// - Throws: `TargetError` for a user name without a password, or vice versa.
  package init(environment: [String: String]) throws(TargetError) {
    let value = { (name: String) in environment[name].flatMap { $0.isEmpty ? nil : $0 } }
    let token = value("MLFLOW_TRACKING_TOKEN")
    switch (value("MLFLOW_TRACKING_USERNAME"), value("MLFLOW_TRACKING_PASSWORD")) {
    case (let user?, let password?): self = .password(user: user, Secret(password))
    case (nil, nil): self = token.map { .token(Secret($0)) } ?? .none
    case (let user, _):
      guard let token else {
        throw TargetError(
          "MLFLOW_TRACKING_\(user == nil ? "PASSWORD" : "USERNAME") is set, but "
            + "MLFLOW_TRACKING_\(user == nil ? "USERNAME" : "PASSWORD") is not",
          advice: "set both, or MLFLOW_TRACKING_TOKEN alone")
      }
      self = .token(Secret(token))
    }
  }

  /// Their origin, for messages.
  var source: String {
    switch self {
    case .none: "nowhere"
    case .token: "MLFLOW_TRACKING_TOKEN"
    case .password: "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
    }
  }

  /// What messages must not contain; empty if there is nothing to hide.
  var secret: String {
    switch self {
    case .none: ""
    case .token(let token): token.text
    case .password(_, let password): password.text
    }
  }

  /// The user name and password as they are sent (RFC 7617); nil if there are none.
  var basic: String? {
    guard case .password(let user, let password) = self else { return nil }
    return Data("\(user):\(password.text)".utf8).base64EncodedString()
  }

  /// Wraps the network so that these replace the bearer token that a client of the serving API sends.
  func applied(to transport: @escaping Transport) -> Transport {
    if case .token = self { return transport }
    let basic = basic
    return { request in
      var request = request
      request.headers.removeAll { $0.name == "Authorization" }
      if let basic { request.headers.append(HTTPField("Authorization", "Basic \(basic)")) }
      return try await transport(request)
    }
  }
}
