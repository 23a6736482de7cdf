package import ServingAPI

/// The registry of an MLflow server (serving-api.md 1.5).
package struct MLflowServer: VersionRegistry {
  let calls: MLflowCalls
  private let hasCredentials: Bool

  /// - Parameters:
  ///   - url: as parsed by ``RegistryChoice``.
  ///   - source: where the address was given, for messages.
  ///   - version: Setpoint's own, for the `User-Agent`.
  ///   - retryPolicy: the policy for retries; nil: the default for the address.
  package init(
    url: String, source: String, credentials: MLflowCredentials, version: String, transport: @escaping Transport,
    timing: Timing,
    retryPolicy: RetryPolicy? = nil
  ) {
    let target = ProviderTarget(url: url, source: source, tokenSource: credentials.source)
    hasCredentials = credentials != .none
    let client = ServingClient(
      ProviderAccess(target: target, token: credentials.secret), version: version,
      transport: credentials.applied(to: transport), timing: timing, retryPolicy: retryPolicy)
    calls = MLflowCalls(client: client, secrets: [credentials.basic].compactMap(\.self))
  }

  package func version(_ number: String, of model: String) async throws -> RegistryLookup<RegisteredVersion> {
    try await advised { try await calls.version(number, of: model) }
  }

  package func version(alias: String, of model: String) async throws -> RegistryLookup<RegisteredVersion> {
    let call = calls.call("/api/2.0/mlflow/registered-models/alias", [("name", model), ("alias", alias)])
    do {
      return try await advised { try await calls.version(call) }
    } catch let error as ServingError where error.errorCode == "INVALID_PARAMETER_VALUE" {
      // The code is used for a missing alias and for other invalid values. The list of aliases distinguishes them.
      if case .found(let aliases) = try await aliases(of: model), aliases.contains(alias) { throw error }
      return .missing(error.serverMessage)
    }
  }

  package func versions(of model: String) async throws -> RegistryLookup<[RegisteredVersion]> {
    try await advised { try await calls.versions(of: model) { try await aliases(of: model) } }
  }

  package func aliases(of model: String) async throws -> RegistryLookup<[String]> {
    let call = calls.call("/api/2.0/mlflow/registered-models/get", [("name", model)])
    return try await advised {
      try await RegistryLookup { try await calls.client.object(call, as: WireMLflowModelResponse.self) }
        .map { ($0.model?.aliases ?? []).compactMap(\.alias) }
    }
  }

  package var modelAdvice: String { "check its name on the MLflow server \(calls.client.target.url)" }

  /// The client's advice for a workspace does not help here.
  func advised<Value>(_ question: () async throws -> Value) async throws -> Value {
    do {
      return try await question()
    } catch var error as ServingError {
      error.advice = advice(error)
      throw error
    }
  }

  private func advice(_ error: ServingError) -> String? {
    let target = calls.client.target
    switch error.kind {
    case .unauthenticated, .permissionDenied:
      return hasCredentials
        ? "check the credentials in \(target.tokenSource)"
        : "set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
    case .notFound where error.isAbsence: return nil
    case .unexpectedAnswer, .notFound: return "check that \(target.url) is an MLflow server (from \(target.source))"
    case .network, .timeout:
      return error.isUnreachable
        ? "\(target.url) does not respond; check the address (from \(target.source)), the network and the proxy" : nil
    default: return error.advice
    }
  }
}
