internal import CanonicalJSON
internal import ServingAPI

extension WorkspaceState {
  struct Model {
    var versions: [Int64: ModelVersionStatus]
    var aliases: [String: Int64]
    /// Versions that are `PENDING_REGISTRATION` for this many more reads (serving-api.md Q38).
    var registering: [Int64: Int] = [:]
    /// Tags of versions, such as `task`.
    var tags: [Int64: [String: String]] = [:]
  }

  /// What a read of a version returns; a version that is being registered advances by one read.
  mutating func status(of number: Int64, in model: String) -> ModelVersionStatus? {
    guard let status = models[model]?.versions[number] else { return nil }
    guard let left = models[model]?.registering[number], left > 0 else { return status }
    models[model]?.registering[number] = left - 1
    return .pendingRegistration
  }

  /// The registered models: Unity Catalog's lookups, and the plane's call that registers a directory.
  mutating func catalog(
    _ method: String, _ parts: [String], _ body: JSONValue?, query: [String: String]
  ) -> WorkspaceResponse {
    let name = parts.first ?? ""
    let withAliases = query["include_aliases"] == "true"
    switch (method, parts.count) {
    case ("GET", 0):
      let page = WireRegisteredModelPage(
        models: models.sorted { $0.key > $1.key }.map { wire($0.key, $0.value, withAliases: withAliases) })
      return WorkspaceResponse(json: page.json)
    case ("POST", 2) where parts[1] == "versions": return register(name, WireRegisterVersionRequest(body))
    default: break
    }
    guard let model = models[name] else {
      return .error(404, "RESOURCE_DOES_NOT_EXIST", "Registered model '\(name)' does not exist.")
    }
    switch (method, parts.count, parts.count > 1 ? parts[1] : "") {
    case ("GET", 1, _): return WorkspaceResponse(json: wire(name, model, withAliases: withAliases).json)
    case ("GET", 2, "versions"): return versionPage(name, model, token: query["page_token"])
    case ("GET", 3, "versions"): return version(name, Int64(parts[2]), withAliases: withAliases)
    case ("GET", 3, "aliases"):
      guard let number = model.aliases[parts[2]] else {
        return .error(404, "RESOURCE_DOES_NOT_EXIST", "Alias '\(parts[2])' does not exist.")
      }
      return version(name, number, withAliases: withAliases)
    case ("DELETE", 3, "aliases"):
      models[name]?.aliases[parts[2]] = nil
      return WorkspaceResponse(json: [:])
    case ("PUT", 3, "aliases"):
      let number = WireSetAliasRequest(body)?.versionNum
      guard let number, model.versions[number] != nil else { return version(name, number, withAliases: false) }
      guard parts[2] != "latest" else { return .invalid("'latest' is a reserved alias name.") }
      models[name]?.aliases[parts[2]] = number
      return WorkspaceResponse(json: WireModelAlias(aliasName: parts[2], versionNum: number).json)
    default: return .error(404, "ENDPOINT_NOT_FOUND", "No API found.")
    }
  }

  private mutating func register(_ name: String, _ request: WireRegisterVersionRequest?) -> WorkspaceResponse {
    guard let source = request?.source, source.hasPrefix("/") else {
      return .error(400, "INVALID_PARAMETER_VALUE", "source: an absolute path is needed")
    }
    let number = (models[name]?.versions.keys.max() ?? 0) + 1
    models[name, default: Model(versions: [:], aliases: [:])].versions[number] = .ready
    var version = WireModelVersion(modelName: name, version: number, status: .ready)
    version.source = source
    return WorkspaceResponse(json: version.json)
  }

  private func wire(_ name: String, _ model: Model, withAliases: Bool) -> WireRegisteredModel {
    let aliases = model.aliases.sorted { $0.key < $1.key }.map {
      WireModelAlias(aliasName: $0.key, versionNum: $0.value)
    }
    return WireRegisteredModel(fullName: name, aliases: withAliases ? aliases : nil)
  }

  private mutating func version(_ name: String, _ number: Int64?, withAliases: Bool) -> WorkspaceResponse {
    guard let number, let status = status(of: number, in: name) else {
      return .error(404, "RESOURCE_DOES_NOT_EXIST", "Model version does not exist.")
    }
    var version = WireModelVersion(modelName: name, version: number, status: status)
    if withAliases {
      let aliases = models[name]?.aliases.filter { $0.value == number }.keys.sorted() ?? []
      version.aliases = aliases.map { WireModelAlias(aliasName: $0, versionNum: number) }
    }
    return WorkspaceResponse(json: version.json)
  }

  /// One version per page, unordered, with an empty page before each (serving-api.md 1.4).
  private func versionPage(_ name: String, _ model: Model, token: String?) -> WorkspaceResponse {
    let numbers = model.versions.keys.sorted { ($0 &* 40503 % 127, $0) < ($1 &* 40503 % 127, $1) }
    let index = token.flatMap { Int($0) } ?? 0
    guard index < 2 * numbers.count else { return WorkspaceResponse(json: [:]) }
    let number = numbers[index / 2]
    let status = model.registering[number, default: 0] > 0 ? .pendingRegistration : model.versions[number]
    let versions =
      index % 2 == 0
      ? [] : [WireModelVersion(modelName: name, version: number, status: status ?? .unknown(""))]
    var page = WireModelVersionPage(versions: versions)
    if index + 1 < 2 * numbers.count { page[text: "next_page_token"] = String(index + 1) }
    return WorkspaceResponse(json: page.json)
  }
}
