import HTTPSupport

// Decisions about the plane's routes.
extension PlaneAuthorizer {
  /// Refuses a call that a principal may not make.
  ///
  /// - Parameters:
  ///   - rule: the rule of the call's route; nil if there is none.
  ///   - parameter: returns a variable segment of the call's path.
  func check(
    _ principal: Principal, _ rule: RouteRule?, parameter: (String) -> String
  ) throws(APIError) {
    switch rule {
    case nil:
      throw .denied("nobody may make this call, because it has no access rule; report this as an error of Setpoint")
    case .open, .everyone: return
    case .endpoint(let level): try require(level, of: principal, on: parameter("name"))
    case .endpointID(let level):
      let id = parameter("id")
      guard let name = grants.name(ofID: id), self.level(of: principal, on: name) != nil else {
        throw .noEndpoint(withID: id)
      }
      try require(level, of: principal, on: name)
    case .all(let level):
      guard !principal.rights.covers(level) else { return }
      throw .denied(
        "principal \"\(principal.name)\" may not make this call: a token with the permission \"\(level.rawValue)\" "
          + "\(level == .admin ? "" : "on all endpoints ")is required; an administrator can create one with "
          + "\"setpoint tokens create NAME --can \(level.rawValue)\"")
    case .readModels:
      guard !mayReadModels(principal) else { return }
      throw .denied(
        "principal \"\(principal.name)\" may not see the registered models: CAN_MANAGE on an endpoint, or a token with "
          + "the permission \"view\" on all endpoints, is required; an administrator can create one with "
          + "\"setpoint tokens create NAME --can view\"")
    }
  }

  private func mayReadModels(_ principal: Principal) -> Bool {
    principal.rights.covers(.view) || principal.rights.level.map { $0 >= .manage } ?? false
      || grants.manageAny(principal)
  }

  /// An endpoint that the principal may not see is reported like one that does not exist.
  private func require(_ needed: EndpointLevel, of principal: Principal, on endpoint: String) throws(APIError) {
    guard let level = level(of: principal, on: endpoint) else { throw .noEndpoint(endpoint) }
    if level >= needed { return }
    guard grants.exists(endpoint) else { throw .noEndpoint(endpoint) }
    throw .denied(
      "principal \"\(principal.name)\" may \(level.verb) endpoint \"\(endpoint)\" but not \(needed.verb) it: "
        + "\(needed.word) is required; an administrator can grant it with \"setpoint tokens create NAME --can "
        + "\(needed.tokenLevel.rawValue)\", or with access in the manifest")
  }
}

extension EndpointLevel {
  /// The API's word (serving-api.md 1.2).
  var word: String {
    switch self {
    case .view: "CAN_VIEW"
    case .query: "CAN_QUERY"
    case .manage: "CAN_MANAGE"
    }
  }

  /// - Parameter word: the API's word.
  init?(word: String) {
    guard let level = EndpointLevel.allCases.first(where: { $0.word == word }) else { return nil }
    self = level
  }

  fileprivate var verb: String {
    switch self {
    case .view: "see"
    case .query: "query"
    case .manage: "change"
    }
  }

  fileprivate var tokenLevel: TokenLevel {
    switch self {
    case .view: .view
    case .query: .query
    case .manage: .manage
    }
  }
}

extension APIError {
  static func denied(_ message: String) -> APIError {
    APIError(status: 403, code: "PERMISSION_DENIED", message: message)
  }

  static func noEndpoint(withID id: String) -> APIError { .missing("Endpoint with id '\(id)' does not exist.") }
}
