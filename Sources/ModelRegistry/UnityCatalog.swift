internal import ServingAPI

/// Unity Catalog's calls, which workspaces and planes both support (serving-api.md 1.4).
struct UnityCatalog: VersionRegistry {
  let client: ServingClient

  func version(_ number: String, of model: String) async throws -> RegistryLookup<RegisteredVersion> {
    try await version(APICall("GET", "/api/2.1/unity-catalog/models/\(model)/versions/\(number)"))
  }

  func version(alias: String, of model: String) async throws -> RegistryLookup<RegisteredVersion> {
    try await version(APICall("GET", "/api/2.1/unity-catalog/models/\(model)/aliases/\(alias)"))
  }

  private func version(_ call: APICall) async throws -> RegistryLookup<RegisteredVersion> {
    try await RegistryLookup { try await client.object(call, as: WireModelVersion.self) }.map { found in
      guard let version = RegisteredVersion(found) else { throw ServingError.namesNoVersion(call) }
      return version
    }
  }

  /// The call for the newest versions is refused for these models, so all versions are read.
  func versions(of model: String) async throws -> RegistryLookup<[RegisteredVersion]> {
    try await RegistryLookup { try await ModelDirectoryClient(client).versions(of: model) }
      .map { $0.compactMap { RegisteredVersion($0) } }
  }

  func aliases(of model: String) async throws -> RegistryLookup<[String]> {
    try await RegistryLookup { try await ModelDirectoryClient(client).model(model) }
      .map { ($0.aliases ?? []).compactMap(\.aliasName) }
  }

  /// A workspace has more models than one page lists.
  func nearest(to model: String) async -> String? {
    guard await client.isPlane() else { return nil }
    return await ModelDirectoryClient(client).nearest(to: model)
  }

  /// A plane has no grants, whether it was found on this machine or given by its address.
  var modelAdvice: String {
    get async {
      await client.isPlane()
        ? "\"setpoint models list\" shows the models of this plane; \"setpoint models register NAME DIR\" adds one"
        : "check its name (catalog.schema.name), and that the token's owner has USE CATALOG, USE SCHEMA and EXECUTE"
    }
  }
}

extension RegisteredVersion {
  fileprivate init?(_ wire: WireModelVersion) {
    guard let number = wire.version else { return nil }
    self.init(number, wire.status)
  }
}
