import CanonicalJSON
import Endpoints
import Planning
import Testing

@Suite struct SettingsTests {
  private func fields(_ decision: Decision) -> [String] {
    decision.settingFields.map { "\($0.path) \($0.from ?? "none") -> \($0.to ?? "none")" }
  }

  // MARK: - Order

  @Test
  func `a manifest with every setting is applied in the order tags, gateway, notifications, telemetry, access`() {
    var simulator = SettingsSimulator(live(v1))
    let decision = simulator.settle(manifest(everything))
    #expect(decision.action == .none)
    #expect(simulator.kinds == [.tags, .gateway, .notifications, .telemetry, .access, .tags])
    #expect(
      simulator.calls.map(\.call) == [
        "PATCH /api/2.0/serving-endpoints/chat/tags", "PUT /api/2.0/serving-endpoints/chat/ai-gateway",
        "PATCH /api/2.0/serving-endpoints/chat/notifications", "PATCH /api/2.0/serving-endpoints/chat/telemetry-config",
        "PATCH /api/2.0/permissions/serving-endpoints/id", "PATCH /api/2.0/serving-endpoints/chat/tags",
      ])
    #expect(
      simulator.live.tags[FleetTags.manages]
        == "gateway.rateLimits,gateway.usageTracking,gateway.inferenceTable,notifications,"
        + "telemetry=\(everything.telemetry?.digest.description ?? ""),access")
  }

  @Test func `a create contains what it can, and telemetry and access follow`() {
    let creating = decided(manifest(everything), nil)
    #expect(
      creating.operations.map(\.call) == [
        "POST /api/2.0/serving-endpoints", "PATCH /api/2.0/serving-endpoints/chat/telemetry-config",
        "PATCH /api/2.0/permissions/serving-endpoints/{id}",
      ])
    var simulator = SettingsSimulator.created(manifest(everything))
    #expect(simulator.live.tags[FleetTags.manages]?.contains("gateway.rateLimits") == true)
    #expect(simulator.settle(manifest(everything)).action == .none)
    #expect(simulator.kinds == [.telemetry, .access, .tags])
  }

  @Test func `nothing is set before the tag marks the endpoint as the fleet's`() {
    var simulator = SettingsSimulator(live(v1))
    simulator.refusals[.tags] = "tag policy"
    let decision = simulator.settle(manifest(everything))
    #expect(decision.action == .hold)
    #expect(decision.reason.code == .refused)
    #expect(simulator.kinds == [.tags])
  }

  @Test func `no setting is changed while a rollout is open or in progress`() {
    let desired = DesiredEndpoint(name: "chat", config: v2.config, sideSettings: everything)
    let marked = [
      FleetTags.fleet: "f", FleetTags.manages: ManagedSettings(Set(ManagedSettings.Part.allCases)).value ?? "",
    ]
    let memory = Memory(revisions: revisions((v1, .good)))
    #expect(decided(desired, live(v1, tags: marked), memory).next.word == "open update")
    let open = Memory(revisions: revisions((v1, .good)), attempt: attempt(v2))
    #expect(decided(desired, live(v1, tags: marked), open).next.word == "put")
    let updating = live(v1, pending: v2, update: .inProgress, tags: marked)
    let waiting = decided(desired, updating, Memory(attempt: attempt(v2, announced: 6)))
    #expect(waiting.next.word == "wait")
    #expect(waiting.operations.contains { $0.kind == .gateway }, "the plan shows what remains")
  }

  @Test func `settings are kept in sync during a quarantine`() {
    let held = HeldConfig(digest: v1.digest, cause: .failed, target: v3.digest)
    let marked = [FleetTags.fleet: "f", FleetTags.manages: "gateway.usageTracking"]
    let decision = decided(
      manifest(SideSettings(gateway: GatewaySettings(usageTracking: true))), live(v3, tags: marked, held: held),
      Memory(revisions: revisions((v3, .good))))
    #expect(decision.action == .hold)
    #expect(decision.reason.code == .quarantined)
    #expect(decision.next.word == "set gateway")
  }

  // MARK: - Gateway

  @Test func `unmanaged settings are carried over when the block is replaced`() {
    var observed = live(v1, tags: [FleetTags.fleet: "f", FleetTags.manages: "gateway.rateLimits"])
    let fallback: JSONValue = ["enabled": true]
    observed.settings = ObservedSettings(
      gateway: GatewaySettings(
        rateLimits: [RateLimit(key: "user", calls: 10)], usageTracking: true, inferenceTable: table,
        other: ["fallback_config": fallback]))
    let decision = decided(manifest(SideSettings(gateway: GatewaySettings(rateLimits: [sixtyCalls]))), observed)
    guard case .call(.changeSetting(_, .gateway(let sent))) = decision.next else {
      Issue.record("\(decision.next)")
      return
    }
    #expect(
      sent
        == GatewaySettings(
          rateLimits: [sixtyCalls], usageTracking: true, inferenceTable: table, other: ["fallback_config": fallback]))
    #expect(fields(decision) == ["spec.gateway.rateLimits[key=user].calls 10 -> 60"])
  }

  @Test func `a table in use is switched off under its old names before it gets new ones`() {
    let renamed = InferenceTable(catalog: "main", schema: "other", tableNamePrefix: "chat")
    var simulator = SettingsSimulator(
      live(v1, tags: [FleetTags.fleet: "f", FleetTags.manages: "gateway.inferenceTable"]))
    simulator.live.settings = ObservedSettings(gateway: GatewaySettings(inferenceTable: table))
    let desired = manifest(SideSettings(gateway: GatewaySettings(inferenceTable: renamed)))
    #expect(fields(simulator.look(desired)) == ["spec.gateway.inferenceTable.schema logs -> other"])
    #expect(simulator.look(desired).operations.map(\.kind) == [.gateway, .gateway])
    #expect(simulator.settle(desired).action == .none)
    let sent = simulator.calls.compactMap { call -> InferenceTable? in
      if case .changeSetting(_, .gateway(let gateway)) = call { gateway.inferenceTable } else { nil }
    }
    let off = InferenceTable(catalog: "main", schema: "logs", tableNamePrefix: "chat", enabled: false)
    #expect(sent == [off, renamed])
  }

  struct EqualityCase: Sendable, CustomTestStringConvertible {
    let name: String
    let wanted: GatewaySettings
    let live: GatewaySettings?
    var testDescription: String { name }
  }

  @Test(arguments: [
    EqualityCase(name: "no limits and none", wanted: .init(rateLimits: []), live: nil),
    EqualityCase(name: "tracking off and none", wanted: .init(usageTracking: false), live: nil),
    EqualityCase(
      name: "a table off and none", wanted: .init(inferenceTable: .init(catalog: "a", schema: "b", enabled: false)),
      live: .init(rateLimits: [sixtyCalls])),
    EqualityCase(
      name: "a prefix that the server chose", wanted: .init(inferenceTable: .init(catalog: "main", schema: "logs")),
      live: .init(inferenceTable: table)),
    EqualityCase(
      name: "limits in another order", wanted: .init(rateLimits: [sixtyCalls, RateLimit(key: "endpoint", calls: 1)]),
      live: .init(rateLimits: [RateLimit(key: "endpoint", calls: 1), sixtyCalls])),
    EqualityCase(
      name: "unmanaged settings", wanted: .init(usageTracking: true),
      live: .init(rateLimits: [sixtyCalls], usageTracking: true, inferenceTable: table)),
  ])
  func `equivalent gateway settings are not a difference`(sameness: EqualityCase) {
    let desired = manifest(SideSettings(gateway: sameness.wanted))
    var simulator = SettingsSimulator.created(desired)
    simulator.live.settings = ObservedSettings(gateway: sameness.live)
    let decision = simulator.look(desired)
    #expect(decision.action == .none)
    #expect(decision.settingFields.isEmpty)
  }

  @Test func `settings of a previous manifest are removed, also without history, and settings of others stay`() {
    var simulator = SettingsSimulator(live(v1))
    let before = SideSettings(
      gateway: GatewaySettings(rateLimits: [sixtyCalls], inferenceTable: table),
      notifications: NotificationSettings(onUpdateSuccess: ["a@example.com"]),
      telemetry: TelemetrySettings(logsTable: "a.b.c"))
    simulator.settle(manifest(before))
    simulator.live.settings?.gateway?.usageTracking = true
    var elsewhere = SettingsSimulator(simulator.live)
    let decision = elsewhere.look(manifest(SideSettings()))
    #expect(
      fields(decision) == [
        "spec.gateway.rateLimits[key=user] 60 calls a minute -> none",
        "spec.gateway.inferenceTable main.logs.chat -> none",
        "spec.notifications.onUpdateSuccess a@example.com -> none",
        "spec.telemetry profile profile-1 -> none",
      ])
    #expect(elsewhere.settle(manifest(SideSettings())).action == .none)
    #expect(elsewhere.live.tags == mine)
    #expect(elsewhere.live.settings?.gateway == GatewaySettings(usageTracking: true))
    #expect(elsewhere.live.settings?.telemetry == nil)
    #expect(elsewhere.kinds == [.gateway, .notifications, .telemetry, .tags])
  }

  // MARK: - Failures

  @Test func `a refused setting needs attention, and stops neither the others nor a rollout`() {
    var simulator = SettingsSimulator(live(v1))
    simulator.refusals[.gateway] = "AI Gateway is not supported for this endpoint"
    let decision = simulator.settle(manifest(everything))
    #expect(decision.action == .hold)
    #expect(decision.reason.code == .refused)
    #expect(decision.reason.needsPerson)
    #expect(decision.reason.detail.contains("AI Gateway is not supported for this endpoint"))
    #expect(simulator.kinds.filter { $0 == .gateway }.count == 1)
    #expect(Set(simulator.kinds).isSuperset(of: [.tags, .notifications, .telemetry, .access]))

    let next = DesiredEndpoint(name: "chat", config: v2.config, sideSettings: everything)
    var memory = simulator.memory
    memory.revisions = revisions((v1, .good))
    let rollout = decided(next, simulator.seen(next), memory, at: simulator.now)
    #expect(rollout.next.word == "open update")

    var other = everything
    other.gateway = GatewaySettings(usageTracking: true)
    #expect(simulator.look(manifest(other)).next.word == "set gateway", "other content does not wait")
  }

  @Test func `an accepted call without effect is sent again at growing intervals`() {
    var simulator = SettingsSimulator.created(manifest(SideSettings(gateway: GatewaySettings(usageTracking: true))))
    simulator.live.settings = nil
    let desired = manifest(SideSettings(gateway: GatewaySettings(usageTracking: true)))
    let first = simulator.look(desired)
    guard case .call(let operation) = first.next else {
      Issue.record("\(first.next)")
      return
    }
    var delays: [Duration] = []
    for _ in 0..<3 {
      simulator.memory.apply(.received(.accepted(id: nil, version: nil), operation, at: simulator.now))
      let decision = simulator.look(desired)
      guard case .wait(let pause) = decision.next else {
        Issue.record("\(decision.next)")
        return
      }
      #expect(decision.reason.code == .retrying)
      delays.append(pause)
      simulator.now = simulator.now + pause
      #expect(simulator.look(desired).next == .call(operation))
    }
    #expect(delays == [.seconds(15), .seconds(30), .seconds(60)])
    simulator.now = simulator.now + .seconds(2 * 3600)
    simulator.memory.apply(.received(.accepted(id: nil, version: nil), operation, at: simulator.now))
    #expect(simulator.look(desired).next == .wait(.seconds(15)), "hours later it counts as new")
  }

  @Test func `an outage of one kind of setting does not stop the others`() {
    var simulator = SettingsSimulator(live(v1))
    var settings = everything
    settings.access = nil
    simulator.settle(manifest(SideSettings(tags: settings.tags)))
    let desired = manifest(settings)
    simulator.memory.apply(
      .received(
        .accepted(id: nil, version: nil), simulator.look(desired).next.operation ?? .delete(name: ""), at: simulator.now
      ))
    if let tagging = simulator.look(desired).next.operation { _ = simulator.perform(tagging) }
    guard let gateway = simulator.look(desired).next.operation else {
      Issue.record("nothing to do")
      return
    }
    simulator.memory.apply(.received(.unavailable("503", retryAfter: .seconds(40)), gateway, at: simulator.now))
    #expect(simulator.look(desired).next.word == "set notifications")
    let decision = simulator.settle(desired)
    #expect(decision.action == .none)
    #expect(simulator.kinds.last == .gateway || simulator.kinds.last == .tags)
    #expect(simulator.now - now >= .seconds(40))
  }

  // MARK: - Telemetry

  @Test func `telemetry waits for a config`() {
    let desired = manifest(SideSettings(telemetry: TelemetrySettings(logsTable: "a.b.c")))
    let marked = [FleetTags.fleet: "f", FleetTags.manages: "telemetry"]
    let failed = live(nil, pending: v1, ready: .notReady, update: .failed, tags: marked)
    let held = Memory(revisions: revisions((v1, .pending)))
    #expect(decided(desired, failed, held).next.operation?.kind != .telemetry)
  }

  @Test func `tables that the provider does not return are known from the tag, and drift of the others shows`() {
    let settings = SideSettings(telemetry: TelemetrySettings(logsTable: "a.b.c", samplingFraction: 0.5))
    var simulator = SettingsSimulator(live(v1))
    simulator.settle(manifest(settings))
    #expect(simulator.kinds == [.tags, .telemetry, .tags])
    var elsewhere = SettingsSimulator(simulator.live)
    #expect(elsewhere.look(manifest(settings)).action == .none)
    elsewhere.live.settings?.telemetry = ObservedTelemetry(profileID: "profile-1", samplingFraction: 0.1)
    #expect(fields(elsewhere.look(manifest(settings))).contains("spec.telemetry.samplingFraction 0.1 -> 0.5"))
    #expect(elsewhere.settle(manifest(settings)).action == .none)
    #expect(elsewhere.kinds == [.telemetry])
  }

  @Test func `a machine that applied other tables before does not confuse them with these`() {
    let (a, b) = (TelemetrySettings(logsTable: "a.b.a"), TelemetrySettings(logsTable: "a.b.b"))
    var here = SettingsSimulator(live(v1))
    here.settle(manifest(SideSettings(telemetry: a)))
    var there = SettingsSimulator(here.live)
    there.settle(manifest(SideSettings(telemetry: b)))
    here.live = there.live
    let before = here.calls.count
    here.settle(manifest(SideSettings(telemetry: a)))
    #expect(here.calls[before...].map(\.kind) == [.tags, .telemetry, .tags])
  }

  @Test func `unmanaged telemetry stays`() {
    var observed = live(v1)
    observed.settings = ObservedSettings(telemetry: ObservedTelemetry(profileID: "p"))
    #expect(decided(manifest(SideSettings()), observed).action == .none)
    #expect(decided(manifest(SideSettings(tags: [:], gateway: nil)), observed).settingFields.isEmpty)
  }

  @Test func `a profile that the manifest names is visible, so no memory is needed`() {
    var observed = live(v1)
    observed.settings = ObservedSettings(telemetry: ObservedTelemetry(profileID: "p"))
    var simulator = SettingsSimulator(observed)
    #expect(simulator.settle(manifest(SideSettings(telemetry: TelemetrySettings(profileID: "p")))).action == .none)
    #expect(simulator.kinds == [.tags])
  }
}
