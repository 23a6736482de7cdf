import CanonicalJSON
import Endpoints
import Planning

/// A small model of a provider's side settings: it accepts each call as serving-api.md 1.1 says, and nothing else ever
/// changes. Everything to be done to endpoint "chat" is done, one call per check, and time advances accordingly.
struct SettingsSimulator {
  var live: ObservedEndpoint
  var memory = Memory()
  var now = PlanningTests.now
  /// Each call as `kind`, in order.
  private(set) var calls: [Operation] = []
  /// The kinds of calls that are refused, with the server's words.
  var refusals: [Operation.Kind: String] = [:]
  /// Returned instead of the tables that a telemetry call named.
  private var profiles = 0

  init(_ live: ObservedEndpoint) { self.live = live }

  /// An endpoint of the fleet, in sync with version 1, as a new one is: with the settings that a create contains.
  static func created(_ desired: DesiredEndpoint) -> SettingsSimulator {
    var simulator = SettingsSimulator(PlanningTests.live(v1))
    guard
      case .create(_, _, let tags, let settings)? = decided(desired, nil, Memory(attempt: attempt(v1, base: .absent)))
        .next.operation
    else { return simulator }
    simulator.live = PlanningTests.live(v1, tags: tags)
    simulator.live.settings = ObservedSettings(
      gateway: settings.gateway, notifications: settings.notifications, description: settings.creation.description,
      routeOptimized: settings.creation.routeOptimized ?? false)
    return simulator
  }

  /// Checks and acts until nothing is left to do but wait for a user.
  ///
  /// - Returns: the last decision.
  @discardableResult
  mutating func settle(_ desired: DesiredEndpoint, atMost limit: Int = 30) -> Decision {
    var decision = look(desired)
    for _ in 0..<limit {
      switch decision.next {
      case .call(let operation):
        calls.append(operation)
        let callResult = perform(operation)
        memory.apply(.received(callResult, operation, at: now))
      case .record(let change): memory.apply(change)
      case .wait(let pause):
        if decision.isSettled { return decision }
        now = now + pause
      case .rest, .verify, .checkTarget: return decision
      }
      decision = look(desired)
    }
    return decision
  }

  /// The grants are read only for a manifest that has access settings.
  var grants: [Grant] = []
  var caller: Principal? = .user("ci@example.com")

  func look(_ desired: DesiredEndpoint) -> Decision { decided(desired, seen(desired), memory, at: now) }

  func seen(_ desired: DesiredEndpoint) -> ObservedEndpoint {
    guard desired.sideSettings.access != nil else { return live }
    var copy = live
    var settings = live.settings ?? ObservedSettings()
    settings.access = ObservedAccess(grants: grants, caller: caller)
    copy.settings = settings
    return copy
  }

  mutating func perform(_ operation: Operation) -> CallResult {
    if let words = refusals[operation.kind] { return .refused(words) }
    var settings = live.settings ?? ObservedSettings()
    switch operation {
    case .patchTags(_, let patch):
      let tags = patch.applied(to: live.tags)
      live = PlanningTests.live(v1, tags: tags, id: live.id)
    case .changeSetting(_, .gateway(let gateway)):
      if let table = settings.gateway?.inferenceTable, table.enabled, let next = gateway.inferenceTable,
        (table.catalog, table.schema) != (next.catalog, next.schema)
      {
        return .refused("disable the inference table before its names change")
      }
      settings.gateway = gateway == GatewaySettings() ? nil : gateway
    case .changeSetting(_, .notifications(let addresses)): settings.notifications = addresses
    case .changeSetting(_, .telemetry(let telemetry)):
      profiles += 1
      settings.telemetry = telemetry.map {
        ObservedTelemetry(profileID: $0.profileID ?? "profile-\(profiles)", samplingFraction: $0.samplingFraction)
      }
    case .changeSetting(_, .grant(let id, let more)):
      guard id == live.id else { return .refused("no such id") }
      let named = more.map(\.principal)
      grants = (grants.filter { !named.contains($0.principal) } + more).sorted()
    case .changeSetting(_, .setAccess(let id, let all)):
      guard id == live.id else { return .refused("no such id") }
      grants = all.sorted()
    case .create, .updateConfig, .delete: return .refused("only settings")
    }
    live.settings = settings.isEmpty ? nil : settings
    return .accepted(id: nil, version: nil)
  }

  var kinds: [Operation.Kind] { calls.map(\.kind) }
}

/// The manifest of endpoint "chat" at version 1 with side settings.
func manifest(_ settings: SideSettings, deletionPolicy: DeletionPolicy = .delete) -> DesiredEndpoint {
  DesiredEndpoint(
    name: "chat", config: v1.config, sideSettings: settings, rollout: RolloutPolicy(deadline: .seconds(600)),
    deletionPolicy: deletionPolicy)
}

let sixtyCalls = RateLimit(key: "user", calls: 60)
let table = InferenceTable(catalog: "main", schema: "logs", tableNamePrefix: "chat", enabled: true)
let everything = SideSettings(
  tags: ["team": "support"],
  gateway: GatewaySettings(rateLimits: [sixtyCalls], usageTracking: true, inferenceTable: table),
  notifications: NotificationSettings(onUpdateFailure: ["oncall@example.com"]),
  telemetry: TelemetrySettings(logsTable: "main.logs.chat_logs", samplingFraction: 0.5),
  access: AccessSettings(grants: [Grant(.group("support"), .canQuery)]))
