internal import CanonicalJSON
internal import Endpoints
internal import ServingAPI

/// The endpoints of a workspace and how they change: the state machine of serving-api.md 2, as a value. Each read of an
/// endpoint advances its update by one step.
struct WorkspaceState {
  var endpoints: [String: Endpoint] = [:]
  var models: [String: Model] = [:]
  var identities = Identities()
  /// Direct grants by endpoint id; an id keeps its grants after the endpoint is deleted (serving-api.md Q42).
  var grants: [String: [Grant]] = [:]
  var behaviors = WorkspaceBehaviors()
  /// By `model/version`; each rollout takes the first one, and the last one stays.
  var versionBehaviors: [String: [VersionBehavior]] = [:]
  /// By `model/version`; other versions answer "Hello from v" and their number.
  var answers: [String: (status: Int, text: String)] = [:]
  /// By `model/version`: the output of the model server and the build.
  var logTexts: [String: (server: String, build: String)] = [:]
  /// Milliseconds since 1970 for the timestamps of endpoints; one second later with each change.
  var clock: Int64 = 1_767_225_600_000
  /// Milliseconds since 1970 by the workspace's own clock, which only the double advances.
  var now: Int64 = 1_767_225_600_000
  /// Counts the calls, so that no two responses are shuffled alike.
  var answered: UInt64 = 0
  /// When creates and config updates were allowed, for the limit.
  var writesLetThrough: [Int64] = []
  /// Names whose endpoint was deleted and that cannot be used yet, with the number of creates that will fail.
  var lingering: [String: Int] = [:]
  private var made = 0

  struct Endpoint {
    var name: String
    var id: String
    var creator: String
    var tags: [WireTag]
    var settings = Settings()
    var active: Version?
    var pending: Pending?
    var update = UpdateState.notUpdating
    var isReady = false
    var isStopped = false
    var isAtZero = false
    var message = ""
    /// The failed config, for servers that keep showing it.
    var failed: Version?
    var created: Int64
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
    var behavior: VersionBehavior
    var polls: Int
    var looks = 0
    /// When it started, by the workspace's clock.
    var began: Int64
  }

  mutating func tick() -> Int64 {
    clock += 1000
    return clock
  }

  // MARK: - Writes

  mutating func create(_ body: JSONValue?) -> WorkspaceResponse {
    let request = WireCreateRequest(body) ?? WireCreateRequest()
    let name = request.name ?? ""
    if let refusal = refusal(ofName: name) ?? refusal(of: request.config, for: name) { return refusal }
    if let left = lingering[name] {
      lingering[name] = left > 1 ? left - 1 : nil
      return .error(409, "RESOURCE_ALREADY_EXISTS", "Endpoint with name '\(name)' already exists.")
    }
    made += 1
    let id = String(repeating: "0", count: 24) + String(0x1000_0000 + made, radix: 16)
    let now = tick()
    var endpoint = Endpoint(
      name: name, id: id, creator: identities.caller.name, tags: request.tags ?? [], created: now, lastUpdated: now)
    if let refusal = endpoint.settings.set(fromCreate: body, behaviors) { return refusal }
    endpoint.settings.setTelemetry(
      fromCreate: body, hasOwnModels: request.config?.hasOwnModels == true, behaviors, id: id)
    grants[id] = [Grant(identities.caller, "CAN_MANAGE")]
    endpoints[name] = endpoint
    if let config = request.config { begin(config, of: name) }
    return response(to: name)
  }

  mutating func updateConfig(_ name: String, to config: WireConfig) -> WorkspaceResponse {
    guard let endpoint = endpoints[name] else { return missing(name) }
    guard !endpoint.update.isUpdating else {
      return .error(409, "RESOURCE_CONFLICT", "Endpoint '\(name)' is currently updating. Try again once it is done.")
    }
    if let refusal = refusal(of: config, for: name) { return refusal }
    begin(config, of: name)
    return response(to: name)
  }

  mutating func delete(_ name: String) -> WorkspaceResponse {
    guard endpoints.removeValue(forKey: name) != nil else { return missing(name) }
    if behaviors.nameLingers > 0 { lingering[name] = behaviors.nameLingers }
    _ = tick()
    // MLflow's client parses the response as JSON, so a workspace must send an object.
    return WorkspaceResponse(json: [:])
  }

  /// A user stops the update in progress in the web UI.
  mutating func cancelUpdate(_ name: String) {
    guard var endpoint = endpoints[name], endpoint.pending != nil else { return }
    endpoint.pending = nil
    endpoint.update = .canceled
    endpoint.lastUpdated = tick()
    endpoints[name] = endpoint
  }

  /// Stop (serving-api.md E12). Its compute is released; this has no state of its own (serving-api.md 2.4).
  mutating func stop(_ name: String) -> WorkspaceResponse {
    guard var endpoint = endpoints[name] else { return missing(name) }
    guard !endpoint.update.isUpdating, endpoint.active != nil else {
      return .error(400, "INVALID_STATE", "Endpoint '\(name)' cannot be stopped now.")
    }
    endpoint.isStopped = true
    endpoint.isReady = false
    endpoint.lastUpdated = tick()
    endpoints[name] = endpoint
    return response(to: name)
  }

  /// Start (serving-api.md E12). It creates a new config version with the same content.
  mutating func start(_ name: String) -> WorkspaceResponse {
    guard let endpoint = endpoints[name] else { return missing(name) }
    guard endpoint.isStopped, let active = endpoint.active else {
      return .error(400, "INVALID_STATE", "Endpoint '\(name)' is not stopped.")
    }
    begin(active.config, of: name)
    return response(to: name)
  }

  private mutating func begin(_ config: WireConfig, of name: String) {
    guard var endpoint = endpoints[name] else { return }
    let behavior = config.entities.map { takeBehavior(of: $0) }.max { $0.weight < $1.weight } ?? .ready()
    endpoint.lastVersion += 1
    endpoint.lastUpdated = tick()
    let filled = config.filled(behaviors, creator: endpoint.creator, at: clock)
    endpoint.pending = Pending(
      version: Version(number: endpoint.lastVersion, config: filled, since: clock), behavior: behavior,
      polls: behavior.polls,
      began: now)
    endpoint.update = .inProgress
    endpoint.failed = nil
    endpoint.message = ""
    endpoints[name] = endpoint
  }

  private mutating func takeBehavior(of entity: WireServedEntity) -> VersionBehavior {
    let key = entity.behaviorKey
    guard let list = versionBehaviors[key], let first = list.first else { return .ready() }
    if list.count > 1 { versionBehaviors[key] = Array(list.dropFirst()) }
    return first
  }

  // MARK: - Reads

  /// The endpoint as it is, and afterwards advanced by one step.
  mutating func look(_ name: String) -> WorkspaceResponse {
    if let foundation = foundationEndpoint(name) { return WorkspaceResponse(json: foundation.json) }
    guard endpoints[name] != nil else { return missing(name) }
    settle(name)
    let response = response(to: name)
    endpoints[name]?.pending?.polls -= 1
    endpoints[name]?.pending?.looks += 1
    return response
  }

  private mutating func settle(_ name: String) {
    guard var endpoint = endpoints[name], let pending = endpoint.pending, isOver(pending) else { return }
    if case .vanishes = pending.behavior {
      endpoints[name] = nil
      return
    }
    endpoint.pending = nil
    endpoint.lastUpdated = tick()
    if case .fails(_, let message) = pending.behavior {
      endpoint.update = .failed
      endpoint.failed = pending.version
      endpoint.message = message
    } else {
      endpoint.active = pending.version
      endpoint.update = .notUpdating
      endpoint.isReady = true
      endpoint.isStopped = false
      endpoint.isAtZero = false
    }
    endpoints[name] = endpoint
  }

  private func isOver(_ pending: Pending) -> Bool {
    guard case .readyAfter(let duration) = pending.behavior else { return pending.polls <= 0 }
    return now - pending.began >= duration.milliseconds
  }

  func response(to name: String) -> WorkspaceResponse {
    endpoints[name].map { WorkspaceResponse(json: shown($0).json) } ?? missing(name)
  }

  func missing(_ name: String) -> WorkspaceResponse {
    .error(404, "RESOURCE_DOES_NOT_EXIST", "Endpoint with name '\(name)' does not exist.")
  }
}

extension VersionBehavior {
  /// Of several entities, the one with the worst outcome decides.
  fileprivate var weight: Int {
    switch self {
    case .ready(let polls): polls
    case .readyAfter: 500
    case .fails(let polls, _): 1000 + polls
    case .vanishes: 1500
    case .hangs: 2000
    case .refused: 3000
    }
  }

  fileprivate var polls: Int {
    switch self {
    case .ready(let polls), .fails(let polls, _), .vanishes(let polls): polls
    case .hangs, .refused, .readyAfter: Int.max
    }
  }
}

extension WireServedEntity {
  /// The key under which the double stores the behavior of a version.
  var behaviorKey: String { "\(entityName ?? "")/\(entityVersion ?? "")" }
}

extension Duration {
  var milliseconds: Int64 { components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000 }
}
