import CanonicalJSON
import Controller
import ControllerKit
import Endpoints
import History
import Planning
import ServingAPI
import Synchronization
import TestKit
import Testing

/// Side settings against the workspace double: what is sent, what is read back, and that the second diff is empty.
@Suite struct SettingsReconcileTests {
  typealias Environment = ControllerEnvironment

  private static let settings = SideSettings(
    tags: ["team": "support"],
    gateway: GatewaySettings(
      rateLimits: [RateLimit(key: "user", calls: 60), RateLimit(key: "endpoint", calls: 600)], usageTracking: true,
      inferenceTable: InferenceTable(catalog: "main", schema: "logs", tableNamePrefix: "chat")),
    notifications: NotificationSettings(onUpdateFailure: ["oncall@example.com"]),
    telemetry: TelemetrySettings(
      logsTable: "main.logs.chat_logs", metricsTable: "main.logs.chat_metrics", samplingFraction: 0.5),
    access: AccessSettings(grants: [Grant(.group("support"), .canQuery), Grant(.user("a@example.com"), .canManage)]),
    creation: CreationSettings(description: "for support", budgetPolicy: "b-1"))

  private static func endpoint(
    _ settings: SideSettings = settings, version: String = "1", name: String = "chat",
    deletionPolicy: DeletionPolicy = .delete
  ) -> DesiredEndpoint {
    DesiredEndpoint(
      name: name, config: Environment.config(version), sideSettings: settings, deletionPolicy: deletionPolicy)
  }

  private func environment(_ behaviors: WorkspaceBehaviors = WorkspaceBehaviors()) throws -> Environment {
    let environment = try Environment(behaviors: behaviors)
    environment.workspace.setModel(Environment.model, versions: [1: .ready, 2: .ready])
    return environment
  }

  struct Behavior: Sendable, CustomTestStringConvertible {
    let name: String
    let turn: @Sendable (inout WorkspaceBehaviors) -> Void
    var testDescription: String { name }
  }

  static let behaviors: [Behavior] = [
    Behavior(name: "as it is") { _ in },
    Behavior(name: "another order") { $0.order = .random(seed: 7) },
    Behavior(name: "no defaults filled") { $0.fillsDefaults = false },
    Behavior(name: "null for empty") { $0.writesNullForEmpty = true },
    Behavior(name: "a description omitted") { $0.omitsEmptyDescription = true },
    Behavior(name: "the logs table returned") { $0.echoesLogsTable = true },
    Behavior(name: "telemetry that nobody requested") { $0.givesTelemetry = true },
    Behavior(name: "unknown members") { $0.speaksOfTheFuture = true },
    Behavior(name: "tags as an array") { $0.answersTagsAsArray = true },
    Behavior(name: "stale reads") { $0.staleReads = 1 },
  ]

  @Test(arguments: behaviors)
  func `all settings are applied, and the second diff is empty`(behavior: Behavior) async throws {
    var behaviors = WorkspaceBehaviors()
    behavior.turn(&behaviors)
    let environment = try environment(behaviors)
    let fleet = Environment.fleet(Self.endpoint())
    let results = try await environment.apply(fleet)
    #expect(results.map(\.isInSync) == [true], "\(results)")
    #expect(environment.workspace.grants(on: "chat")["support"] == "CAN_QUERY")
    #expect(
      environment.workspace.member("email_notifications", of: "chat")?["on_update_failure"] == ["oncall@example.com"])
    environment.workspace.forgetCalls()
    _ = try? await environment.reconciler().observe("chat", desired: .none)
    let plan = try await environment.diff(fleet)
    #expect(plan.isInSync, "\(plan.changes)")
    let again = try await environment.apply(fleet)
    #expect(again.isEmpty)
    #expect(environment.workspace.writes.isEmpty)
    let bare = Environment.fleet(Self.endpoint(SideSettings()))
    #expect(try await environment.apply(bare).map(\.isInSync) == [true])
    #expect(environment.workspace.endpoint("chat")?.tags.keys.contains(FleetTags.manages) == false)
    #expect(environment.workspace.endpoint("chat")?.settings?.gateway?.rateLimits == nil)
    #expect(try await environment.diff(bare).isInSync)
  }

  @Test func `the calls for a new endpoint and for an update come in order`() async throws {
    let environment = try environment()
    try await environment.apply(Environment.fleet(Self.endpoint()))
    let id = environment.workspace.endpoint("chat")?.id ?? ""
    #expect(
      environment.workspace.writes.map(\.description) == [
        "POST /api/2.0/serving-endpoints", "PATCH /api/2.0/serving-endpoints/chat/telemetry-config",
        "PATCH /api/2.0/permissions/serving-endpoints/\(id)", "PATCH /api/2.0/serving-endpoints/chat/tags",
      ])
    environment.workspace.forgetCalls()
    var changed = Self.settings
    changed.gateway?.inferenceTable = InferenceTable(catalog: "main", schema: "elsewhere", tableNamePrefix: "chat")
    changed.notifications = NotificationSettings(onUpdateFailure: ["other@example.com"])
    changed.telemetry = TelemetrySettings(logsTable: "main.logs.other")
    changed.access = AccessSettings(mode: .exact, grants: [Grant(.group("support"), .canView)])
    let results = try await environment.apply(Environment.fleet(Self.endpoint(changed, version: "2")))
    #expect(results.map(\.isInSync) == [true])
    #expect(
      environment.workspace.writes.map(\.description) == [
        "PUT /api/2.0/serving-endpoints/chat/config", "PATCH /api/2.0/serving-endpoints/chat/tags",
        "PUT /api/2.0/serving-endpoints/chat/ai-gateway", "PUT /api/2.0/serving-endpoints/chat/ai-gateway",
        "PATCH /api/2.0/serving-endpoints/chat/notifications", "PATCH /api/2.0/serving-endpoints/chat/telemetry-config",
        "PUT /api/2.0/permissions/serving-endpoints/\(id)", "PATCH /api/2.0/serving-endpoints/chat/tags",
      ])
    #expect(environment.workspace.grants(on: "chat") == ["support": "CAN_VIEW", "deployer@example.com": "CAN_MANAGE"])
  }

  @Test func `drift is reverted, and additions by others stay`() async throws {
    let environment = try environment()
    let fleet = Environment.fleet(Self.endpoint())
    try await environment.apply(fleet)
    let id = environment.workspace.endpoint("chat")?.id ?? ""
    environment.workspace.foreign(
      "PUT", "/api/2.0/serving-endpoints/chat/ai-gateway", ["usage_tracking_config": ["enabled": false]])
    environment.workspace.foreign(
      "PATCH", "/api/2.0/permissions/serving-endpoints/\(id)",
      [
        "access_control_list": [
          ["group_name": "support", "permission_level": "CAN_VIEW"],
          ["service_principal_name": "an-app", "permission_level": "CAN_QUERY"],
        ]
      ])
    let fields = try await environment.diff(fleet).changes.flatMap(\.fields).map(\.path)
    #expect(
      fields == [
        "spec.gateway.rateLimits[key=endpoint]", "spec.gateway.rateLimits[key=user]", "spec.gateway.usageTracking",
        "spec.gateway.inferenceTable", "spec.access[group=support]",
      ])
    #expect(try await environment.apply(fleet).map(\.isInSync) == [true])
    #expect(environment.workspace.grants(on: "chat")["support"] == "CAN_QUERY")
    #expect(environment.workspace.grants(on: "chat")["an-app"] == "CAN_QUERY")
    #expect(try await environment.diff(fleet).isInSync)
  }

  @Test
  func `a refused part of the gateway does not hold up the rest, and the server's words are reported`() async throws {
    let environment = try environment()
    try await environment.apply(Environment.fleet(Self.endpoint(SideSettings())))
    environment.workspace.change { $0.refusedGatewayBlocks = ["rate_limits"] }
    let results = try await environment.apply(Environment.fleet(Self.endpoint(version: "2")))
    #expect(results.map(\.holdCode) == [.refused])
    #expect(environment.liveVersion() == "2")
    #expect(environment.workspace.grants(on: "chat")["support"] == "CAN_QUERY")
    #expect(environment.workspace.endpoint("chat")?.settings?.telemetry != nil)
    guard case .held(let reason)? = results.first?.ending else { return }
    #expect(reason.detail.contains("rate_limits"), "\(reason.detail)")
  }

  @Test func `a create whose response is lost is found again with all its settings`() async throws {
    let environment = try environment()
    environment.workspace.fail("POST", path: "/serving-endpoints", with: .loseAnswer)
    let results = try await environment.apply(Environment.fleet(Self.endpoint()))
    #expect(results.map(\.isInSync) == [true])
    #expect(environment.workspace.landed.filter { $0.method == "POST" }.count == 1)
    #expect(environment.workspace.writes.allSatisfy { !$0.path.hasSuffix("/config") })
    #expect(try await environment.diff(Environment.fleet(Self.endpoint())).isInSync)
  }

  @Test func `an endpoint of the same name outside the fleet is not mistaken for a lost create`() async throws {
    let environment = try environment()
    environment.workspace.fail("POST", path: "/serving-endpoints", with: .loseRequest)
    environment.workspace.foreignEdit("chat", config: Environment.config("1"))
    let results = try await environment.apply(Environment.fleet(Self.endpoint()))
    #expect(results.map(\.holdCode) == [.conflict])
    #expect(environment.workspace.landed.isEmpty)
  }

  @Test func `adoption writes only ownership tags`() async throws {
    let environment = try environment()
    environment.workspace.foreignEdit(
      "chat", config: Environment.config("1"), tags: ["team": "support", "theirs": "x"])
    _ = try await environment.reconciler().observe("chat", desired: .none)
    _ = try await environment.reconciler().observe("chat", desired: .none)
    environment.workspace.foreign(
      "PUT", "/api/2.0/serving-endpoints/chat/ai-gateway",
      ["rate_limits": [["key": "user", "calls": 60, "renewal_period": "minute"]]])
    let before = environment.workspace.endpoint("chat")
    let grants = environment.workspace.grants(on: "chat")
    let fleet = Environment.fleet(
      Self.endpoint(
        SideSettings(
          tags: ["team": "support"], gateway: GatewaySettings(rateLimits: [RateLimit(key: "user", calls: 60)]))))
    let options = DecisionOptions(fleet: "test", adopt: true)
    let plan = try await environment.diff(fleet, options: options)
    #expect(plan.changes.map(\.action) == [.adopt])
    #expect(plan.changes.flatMap(\.fields).map(\.path) == ["fleet"])
    let results = try await environment.apply(fleet, options: options)
    #expect(results.map(\.isInSync) == [true])
    #expect(environment.workspace.writes.allSatisfy { $0.path.hasSuffix("/tags") })
    let after = environment.workspace.endpoint("chat")
    #expect(after?.active == before?.active)
    #expect(environment.workspace.grants(on: "chat") == grants)
    #expect(after?.tags.filter { !FleetTags.isOwn($0.key) } == ["team": "support", "theirs": "x"])
    #expect(try await environment.diff(fleet).isInSync)
  }

  @Test func `a setting that is fixed at creation recreates the endpoint if allowed, and its grants are applied again`()
    async throws
  {
    let environment = try environment()
    let settings = SideSettings(access: AccessSettings(grants: [Grant(.group("support"), .canQuery)]))
    try await environment.apply(Environment.fleet(Self.endpoint(settings)))
    let former = environment.workspace.endpoint("chat")?.id
    var optimized = settings
    optimized.creation.routeOptimized = true
    let fleet = Environment.fleet(Self.endpoint(optimized))
    environment.workspace.forgetCalls()
    #expect(try await environment.apply(fleet).map(\.holdCode) == [.needsRecreate])
    #expect(environment.workspace.writes.isEmpty)

    environment.workspace.change { $0.nameLingers = 2 }
    let allowed = DecisionOptions(fleet: "test", allowRecreate: true)
    let results = try await environment.apply(fleet, options: allowed)
    #expect(results.map(\.isInSync) == [true], "\(results)")
    let id = environment.workspace.endpoint("chat")?.id
    #expect(id != former)
    #expect(environment.workspace.grants(on: "chat")["support"] == "CAN_QUERY")
    #expect(environment.workspace.endpoint("chat")?.settings?.routeOptimized == true)
    #expect(environment.workspace.landed.filter { $0.method == "DELETE" }.count == 1)
    #expect(try await environment.diff(fleet, options: allowed).isInSync)

    var back = optimized
    back.creation.routeOptimized = false
    let kept = Environment.fleet(Self.endpoint(back, deletionPolicy: .retain))
    #expect(try await environment.apply(kept, options: allowed).map(\.holdCode) == [.needsRecreate])
    #expect(environment.workspace.endpoint("chat")?.id == id)
  }

  @Test
  func `after the endpoint is recreated by someone else, grants on the deleted id are not looked for`() async throws {
    let environment = try environment()
    let fleet = Environment.fleet(
      Self.endpoint(SideSettings(access: AccessSettings(grants: [Grant(.group("support"), .canQuery)]))))
    try await environment.apply(fleet)
    let tags = environment.workspace.endpoint("chat")?.tags ?? [:]
    environment.workspace.foreignDelete("chat")
    environment.workspace.foreignEdit("chat", config: Environment.config("1"), tags: tags)
    #expect(try await environment.apply(fleet).map(\.isInSync) == [true])
    #expect(environment.workspace.grants(on: "chat")["support"] == "CAN_QUERY")
    #expect(try await environment.diff(fleet).isInSync)
  }

  @Test func `a rollback does not change the side settings`() async throws {
    let environment = try environment()
    try await environment.apply(Environment.fleet(Self.endpoint()))
    try await environment.apply(Environment.fleet(Self.endpoint(version: "2")))
    environment.workspace.forgetCalls()
    let reconciler = environment.reconciler(DecisionOptions(fleet: "test", leavesSettings: true))
    try await reconciler.rollBack("chat", to: nil)
    let results = await environment.converge(["chat"], of: try await reconciler.standing("chat"), reconciler)
    #expect(results.map(\.holdCode) == [.rolledBack])
    #expect(environment.liveVersion() == "1")
    #expect(environment.workspace.writes.allSatisfy { $0.path.hasSuffix("/config") || $0.path.hasSuffix("/tags") })
    #expect(environment.workspace.endpoint("chat")?.settings?.gateway?.rateLimits?.count == 2)
    #expect(environment.workspace.endpoint("chat")?.tags[FleetTags.manages] != nil)
  }

  @Test func `a saved plan keeps every setting`() async throws {
    let environment = try environment()
    let fleet = Environment.fleet(Self.endpoint())
    let options = DecisionOptions(fleet: "test", allowRecreate: true)
    let reconciler = environment.reconciler(options)
    let items = try await reconciler.survey(fleet)
    let plan = try await reconciler.plan(fleet)
    let saved = SavedPlan(plan, of: items, options: options, key: environment.history.key)
    let read = try SavedPlan(json: JSONValue(parsing: saved.json.bytes()))
    #expect(read == saved)
    #expect(read.allowRecreate)
    guard
      case .present(let restored, _) = try read.desiredFleet(values: [:], key: environment.history.key).desired("chat")
    else {
      Issue.record("not in the plan")
      return
    }
    #expect(restored.sideSettings == Self.settings)
  }

  @Test func `however many endpoints change at once, no more writes are sent than the budget allows`() async throws {
    var behaviors = WorkspaceBehaviors()
    behaviors.writeLimit = WriteLimit(10, per: .seconds(5))
    let environment = try environment(behaviors)
    environment.workspace.setClock { environment.now.milliseconds }
    let endpoints = (0..<120).map { Self.endpoint(SideSettings(), name: "chat-\($0)") }
    let fleet = DesiredFleet(
      endpoints: Dictionary(uniqueKeysWithValues: endpoints.map { ($0.name, .present($0)) }), isComplete: true)
    let limits = ConvergenceLimits(
      budget: SharedWriteBudget(
        .init(writes: 10, period: .seconds(5)), elapsed: { environment.now - Environment.beginning }))
    let waits = Mutex<[String: String]>([:])
    let results = await environment.reconciler().converge(
      endpoints.map(\.name), of: fleet, limits: limits,
      sleep: { pause in
        environment.advance(pause)
        await Task.yield()
      },
      report: { event in
        if case .budgetUsedUp(let look, let budget) = event {
          waits.withLock { $0[look.name] = "\(budget)" }
        }
      })
    #expect(results.count { $0.isInSync } == 120)
    #expect(results.allSatisfy { $0.last?.recorded.memory.backoffs.isEmpty ?? false }, "no 429 was provoked")
    #expect(environment.workspace.writes.count { $0.method == "POST" } == 120, "each was sent once")
    #expect(Set(waits.withLock(\.values)) == ["10 per 5s"])
  }
}
