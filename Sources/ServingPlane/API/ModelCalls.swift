import CanonicalJSON
import Hummingbird
import ServingAPI

/// The Unity Catalog lookups (serving-api.md 1.4) over the model directory, and the plane's own calls that change it.
struct ModelCalls: Sendable {
  let models: ModelDirectory
  let endpoints: ServingEndpoints
  let registrations: ModelRegistrations
  let hub: HubTool
  let body: CallBody

  func addRoutes(to router: some RouterMethods<PlaneContext>) {
    let base: RouterPath = "/api/2.1/unity-catalog/models"
    router.get(base) { request, _ in
      let withAliases = includesAliases(request)
      return try await answer {
        let names = Set(models.models() + registrations.listed().map(\.model))
        return WireRegisteredModelPage(models: names.sorted().map { listed($0, withAliases: withAliases) }).json
      }
    }
    router.get("\(base)/{model}") { request, context in
      let (name, withAliases) = (context.path("model"), includesAliases(request))
      return try await answer { try model(name, withAliases: withAliases).json }
    }
    router.get("\(base)/{model}/versions") { _, context in
      let name = context.path("model")
      return try await answer { WireModelVersionPage(versions: try versions(name)).json }
    }
    router.get("\(base)/{model}/versions/{version}") { request, context in
      let (name, number, withAliases) = (context.path("model"), context.path("version"), includesAliases(request))
      return try await answer { try version(name, number, withAliases: withAliases).json }
    }
    addAliasRoutes(to: router, base)
    addChanges(to: router, base)
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
        try refuseUnfinished(name, Int(clamping: number))
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

  /// Refuses an alias for a version that is not there yet.
  private func refuseUnfinished(_ name: String, _ number: Int) throws(ModelError) {
    guard let registration = registrations.registration(name, number), registration.result == nil,
      !models.numbers(name).contains(number)
    else { return }
    throw ModelError(
      code: .inUse,
      description: "version \(number) of model \"\(name)\" is being registered; set the alias once it is READY")
  }

  /// Runs brief work that blocks on the disk where blocking is harmless.
  func answer(_ work: @escaping @Sendable () throws -> JSONValue) async throws -> Response {
    do {
      return .json(try await BlockingWork.brief.run(work))
    } catch let error as ModelError {
      throw APIError(error)
    }
  }

  /// The number in a path; nil unless it is written in its one form.
  func versionNumber(_ text: String) -> Int? { Int(text).flatMap { String($0) == text ? $0 : nil } }

  private func includesAliases(_ request: Request) -> Bool {
    request.uri.queryParameters.get("include_aliases") == "true"
  }

  private func model(_ name: String, withAliases: Bool) throws(ModelError) -> WireRegisteredModel {
    if !registrations.listed(name).isEmpty, models.numbers(name).isEmpty { return WireRegisteredModel(fullName: name) }
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

  /// All versions of a model, also those that are being registered, by number.
  private func versions(_ name: String) throws(ModelError) -> [WireModelVersion] {
    let begun = registrations.listed(name)
    var versions: [Int: WireModelVersion] = [:]
    if begun.isEmpty || !models.numbers(name).isEmpty {
      for (number, version) in try models.versions(name) { versions[number] = wire(name, number, version) }
    }
    for registration in begun where versions[registration.number] == nil {
      versions[registration.number] = wire(registration)
    }
    return versions.sorted { $0.key < $1.key }.map(\.value)
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
    guard let value = versionNumber(number) else {
      throw ModelError(code: .invalid, description: "\"\(number)\" is not a valid version number")
    }
    if let registration = registrations.registration(name, value), !models.numbers(name).contains(value) {
      return wire(registration)
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

  func wire(_ version: ModelVersion, aliases: [String]? = nil) -> WireModelVersion {
    var wire = WireModelVersion(modelName: version.model, version: Int64(version.number), status: .ready)
    wire.source = version.source
    wire.storageLocation = version.artifacts
    wire.createdAt = version.created
    wire.aliases = aliases?.map { WireModelAlias(aliasName: $0, versionNum: Int64(version.number)) }
    wire.entrypoint = version.isAdapter ? nil : version.entrypoint
    wire.task = version.task
    wire.sizeBytes = version.size ?? FolderSize(of: version.artifacts).bytes
    return wire
  }
}
