internal import ServingAPI

/// The provider's own registries: Unity Catalog for `catalog.schema.name`; for a bare name the registry of the
/// workspace, or a plane's directory, which accepts Unity Catalog's calls for any name.
struct ProviderRegistry: VersionRegistry {
  private let catalog: UnityCatalog
  private let workspace: WorkspaceRegistry

  init(_ client: ServingClient) {
    catalog = UnityCatalog(client: client)
    workspace = WorkspaceRegistry(calls: MLflowCalls(client: client))
  }

  func version(_ number: String, of model: String) async throws -> RegistryLookup<RegisteredVersion> {
    try await ask(model) { try await $0.version(number, of: model) }
  }

  func version(alias: String, of model: String) async throws -> RegistryLookup<RegisteredVersion> {
    try await ask(model) { try await $0.version(alias: alias, of: model) }
  }

  func versions(of model: String) async throws -> RegistryLookup<[RegisteredVersion]> {
    try await ask(model) { try await $0.versions(of: model) }
  }

  func aliases(of model: String) async throws -> RegistryLookup<[String]> {
    try await ask(model) { try await $0.aliases(of: model) }
  }

  var modelAdvice: String { get async { await catalog.modelAdvice } }

  func nearest(to model: String) async -> String? { await catalog.nearest(to: model) }

  private func ask<Value>(
    _ model: String, _ question: (any VersionRegistry) async throws -> Value
  ) async throws -> Value {
    guard !model.contains("."), !catalog.client.target.isLocalPlane else { return try await question(catalog) }
    do {
      return try await question(workspace)
    } catch let error as ServingError where error.isUnknownPath {
      // A plane that was given by its address; it does not have MLflow's calls.
      return try await question(catalog)
    }
  }
}

/// The workspace's registry from before Unity Catalog. It does not support aliases (serving-api.md 1.5).
private struct WorkspaceRegistry: VersionRegistry {
  let calls: MLflowCalls

  func version(_ number: String, of model: String) async throws -> RegistryLookup<RegisteredVersion> {
    try await calls.version(number, of: model)
  }

  func version(alias: String, of model: String) async throws -> RegistryLookup<RegisteredVersion> {
    if case .missing(let words) = try await aliases(of: model) { return .missing(words) }
    throw ModelRegistryError(
      .noAliases, "\(model)@\(alias): the workspace's registry does not support aliases",
      advice: "use a version number or latest, or register the model in Unity Catalog, as catalog.schema.name")
  }

  func versions(of model: String) async throws -> RegistryLookup<[RegisteredVersion]> {
    try await calls.versions(of: model) { try await aliases(of: model) }
  }

  func aliases(of model: String) async throws -> RegistryLookup<[String]> {
    let call = calls.call("/api/2.0/mlflow/databricks/registered-models/get", [("name", model)])
    return try await RegistryLookup { try await calls.client.json(call) }.map { _ in [] }
  }

  var modelAdvice: String { "" }
}
