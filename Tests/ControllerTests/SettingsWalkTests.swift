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
@Suite struct SettingsWalkTests {
  typealias World = ControllerWorld

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
      name: name, config: World.config(version), sideSettings: settings, deletionPolicy: deletionPolicy)
  }

  private func world(_ habits: WorkspaceHabits = WorkspaceHabits()) throws -> World {
    let world = try World(habits: habits)
    world.workspace.setModel(World.model, versions: [1: .ready, 2: .ready])
    return world
  }

  struct Habit: Sendable, CustomTestStringConvertible {
    let name: String
    let turn: @Sendable (inout WorkspaceHabits) -> Void
    var testDescription: String { name }
  }

  static let habits: [Habit] = [
    Habit(name: "as it is") { _ in },
    Habit(name: "another order") { $0.order = .random(seed: 7) },
    Habit(name: "no defaults filled") { $0.fillsDefaults = false },
    Habit(name: "null for empty") { $0.writesNullForEmpty = true },
    Habit(name: "a description omitted") { $0.omitsEmptyDescription = true },
    Habit(name: "the logs table returned") { $0.echoesLogsTable = true },
    Habit(name: "telemetry that nobody requested") { $0.givesTelemetry = true },
    Habit(name: "unknown members") { $0.speaksOfTheFuture = true },
    Habit(name: "tags as an array") { $0.answersTagsAsArray = true },
    Habit(name: "stale reads") { $0.staleReads = 1 },
  ]

  @Test(arguments: habits)
  func `all settings are applied, and the second diff is empty`(habit: Habit) async throws {
    var habits = WorkspaceHabits()
    habit.turn(&habits)
    let world = try world(habits)
    let fleet = World.fleet(Self.endpoint())
    let results = try await world.apply(fleet)
    #expect(results.map(\.isInSync) == [true], "\(results)")
    #expect(world.workspace.grants(on: "chat")["support"] == "CAN_QUERY")
    #expect(world.workspace.member("email_notifications", of: "chat")?["on_update_failure"] == ["oncall@example.com"])
    world.workspace.forgetCalls()
    _ = try? await world.reconciler().observe("chat", desired: .none)
    let plan = try await world.diff(fleet)
    #expect(plan.isInSync, "\(plan.changes)")
    let again = try await world.apply(fleet)
    #expect(again.isEmpty)
    #expect(world.workspace.writes.isEmpty)
    let bare = World.fleet(Self.endpoint(SideSettings()))
    #expect(try await world.apply(bare).map(\.isInSync) == [true])
    #expect(world.workspace.endpoint("chat")?.tags.keys.contains(FleetTags.manages) == false)
    #expect(world.workspace.endpoint("chat")?.settings?.gateway?.rateLimits == nil)
    #expect(try await world.diff(bare).isInSync)
  }

  @Test func `the calls for a new endpoint and for an update come in order`() async throws {
    let world = try world()
    try await world.apply(World.fleet(Self.endpoint()))
    let id = world.workspace.endpoint("chat")?.id ?? ""
    #expect(
      world.workspace.writes.map(\.description) == [
        "POST /api/2.0/serving-endpoints", "PATCH /api/2.0/serving-endpoints/chat/telemetry-config",
        "PATCH /api/2.0/permissions/serving-endpoints/\(id)", "PATCH /api/2.0/serving-endpoints/chat/tags",
      ])
    world.workspace.forgetCalls()
    var changed = Self.settings
    changed.gateway?.inferenceTable = InferenceTable(catalog: "main", schema: "elsewhere", tableNamePrefix: "chat")
    changed.notifications = NotificationSettings(onUpdateFailure: ["other@example.com"])
    changed.telemetry = TelemetrySettings(logsTable: "main.logs.other")
    changed.access = AccessSettings(mode: .exact, grants: [Grant(.group("support"), .canView)])
    let results = try await world.apply(World.fleet(Self.endpoint(changed, version: "2")))
    #expect(results.map(\.isInSync) == [true])
    #expect(
      world.workspace.writes.map(\.description) == [
        "PUT /api/2.0/serving-endpoints/chat/config", "PATCH /api/2.0/serving-endpoints/chat/tags",
        "PUT /api/2.0/serving-endpoints/chat/ai-gateway", "PUT /api/2.0/serving-endpoints/chat/ai-gateway",
        "PATCH /api/2.0/serving-endpoints/chat/notifications", "PATCH /api/2.0/serving-endpoints/chat/telemetry-config",
        "PUT /api/2.0/permissions/serving-endpoints/\(id)", "PATCH /api/2.0/serving-endpoints/chat/tags",
      ])
    #expect(world.workspace.grants(on: "chat") == ["support": "CAN_VIEW", "deployer@example.com": "CAN_MANAGE"])
  }

  @Test func `drift is reverted, and additions by others stay`() async throws {
    let world = try world()
    let fleet = World.fleet(Self.endpoint())
    try await world.apply(fleet)
    let id = world.workspace.endpoint("chat")?.id ?? ""
    world.workspace.foreign(
      "PUT", "/api/2.0/serving-endpoints/chat/ai-gateway", ["usage_tracking_config": ["enabled": false]])
    world.workspace.foreign(
      "PATCH", "/api/2.0/permissions/serving-endpoints/\(id)",
      [
        "access_control_list": [
          ["group_name": "support", "permission_level": "CAN_VIEW"],
          ["service_principal_name": "an-app", "permission_level": "CAN_QUERY"],
        ]
      ])
    let fields = try await world.diff(fleet).changes.flatMap(\.fields).map(\.path)
    #expect(
      fields == [
        "spec.gateway.rateLimits[key=endpoint]", "spec.gateway.rateLimits[key=user]", "spec.gateway.usageTracking",
        "spec.gateway.inferenceTable", "spec.access[group=support]",
      ])
    #expect(try await world.apply(fleet).map(\.isInSync) == [true])
    #expect(world.workspace.grants(on: "chat")["support"] == "CAN_QUERY")
    #expect(world.workspace.grants(on: "chat")["an-app"] == "CAN_QUERY")
    #expect(try await world.diff(fleet).isInSync)
  }

  @Test
  func `a refused part of the gateway does not hold up the rest, and the server's words are reported`() async throws {
    let world = try world()
    try await world.apply(World.fleet(Self.endpoint(SideSettings())))
    world.workspace.change { $0.refusedGatewayBlocks = ["rate_limits"] }
    let results = try await world.apply(World.fleet(Self.endpoint(version: "2")))
    #expect(results.map(\.holdCode) == [.refused])
    #expect(world.liveVersion() == "2")
    #expect(world.workspace.grants(on: "chat")["support"] == "CAN_QUERY")
    #expect(world.workspace.endpoint("chat")?.settings?.telemetry != nil)
    guard case .held(let reason)? = results.first?.ending else { return }
    #expect(reason.detail.contains("rate_limits"), "\(reason.detail)")
  }

  @Test func `a create whose response is lost is found again with all its settings`() async throws {
    let world = try world()
    world.workspace.fail("POST", path: "/serving-endpoints", with: .loseAnswer)
    let results = try await world.apply(World.fleet(Self.endpoint()))
    #expect(results.map(\.isInSync) == [true])
    #expect(world.workspace.landed.filter { $0.method == "POST" }.count == 1)
    #expect(world.workspace.writes.allSatisfy { !$0.path.hasSuffix("/config") })
    #expect(try await world.diff(World.fleet(Self.endpoint())).isInSync)
  }

  @Test func `an endpoint of the same name outside the fleet is not mistaken for a lost create`() async throws {
    let world = try world()
    world.workspace.fail("POST", path: "/serving-endpoints", with: .loseRequest)
    world.workspace.foreignEdit("chat", config: World.config("1"))
    let results = try await world.apply(World.fleet(Self.endpoint()))
    #expect(results.map(\.holdCode) == [.conflict])
    #expect(world.workspace.landed.isEmpty)
  }

  @Test func `adoption writes only ownership tags`() async throws {
    let world = try world()
    world.workspace.foreignEdit("chat", config: World.config("1"), tags: ["team": "support", "theirs": "x"])
    _ = try await world.reconciler().observe("chat", desired: .none)
    _ = try await world.reconciler().observe("chat", desired: .none)
    world.workspace.foreign(
      "PUT", "/api/2.0/serving-endpoints/chat/ai-gateway",
      ["rate_limits": [["key": "user", "calls": 60, "renewal_period": "minute"]]])
    let before = world.workspace.endpoint("chat")
    let grants = world.workspace.grants(on: "chat")
    let fleet = World.fleet(
      Self.endpoint(
        SideSettings(
          tags: ["team": "support"], gateway: GatewaySettings(rateLimits: [RateLimit(key: "user", calls: 60)]))))
    let options = DecisionOptions(fleet: "test", adopt: true)
    let plan = try await world.diff(fleet, options: options)
    #expect(plan.changes.map(\.action) == [.adopt])
    #expect(plan.changes.flatMap(\.fields).map(\.path) == ["fleet"])
    let results = try await world.apply(fleet, options: options)
    #expect(results.map(\.isInSync) == [true])
    #expect(world.workspace.writes.allSatisfy { $0.path.hasSuffix("/tags") })
    let after = world.workspace.endpoint("chat")
    #expect(after?.active == before?.active)
    #expect(world.workspace.grants(on: "chat") == grants)
    #expect(after?.tags.filter { !FleetTags.isOwn($0.key) } == ["team": "support", "theirs": "x"])
    #expect(try await world.diff(fleet).isInSync)
  }

  @Test func `a setting that is fixed at creation recreates the endpoint if allowed, and its grants are applied again`()
    async throws
  {
    let world = try world()
    let settings = SideSettings(access: AccessSettings(grants: [Grant(.group("support"), .canQuery)]))
    try await world.apply(World.fleet(Self.endpoint(settings)))
    let former = world.workspace.endpoint("chat")?.id
    var optimized = settings
    optimized.creation.routeOptimized = true
    let fleet = World.fleet(Self.endpoint(optimized))
    world.workspace.forgetCalls()
    #expect(try await world.apply(fleet).map(\.holdCode) == [.needsRecreate])
    #expect(world.workspace.writes.isEmpty)

    world.workspace.change { $0.nameLingers = 2 }
    let allowed = DecisionOptions(fleet: "test", allowRecreate: true)
    let results = try await world.apply(fleet, options: allowed)
    #expect(results.map(\.isInSync) == [true], "\(results)")
    let id = world.workspace.endpoint("chat")?.id
    #expect(id != former)
    #expect(world.workspace.grants(on: "chat")["support"] == "CAN_QUERY")
    #expect(world.workspace.endpoint("chat")?.settings?.routeOptimized == true)
    #expect(world.workspace.landed.filter { $0.method == "DELETE" }.count == 1)
    #expect(try await world.diff(fleet, options: allowed).isInSync)

    var back = optimized
    back.creation.routeOptimized = false
    let kept = World.fleet(Self.endpoint(back, deletionPolicy: .retain))
    #expect(try await world.apply(kept, options: allowed).map(\.holdCode) == [.needsRecreate])
    #expect(world.workspace.endpoint("chat")?.id == id)
  }

  @Test
  func `after the endpoint is recreated by someone else, grants on the deleted id are not looked for`() async throws {
    let world = try world()
    let fleet = World.fleet(
      Self.endpoint(SideSettings(access: AccessSettings(grants: [Grant(.group("support"), .canQuery)]))))
    try await world.apply(fleet)
    let tags = world.workspace.endpoint("chat")?.tags ?? [:]
    world.workspace.foreignDelete("chat")
    world.workspace.foreignEdit("chat", config: World.config("1"), tags: tags)
    #expect(try await world.apply(fleet).map(\.isInSync) == [true])
    #expect(world.workspace.grants(on: "chat")["support"] == "CAN_QUERY")
    #expect(try await world.diff(fleet).isInSync)
  }

  @Test func `a rollback does not change the side settings`() async throws {
    let world = try world()
    try await world.apply(World.fleet(Self.endpoint()))
    try await world.apply(World.fleet(Self.endpoint(version: "2")))
    world.workspace.forgetCalls()
    let reconciler = world.reconciler(DecisionOptions(fleet: "test", leavesSettings: true))
    try await reconciler.rollBack("chat", to: nil)
    let results = await world.converge(["chat"], of: try await reconciler.standing("chat"), reconciler)
    #expect(results.map(\.holdCode) == [.rolledBack])
    #expect(world.liveVersion() == "1")
    #expect(world.workspace.writes.allSatisfy { $0.path.hasSuffix("/config") || $0.path.hasSuffix("/tags") })
    #expect(world.workspace.endpoint("chat")?.settings?.gateway?.rateLimits?.count == 2)
    #expect(world.workspace.endpoint("chat")?.tags[FleetTags.manages] != nil)
  }

  @Test func `a saved plan keeps every setting`() async throws {
    let world = try world()
    let fleet = World.fleet(Self.endpoint())
    let options = DecisionOptions(fleet: "test", allowRecreate: true)
    let reconciler = world.reconciler(options)
    let items = try await reconciler.survey(fleet)
    let plan = try await reconciler.plan(fleet)
    let saved = SavedPlan(plan, of: items, options: options, key: world.history.key)
    let read = try SavedPlan(json: JSONValue(parsing: saved.json.bytes()))
    #expect(read == saved)
    #expect(read.allowRecreate)
    guard case .present(let restored, _) = try read.desiredFleet(values: [:], key: world.history.key).desired("chat")
    else {
      Issue.record("not in the plan")
      return
    }
    #expect(restored.sideSettings == Self.settings)
  }

  @Test func `however many endpoints change at once, no more writes are sent than the budget allows`() async throws {
    var habits = WorkspaceHabits()
    habits.writeLimit = WriteLimit(10, per: .seconds(5))
    let world = try world(habits)
    world.workspace.setClock { world.now.milliseconds }
    let endpoints = (0..<120).map { Self.endpoint(SideSettings(), name: "chat-\($0)") }
    let fleet = DesiredFleet(
      endpoints: Dictionary(uniqueKeysWithValues: endpoints.map { ($0.name, .present($0)) }), isComplete: true)
    let limits = ConvergenceLimits(
      budget: SharedWriteBudget(.init(writes: 10, period: .seconds(5)), elapsed: { world.now - World.beginning }))
    let waits = Mutex<[String: String]>([:])
    let results = await world.reconciler().converge(
      endpoints.map(\.name), of: fleet, limits: limits,
      sleep: { pause in
        world.advance(pause)
        await Task.yield()
      },
      report: { event in
        if case .budgetUsedUp(let look, let budget) = event {
          waits.withLock { $0[look.name] = budget.words }
        }
      })
    #expect(results.count { $0.isInSync } == 120)
    #expect(results.allSatisfy { $0.last?.recorded.memory.backoffs.isEmpty ?? false }, "no 429 was provoked")
    #expect(world.workspace.writes.count { $0.method == "POST" } == 120, "each was sent once")
    #expect(Set(waits.withLock(\.values)) == ["10 per 5s"])
  }
}
