internal import CanonicalJSON
internal import Endpoints
internal import ServingAPI

/// The endpoints of a workspace and how they change: the state machine of contract section 2, as a value. Each look at an
/// endpoint takes its update one step further.
struct WorkspaceState {
  var endpoints: [String: Endpoint] = [:]
  var models: [String: Model] = [:]
  var habits = WorkspaceHabits()
  /// By `model/version`; each rollout takes the first, the last one stays.
  var fates: [String: [VersionFate]] = [:]
  /// By `model/version`; other versions say "Hello from v" and their number.
  var answers: [String: (status: Int, text: String)] = [:]
  /// Milliseconds since 1970; a second later with each change.
  var clock: Int64 = 1_767_225_600_000
  private var made = 0

  struct Endpoint {
    var name: String
    var id: String
    var creator = "deployer@example.com"
    var tags: [WireTag]
    var active: Version?
    var pending: Pending?
    var update = UpdateState.notUpdating
    var isReady = false
    var message = ""
    /// The failed config, for servers that keep showing it.
    var failed: Version?
    var lastUpdated: Int64
    var lastVersion: Int64 = 0
  }

  struct Version {
    var number: Int64
    var config: WireConfig
    var since: Int64
  }

  struct Pending {
    var version: Version
    var fate: VersionFate
    var polls: Int
  }

  struct Model {
    var versions: [Int64: ModelVersionStatus]
    var aliases: [String: Int64]
  }

  mutating func tick() -> Int64 {
    clock += 1000
    return clock
  }

  // MARK: - Writes

  mutating func create(_ request: WireCreateRequest) -> Reply {
    let name = request.name ?? ""
    if name.isEmpty { return .error(400, "INVALID_PARAMETER_VALUE", "An endpoint name is required.") }
    if endpoints[name] != nil {
      return .error(409, "RESOURCE_ALREADY_EXISTS", "Endpoint with name '\(name)' already exists.")
    }
    if let refusal = refusal(of: request.config) { return refusal }
    made += 1
    let id = String(repeating: "0", count: 24) + String(0x1000_0000 + made, radix: 16)
    endpoints[name] = Endpoint(name: name, id: id, tags: request.tags ?? [], lastUpdated: tick())
    if let config = request.config { begin(config, of: name) }
    return reply(to: name)
  }

  mutating func updateConfig(_ name: String, to config: WireConfig) -> Reply {
    guard let endpoint = endpoints[name] else { return missing(name) }
    guard !endpoint.update.isUpdating else {
      return .error(409, "RESOURCE_CONFLICT", "Endpoint '\(name)' is currently updating. Try again once it is done.")
    }
    if let refusal = refusal(of: config) { return refusal }
    begin(config, of: name)
    return reply(to: name)
  }

  mutating func patchTags(_ name: String, _ patch: WireTagPatch) -> Reply {
    guard var endpoint = endpoints[name] else { return missing(name) }
    var tags = WireTag.dictionary(endpoint.tags)
    for key in patch.deleteTags { tags[key] = nil }
    tags.merge(WireTag.dictionary(patch.addTags)) { $1 }
    endpoint.tags = WireTag.list(tags)
    endpoints[name] = endpoint
    return Reply(json: WireTags(tags: endpoint.tags).json)
  }

  mutating func delete(_ name: String) -> Reply {
    guard endpoints.removeValue(forKey: name) != nil else { return missing(name) }
    _ = tick()
    return Reply(json: nil)
  }

  /// Somebody stops the update under way, in the web page.
  mutating func cancelUpdate(_ name: String) {
    guard var endpoint = endpoints[name], endpoint.pending != nil else { return }
    endpoint.pending = nil
    endpoint.update = .canceled
    endpoint.lastUpdated = tick()
    endpoints[name] = endpoint
  }

  private mutating func begin(_ config: WireConfig, of name: String) {
    guard var endpoint = endpoints[name] else { return }
    let fate = config.entities.map { takeFate(of: $0) }.max { Self.weight($0) < Self.weight($1) } ?? .ready()
    endpoint.lastVersion += 1
    endpoint.lastUpdated = tick()
    endpoint.pending = Pending(
      version: Version(number: endpoint.lastVersion, config: Self.filled(config), since: clock), fate: fate,
      polls: Self.polls(fate))
    endpoint.update = .inProgress
    endpoint.failed = nil
    endpoint.message = ""
    endpoints[name] = endpoint
  }

  private mutating func takeFate(of entity: WireServedEntity) -> VersionFate {
    let key = Self.key(entity)
    guard let list = fates[key], let first = list.first else { return .ready() }
    if list.count > 1 { fates[key] = Array(list.dropFirst()) }
    return first
  }

  private static func key(_ entity: WireServedEntity) -> String {
    "\(entity.entityName ?? "")/\(entity.entityVersion ?? "")"
  }

  private func refusal(of config: WireConfig?) -> Reply? {
    for entity in config?.entities ?? [] {
      if case .refused(let status, let code, let message) = fates[Self.key(entity)]?.first {
        return .error(status, code, message)
      }
      guard entity.scaleToZeroEnabled != nil else {
        return .error(400, "INVALID_PARAMETER_VALUE", "scaleToZeroEnabled is undefined")
      }
    }
    let routes = config?.trafficConfig?.routes ?? []
    if !routes.isEmpty, routes.reduce(0, { $0 + ($1.trafficPercentage ?? 0) }) != 100 {
      return .error(400, "INVALID_PARAMETER_VALUE", "The traffic percentages must add up to 100.")
    }
    return nil
  }

  /// Of several entities the worst off decides.
  private static func weight(_ fate: VersionFate) -> Int {
    switch fate {
    case .ready(let polls): polls
    case .fails(let polls, _): 1000 + polls
    case .hangs: 2000
    case .refused: 3000
    }
  }

  private static func polls(_ fate: VersionFate) -> Int {
    switch fate {
    case .ready(let polls), .fails(let polls, _): polls
    case .hangs, .refused: Int.max
    }
  }

  // MARK: - Looks

  /// The endpoint as it is, and one step on afterwards.
  mutating func look(_ name: String) -> Reply {
    guard endpoints[name] != nil else { return missing(name) }
    settle(name)
    let reply = reply(to: name)
    endpoints[name]?.pending?.polls -= 1
    return reply
  }

  private mutating func settle(_ name: String) {
    guard var endpoint = endpoints[name], let pending = endpoint.pending, pending.polls <= 0 else { return }
    endpoint.pending = nil
    endpoint.lastUpdated = tick()
    if case .fails(_, let message) = pending.fate {
      endpoint.update = .failed
      endpoint.failed = pending.version
      endpoint.message = message
    } else {
      endpoint.active = pending.version
      endpoint.update = .notUpdating
      endpoint.isReady = true
    }
    endpoints[name] = endpoint
  }

  func list() -> Reply {
    let items = endpoints.values.sorted { $0.name < $1.name }.map { endpoint -> WireEndpoint in
      var item = wire(endpoint)
      item.pendingConfig = nil
      // The list names the models only (contract E2).
      let models = item.config?.entities.map { entity -> JSONValue in
        .object(entity.members.filter { ["name", "entity_name", "entity_version"].contains($0.key) })
      }
      item.config = models.map { WireConfig(members: ["served_entities": .array($0)]) }
      return item
    }
    return Reply(json: WireEndpointList(endpoints: items).json)
  }

  private func reply(to name: String) -> Reply {
    endpoints[name].map { Reply(json: wire($0).json) } ?? missing(name)
  }

  func missing(_ name: String) -> Reply {
    .error(404, "RESOURCE_DOES_NOT_EXIST", "Endpoint with name '\(name)' does not exist.")
  }

  private func wire(_ endpoint: Endpoint) -> WireEndpoint {
    var wire = WireEndpoint()
    wire.name = endpoint.name
    wire.id = endpoint.id
    wire.creator = endpoint.creator
    wire.description = ""
    wire.routeOptimized = false
    wire.permissionLevel = "CAN_MANAGE"
    wire.lastUpdatedTimestamp = endpoint.lastUpdated
    wire.tags = habits.mirrorsAndReorders ? endpoint.tags.reversed() : endpoint.tags
    wire.state = WireState(ready: endpoint.isReady ? .ready : .notReady, configUpdate: endpoint.update)
    wire.config = endpoint.active.map { shown($0, deployment: DeploymentWord.ready, message: "") }
    wire.pendingConfig = endpoint.pending.map {
      shown($0.version, deployment: DeploymentWord.creating, message: "Creating resources for served entity.")
    }
    if let failed = endpoint.failed, habits.keepsPendingAfterFailure || endpoint.active == nil {
      wire.pendingConfig = shown(failed, deployment: DeploymentWord.failed, message: endpoint.message)
    }
    if habits.speaksOfTheFuture {
      wire.members["a_member_of_the_future"] = ["depth": 2]
      wire.state?[text: "suspend"] = "NOT_SUSPENDED"
    }
    return wire
  }

  private func shown(_ version: Version, deployment: String, message: String) -> WireConfig {
    var config = version.config
    config.configVersion = version.number
    config.startTime = version.since
    var entities = config.entities.map { entity in
      var entity = entity
      entity.state = WireDeploymentState(deployment: deployment, message: message)
      if habits.speaksOfTheFuture { entity.type = "UC_MODEL" }
      return entity
    }
    if habits.mirrorsAndReorders {
      entities.sort { $0.resolvedName > $1.resolvedName }
      config.servedModels = entities
    }
    config.servedEntities = entities
    return config
  }

  /// With everything the server fills in (contract 3).
  private static func filled(_ config: WireConfig) -> WireConfig {
    var filled = config
    filled.servedModels = nil
    filled.servedEntities = config.entities.map { entity in
      var entity = entity
      entity.name = entity.resolvedName
      entity.workloadType = entity.workloadType ?? "CPU"
      entity.workloadSize = entity.workloadSize ?? "Small"
      return entity
    }
    let routes = config.trafficConfig?.routes ?? []
    let shares =
      routes.isEmpty
      ? filled.entities.map { ($0.resolvedName, 100) }
      : routes.map { ($0.servedEntityName ?? "", Int($0.trafficPercentage ?? 0)) }
    filled.trafficConfig = WireTrafficConfig(
      routes: shares.map { WireRoute.mirrored(servedEntityName: $0.0, trafficPercentage: $0.1) })
    return filled
  }
}

/// An answer of the double before it is put on the wire.
struct Reply {
  var status = 200
  var json: JSONValue?
  /// For streams: the body as text.
  var text: String?
  var headers: [(String, String)] = []

  static func error(_ status: Int, _ code: String, _ message: String) -> Reply {
    Reply(status: status, json: WireErrorBody(errorCode: code, message: message).json)
  }
}
