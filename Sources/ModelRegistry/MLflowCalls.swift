internal import ServingAPI

/// The calls that MLflow servers and the registry of a workspace have in common (serving-api.md 1.5).
struct MLflowCalls: Sendable {
  let client: ServingClient
  /// What messages must not contain, in addition to the client's own secrets.
  var secrets: [String] = []

  func call(_ path: APIPath, _ query: [(name: String, value: String)]) -> APICall {
    var call = APICall("GET", path, query: query)
    call.secrets = secrets
    return call
  }

  func version(_ number: String, of model: String) async throws -> RegistryLookup<RegisteredVersion> {
    try await version(call("/api/2.0/mlflow/model-versions/get", [("name", model), ("version", number)]))
  }

  func version(_ call: APICall) async throws -> RegistryLookup<RegisteredVersion> {
    try await RegistryLookup { try await client.object(call, as: WireMLflowVersionResponse.self) }.map { answer in
      guard let version = answer.version?.registered else { throw ServingError.namesNoVersion(call) }
      return version
    }
  }

  /// - Parameter model: returns whether the model exists. The versions are searched for, and the search finds none for
  ///   a missing model.
  func versions(
    of name: String, model: () async throws -> RegistryLookup<[String]>
  ) async throws -> RegistryLookup<[RegisteredVersion]> {
    let found = try await search(name).compactMap(\.registered)
    return found.isEmpty ? try await model().map { _ in [] } : .found(found)
  }

  /// Returns all versions of a model; none if it does not exist.
  func search(_ model: String) async throws -> [WireMLflowVersion] {
    // A filter cannot contain an escaped quote, so a name with one is enclosed in the other kind.
    let quote = model.contains("'") ? "\"" : "'"
    let call = call("/api/2.0/mlflow/model-versions/search", [("filter", "name=\(quote)\(model)\(quote)")])
    return try await client.allPages(call, as: WireMLflowVersionPage.self) { ($0.versions, $0.nextPageToken) }
  }
}
