import CanonicalJSON
import HTTPSupport
import Hummingbird
import ServingAPI
import Synchronization

/// The Unity Catalog lookups (serving-api.md 1.4) over the model directory, and the plane's own call that registers a
/// version.
struct ModelCalls: Sendable {
  let models: ModelDirectory
  let body: CallBody

  func addRoutes(to router: some RouterMethods<PlaneContext>) {
    let base: RouterPath = "/api/2.1/unity-catalog/models"
    router.get(base) { request, _ in
      let withAliases = includesAliases(request)
      return try await answer {
        WireRegisteredModelPage(models: models.models().map { listed($0, withAliases: withAliases) }).json
      }
    }
    router.get("\(base)/{model}") { request, context in
      let (name, withAliases) = (context.path("model"), includesAliases(request))
      return try await answer { try model(name, withAliases: withAliases).json }
    }
    router.get("\(base)/{model}/versions") { _, context in
      let name = context.path("model")
      return try await answer {
        WireModelVersionPage(versions: try models.versions(name).map { wire(name, $0, $1) }).json
      }
    }
    router.post("\(base)/{model}/versions") { request, context in try await register(request, context) }
    router.get("\(base)/{model}/versions/{version}") { request, context in
      let (name, number, withAliases) = (context.path("model"), context.path("version"), includesAliases(request))
      return try await answer { try version(name, number, withAliases: withAliases).json }
    }
    addAliasRoutes(to: router, base)
  }

  private func addAliasRoutes(to router: some RouterMethods<PlaneContext>, _ base: RouterPath) {
    router.get("\(base)/{model}/aliases/{alias}") { _, context in
      let (name, alias) = (context.path("model"), context.path("alias"))
      return try await answer { wire(try models.version(name, alias: alias), aliases: [alias]).json }
    }
    router.put("\(base)/{model}/aliases/{alias}") { request, context in
      let (name, alias) = (context.path("model"), context.path("alias"))
      let sent = try await body.read(request, as: WireSetAliasRequest.self)
      guard let number = sent.versionNum else { throw APIError.invalid("version_num must be a version number") }
      return try await answer {
        try models.setAlias(name, alias, to: Int(clamping: number))
        return WireModelAlias(aliasName: alias, versionNum: number).json
      }
    }
    router.delete("\(base)/{model}/aliases/{alias}") { _, context in
      let (name, alias) = (context.path("model"), context.path("alias"))
      return try await answer {
        try models.removeAlias(name, alias)
        return [:]
      }
    }
  }

  private func register(_ request: Request, _ context: PlaneContext) async throws -> Response {
    let sent = try await body.read(request, as: WireRegisterVersionRequest.self)
    let findings = sent.typeFindings()
    guard findings.isEmpty else { throw APIError.invalid(findings.joined(separator: "; ")) }
    guard let source = sent.source else { throw APIError.invalid("source must be a folder on the plane's machine") }
    let name = context.path("model")
    let number = try sent.version.map { written in
      guard let number = Int(written) else {
        throw APIError.invalid("version must be a positive integer, not \"\(written)\"")
      }
      return number
    }
    // Copies take minutes; a client that disconnects does not want the version.
    let isCancelled = Flag()
    ClientWatch.onDisconnect(from: context.channel) { isCancelled.set() }
    return try await withTaskCancellationHandler {
      try await answer(on: .long) {
        let version = try models.register(
          name, from: source, as: number, entrypoint: sent.entrypoint, task: sent.task, followsLinks: sent.followLinks,
          copy: FolderCopy(isCancelled: { isCancelled.isSet }))
        return wire(version).json
      }
    } onCancel: {
      isCancelled.set()
    }
  }

  /// Runs work that blocks on the disk where blocking is harmless.
  private func answer(
    on threads: BlockingWork = .brief, _ work: @escaping @Sendable () throws -> JSONValue
  ) async throws -> Response {
    do {
      return .json(try await threads.run(work))
    } catch let error as ModelError {
      throw APIError(error)
    }
  }

  private func includesAliases(_ request: Request) -> Bool {
    request.uri.queryParameters.get("include_aliases") == "true"
  }

  private func model(_ name: String, withAliases: Bool) throws(ModelError) -> WireRegisteredModel {
    let versions = try models.versions(name).compactMap { try? $0.version.get() }
    let aliases = withAliases ? try models.aliases(name) : nil
    var model = WireRegisteredModel(
      fullName: name,
      aliases: aliases?.sorted { $0.key < $1.key }.map {
        WireModelAlias(aliasName: $0.key, versionNum: Int64($0.value))
      })
    model.createdAt = versions.first?.created
    model.updatedAt = versions.last?.created
    return model
  }

  /// A model as a list item: a problem with one model is reported in its place and does not keep others from being
  /// listed.
  private func listed(_ name: String, withAliases: Bool) -> WireRegisteredModel {
    do throws(ModelError) {
      return try model(name, withAliases: withAliases)
    } catch {
      var model = WireRegisteredModel(fullName: name)
      model.comment = error.description
      return model
    }
  }

  private func version(_ name: String, _ number: String, withAliases: Bool) throws(ModelError) -> WireModelVersion {
    guard let value = Int(number) else {
      throw ModelError(code: .invalid, description: "\"\(number)\" is not a valid version number")
    }
    let version = try models.version(name, value)
    guard withAliases else { return wire(version) }
    return wire(version, aliases: try models.aliases(name).filter { $0.value == value }.keys.sorted())
  }

  private func wire(_ model: String, _ number: Int, _ version: Result<ModelVersion, ModelError>) -> WireModelVersion {
    switch version {
    case .success(let version): return wire(version)
    case .failure(let error):
      var damaged = WireModelVersion(modelName: model, version: Int64(number), status: .failedRegistration)
      damaged.comment = error.description
      return damaged
    }
  }

  private func wire(_ version: ModelVersion, aliases: [String]? = nil) -> WireModelVersion {
    var wire = WireModelVersion(modelName: version.model, version: Int64(version.number), status: .ready)
    wire.source = version.source
    wire.storageLocation = version.artifacts
    wire.createdAt = version.created
    wire.aliases = aliases?.map { WireModelAlias(aliasName: $0, versionNum: Int64(version.number)) }
    wire.entrypoint = version.isAdapter ? nil : version.entrypoint
    wire.task = version.task
    return wire
  }
}

/// An event that may or may not have happened yet.
private final class Flag: Sendable {
  private let value = Atomic(false)

  var isSet: Bool { value.load(ordering: .relaxed) }

  func set() { value.store(true, ordering: .relaxed) }
}
