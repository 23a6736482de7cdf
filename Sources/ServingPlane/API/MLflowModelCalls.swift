import CanonicalJSON
import HTTPSupport
import Hummingbird
import ModelRegistry
import ServingAPI

/// The Unity Catalog lookups (serving-api.md 1.4) over the registered models of an MLflow server. Calls that would
/// change them are refused: that is done in MLflow. Only the versions on this machine's disk are the plane's own.
struct MLflowModelCalls: Sendable {
  let models: MLflowModels
  let endpoints: ServingEndpoints
  let body: CallBody

  private var server: MLflowServer { models.server }

  func addRoutes(to router: some RouterMethods<PlaneContext>) {
    let base: RouterPath = "/api/2.1/unity-catalog/models"
    router.get(base) { _, _ in
      try await answer {
        let models = try await server.models().sorted { $0.name < $1.name }
        return WireRegisteredModelPage(models: models.map(wire)).json
      }
    }
    router.get("\(base)/{model}") { _, context in
      let name = context.path("model")
      return try await answer { try wire(found(try await server.model(name))).json }
    }
    router.get("\(base)/{model}/versions") { _, context in
      let name = context.path("model")
      return try await answer {
        let versions = try found(try await server.allDetails(of: name))
        return WireModelVersionPage(versions: versions.map { wire(name, $0) }).json
      }
    }
    router.get("\(base)/{model}/versions/{version}") { _, context in
      let (name, number) = (context.path("model"), context.path("version"))
      guard let value = Int(number) else { throw APIError.invalid("\"\(number)\" is not a valid version number") }
      return try await answer { try wire(name, found(try await server.details(value, of: name))).json }
    }
    router.get("\(base)/{model}/aliases/{alias}") { _, context in
      let (name, alias) = (context.path("model"), context.path("alias"))
      return try await answer {
        let version = try found(try await server.version(alias: alias, of: name))
        let details = try found(try await server.details(Int(version.number), of: name))
        var wire = wire(name, details)
        wire.aliases = [WireModelAlias(aliasName: alias, versionNum: version.number)]
        return wire.json
      }
    }
    router.post("\(base)/{model}/versions") { _, _ in try refuse() }
    router.delete("\(base)/{model}/versions/{version}") { _, _ in try refuse() }
    router.post("\(base):gc") { request, context in try await collectGarbage(request, by: context.principal?.name) }
    router.put("\(base)/{model}/aliases/{alias}") { _, _ in try refuse() }
    router.delete("\(base)/{model}/aliases/{alias}") { _, _ in try refuse() }
  }

  private func collectGarbage(_ request: Request, by principal: String?) async throws -> Response {
    let sent = try await body.read(request, as: WireCollectGarbageRequest.self)
    let findings = sent.typeFindings()
    guard findings.isEmpty else { throw APIError.invalid(findings.joined(separator: "; ")) }
    let found = try await endpoints.discardVersions(of: models, isDryRun: sent.isDryRun, by: principal)
    let items = found.map { WireLeftover(path: $0.path, what: $0.what, bytes: $0.bytes) }
    return .json(WireGarbage(items: items, isDryRun: sent.isDryRun).json)
  }

  private func refuse() throws(APIError) -> Response {
    throw .invalid(
      "This plane serves the models of the MLflow server \(server.url). Models are registered, changed and deleted "
        + "there: use MLflow.")
  }

  private func answer(_ question: () async throws -> JSONValue) async throws -> Response {
    do {
      return .json(try await question())
    } catch let error as APIError {
      throw error
    } catch let error as CancellationError {
      throw error
    } catch {
      throw APIError(
        ModelError(
          code: .unavailable, description: "the models of the MLflow server \(server.url) cannot be read: \(error)"))
    }
  }

  private func found<Value: Sendable>(_ lookup: RegistryLookup<Value>) throws(APIError) -> Value {
    switch lookup {
    case .found(let value): return value
    case .missing(let words): throw .missing(words)
    }
  }

  private func wire(_ model: MLflowModel) -> WireRegisteredModel {
    let aliases = model.aliases.sorted { $0.key < $1.key }
    return WireRegisteredModel(
      fullName: model.name, aliases: aliases.map { WireModelAlias(aliasName: $0.key, versionNum: $0.value) })
  }

  private func wire(_ model: String, _ details: MLflowVersion) -> WireModelVersion {
    var wire = WireModelVersion(modelName: model, version: details.version.number, status: details.version.status)
    wire.source = details.source
    wire.createdAt = details.created
    if !details.version.statusMessage.isEmpty { wire.comment = details.version.statusMessage }
    if !details.run.isEmpty { wire[text: "run_id"] = details.run }
    return wire
  }
}
