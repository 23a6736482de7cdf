import CanonicalJSON
import Endpoints
import Planning
import ServingAPI
import Synchronization

/// A provider in this process: each call takes its time through a real sleep and is answered with JSON, which is parsed
/// like a server's. An endpoint is ready as soon as it is written.
final class SimulatedProvider: ServingProvider {
  let target = ProviderTarget(url: "https://simulated.example.com", source: "benchmark", tokenSource: "none")
  private let latency: Duration
  private let state: Mutex<State>

  private struct State {
    /// By name, as sent over the wire.
    var answers: [String: [UInt8]] = [:]
    /// The response to a list; nil: it has to be encoded again.
    var listing: [UInt8]?
    var calls = 0
    var looks = 0
    /// The endpoint whose next call is timed, and the start time.
    var awaited: [String: ContinuousClock.Instant] = [:]
    var timed: [String: Duration] = [:]
    /// By the endpoint's id.
    var grants: [String: [Grant]] = [:]
  }

  init(_ endpoints: some Sequence<GeneratedEndpoint> = EmptyCollection<GeneratedEndpoint>(), latency: Duration) {
    self.latency = latency
    state = Mutex(State(answers: Dictionary(uniqueKeysWithValues: endpoints.map { ($0.name, $0.wire.json.bytes()) })))
  }

  /// The number of calls.
  var calls: Int { state.withLock { $0.calls } }
  /// How many of them read one endpoint.
  var looks: Int { state.withLock { $0.looks } }

  /// Measures the time until the endpoint's next call, from now on.
  func time(_ name: String) { state.withLock { $0.awaited[name] = .now } }

  /// The measured time; nil: the call has not arrived.
  func timed(_ name: String) -> Duration? { state.withLock { $0.timed[name] } }

  // MARK: - Responses

  /// Parses the responses of one read of each endpoint, and of one list: the minimum for a resync.
  func decodeAll() throws -> Int {
    let (answers, listing) = state.withLock { (Array($0.answers), $0.listing) }
    var count = 0
    for (name, bytes) in answers where try Self.observed(bytes, name).readiness == .ready { count += 1 }
    guard let listing else { throw NotSimulated() }
    return try Self.summaries(listing).count == count ? count : 0
  }

  private static func observed(_ bytes: [UInt8], _ name: String) throws -> ObservedEndpoint {
    try wire(bytes).observed(as: name)
  }

  private static func wire(_ bytes: [UInt8]) throws -> WireEndpoint {
    guard let endpoint = WireEndpoint(try JSONValue(parsing: bytes)) else { throw NotSimulated() }
    return endpoint
  }

  private static func summaries(_ bytes: [UInt8]) throws -> [EndpointSummary] {
    guard let list = WireEndpointList(try JSONValue(parsing: bytes)) else { throw NotSimulated() }
    return list.endpoints.map { endpoint in
      let observed = endpoint.observed(as: "")
      return EndpointSummary(
        name: observed.name, id: observed.id, creator: observed.creator, tags: observed.tags,
        readiness: observed.readiness, update: observed.update, lastUpdated: observed.lastUpdated)
    }
    .sorted { $0.name < $1.name }
  }

  // MARK: - Calls

  private func call(_ name: String? = nil, isLook: Bool = false) async throws {
    state.withLock { state in
      state.calls += 1
      if isLook { state.looks += 1 }
      if let name, let start = state.awaited.removeValue(forKey: name) { state.timed[name] = start.duration(to: .now) }
    }
    try await wait()
  }

  /// What each call does before it is answered.
  func wait() async throws { try await Task.sleep(for: latency) }

  func list() async throws -> [EndpointSummary] {
    try await call()
    let bytes = try state.withLock { state in
      if let listing = state.listing { return listing }
      let endpoints = try state.answers.values.map { try Self.wire($0) }.map(\.listed)
      let listing = WireEndpointList(endpoints: endpoints).json.bytes()
      state.listing = listing
      return listing
    }
    return try Self.summaries(bytes)
  }

  func observe(_ name: String) async throws -> Observed {
    try await call(name, isLook: true)
    guard let bytes = state.withLock({ $0.answers[name] }) else { return .absent }
    return .present(try Self.observed(bytes, name))
  }

  func details(_ name: String) async throws -> WireEndpoint {
    try await call(name)
    return try change(name) { $0 }
  }

  func create(
    _ name: String, config: EndpointConfig, tags: [String: String], creation: CreationSettings,
    gateway: GatewaySettings?, notifications: NotificationSettings?
  ) async throws -> CreateOutcome {
    try await call(name)
    var endpoint = WireEndpoint(ready: name, id: Self.id(of: name), version: 1, config: config, tags: tags)
    endpoint.description = creation.description
    endpoint.routeOptimized = creation.routeOptimized ?? false
    endpoint.gateway = gateway.map { WireGateway($0) }
    endpoint.notifications = notifications.map { WireNotifications($0) }
    let bytes = endpoint.json.bytes()
    let writeResponse = endpoint.writeResponse
    state.withLock { state in
      state.answers[name] = bytes
      state.listing = nil
    }
    return .created(writeResponse)
  }

  func updateConfig(_ name: String, to config: EndpointConfig) async throws -> WriteResponse {
    try await call(name)
    return try change(name) { former in
      WireEndpoint(
        ready: name, id: former.id ?? "", version: (former.announcedVersion ?? 0) + 1, config: config,
        tags: WireTag.dictionary(former.tags ?? []))
    }.writeResponse
  }

  func patchTags(_ name: String, set: [String: String], remove: [String]) async throws {
    try await call(name)
    _ = try change(name) { former in
      var tags = WireTag.dictionary(former.tags ?? [])
      for key in remove { tags[key] = nil }
      var endpoint = former
      endpoint.tags = WireTag.list(tags.merging(set) { $1 })
      return endpoint
    }
  }

  func putGateway(_ name: String, _ settings: GatewaySettings) async throws {
    try await edit(name) { $0.gateway = WireGateway(settings) }
  }

  func patchNotifications(_ name: String, _ settings: NotificationSettings) async throws {
    try await edit(name) { $0.notifications = WireNotifications(settings) }
  }

  func patchTelemetry(_ name: String, _ settings: TelemetrySettings?) async throws {
    try await edit(name) { $0.telemetry = settings.map { WireTelemetry($0) } }
  }

  func access(id: String) async throws -> ObservedAccess {
    try await call()
    return ObservedAccess(grants: state.withLock { $0.grants[id] } ?? [])
  }

  func patchAccess(id: String, _ grants: [Grant]) async throws {
    try await call()
    state.withLock { state in
      let principals = Set(grants.map(\.principal))
      state.grants[id] = (state.grants[id] ?? []).filter { !principals.contains($0.principal) } + grants
    }
  }

  func putAccess(id: String, _ grants: [Grant]) async throws {
    try await call()
    state.withLock { $0.grants[id] = grants }
  }

  func delete(_ name: String) async throws {
    try await call(name)
    state.withLock { state in
      state.answers[name] = nil
      state.listing = nil
    }
  }

  func ask(_ name: String, entity: String?, prompt: String, timeout: Duration) async throws -> ChatAnswer {
    try await call(name)
    return ChatAnswer(status: 200, text: "hello", servedEntity: entity, elapsed: latency)
  }

  func streamChat(_ name: String, entity: String?, prompt: String) async throws -> ChatStream {
    try await call(name)
    return ChatStream(pieces: ["hello"], servedEntity: entity)
  }

  func logs(_ name: String, entity: String) async throws -> String { "" }

  func buildLogs(_ name: String, entity: String) async throws -> String { "" }

  private func edit(_ name: String, _ body: (inout WireEndpoint) -> Void) async throws {
    try await call(name)
    _ = try change(name) { former in
      var endpoint = former
      body(&endpoint)
      return endpoint
    }
  }

  private func change(_ name: String, _ body: (WireEndpoint) throws -> WireEndpoint) throws -> WireEndpoint {
    try state.withLock { state in
      guard let bytes = state.answers[name] else { throw NotSimulated() }
      let endpoint = try body(Self.wire(bytes))
      state.answers[name] = endpoint.json.bytes()
      state.listing = nil
      return endpoint
    }
  }

  private static func id(of name: String) -> String {
    let digits = String(name.utf8.reduce(0 as UInt32) { $0 &* 31 &+ UInt32($1) }, radix: 16)
    return "0f3c9a7e52d14b86" + String(repeating: "0", count: 16 - digits.count) + digits
  }
}

/// The requested item does not exist, or is not JSON of the API.
private struct NotSimulated: Error {}

extension GeneratedEndpoint {
  /// The endpoint in sync with its manifest, as a server reports it.
  fileprivate var wire: WireEndpoint {
    let observed = observed
    return WireEndpoint(
      ready: name, id: observed.id, version: 3, config: observed.active?.config ?? EndpointConfig(entities: []),
      tags: observed.tags)
  }
}

extension WireEndpoint {
  /// With everything that a workspace reports about a ready endpoint.
  fileprivate init(ready name: String, id: String, version: Int64, config: EndpointConfig, tags: [String: String]) {
    let time = GeneratedEndpoint.now.milliseconds
    self.init()
    self.name = name
    self.id = id
    self.tags = WireTag.list(tags)
    creator = "deployer@example.com"
    permissionLevel = "CAN_MANAGE"
    task = "llm/v1/chat"
    routeOptimized = false
    creationTimestamp = time
    lastUpdatedTimestamp = time
    state = WireState(ready: .ready, configUpdate: .notUpdating)
    var wire = WireConfig(config)
    wire.configVersion = version
    wire.startTime = time
    wire.servedEntities = wire.servedEntities?.map { entity in
      var entity = entity
      entity.creator = creator
      entity.creationTimestamp = time
      entity.type = "UC_MODEL"
      entity.state = WireDeploymentState(deployment: DeploymentState.ready, message: "")
      return entity
    }
    self.config = wire
  }

  /// As an item of a list, which contains less.
  fileprivate var listed: WireEndpoint {
    var item = self
    item.config?.servedEntities = config?.servedEntities?.map { entity in
      var short = WireServedEntity()
      short.name = entity.name
      short.entityName = entity.entityName
      short.entityVersion = entity.entityVersion
      return short
    }
    return item
  }

  fileprivate var writeResponse: WriteResponse {
    WriteResponse(id: id ?? "", announcedVersion: announcedVersion, lastUpdated: lastUpdatedTimestamp ?? 0)
  }
}
