import CanonicalJSON
import Endpoints
import Planning
import Testing

@Suite struct IgnoredSettingsTests {
  private func explained(_ desired: DesiredEndpoint, _ observed: ObservedEndpoint) -> [String] {
    let plan = Plan.make(
      target: "t", items: [PlanItem(name: "chat", desired: .present(desired), observed: .present(observed))], now: now,
      options: PlanOptions(DecisionOptions(fleet: "f"), isSourceWhole: true, explain: true))
    return plan.changes.flatMap { $0.ignored.map { "\($0.path) is \($0.live): \($0.why)" } }
  }

  @Test func `live settings that are not managed are listed with the reason, and are not a change`() {
    var observed = live(v1)
    observed.settings = ObservedSettings(
      gateway: GatewaySettings(
        rateLimits: [sixtyCalls], usageTracking: true, inferenceTable: table,
        other: ["guardrails": ["input": ["safety": true]]]),
      notifications: NotificationSettings(onUpdateSuccess: ["a@example.com"]),
      telemetry: ObservedTelemetry(profileID: "p"), description: "for support", routeOptimized: true,
      effectiveBudgetPolicy: "b-1")
    let desired = manifest(SideSettings())
    #expect(
      explained(desired, observed).filter { !$0.hasPrefix("tags.") } == [
        "spec.gateway.rateLimits[key=user] is 60 calls a minute: the manifest does not manage it",
        "spec.gateway.usageTracking is true: the manifest does not manage it",
        "spec.gateway.inferenceTable is main.logs.chat: the manifest does not manage it",
        "ai_gateway.guardrails is set: manifests cannot express it; it is kept when the gateway is changed",
        "spec.notifications is a@example.com: the manifest does not manage it",
        "spec.telemetry is profile p: the manifest sets none; the existing one is kept",
        "spec.description is for support: the manifest does not manage it",
        "spec.budgetPolicy is b-1: the manifest does not manage it",
        "spec.routeOptimized is true: the manifest does not manage it",
      ])
    #expect(decided(desired, observed).action == .none)
  }

  @Test func `values that the server chose, and grants of others, are listed too`() {
    var observed = live(v1, tags: [FleetTags.fleet: "f", FleetTags.manages: "gateway.inferenceTable,access"])
    let caller = Principal.user("ci@example.com")
    observed.settings = ObservedSettings(
      gateway: GatewaySettings(inferenceTable: table),
      access: ObservedAccess(
        grants: [Grant(caller, .canManage), Grant(.group("others"), .canQuery), Grant(.group("support"), .canQuery)],
        caller: caller))
    let desired = manifest(
      SideSettings(
        gateway: GatewaySettings(inferenceTable: InferenceTable(catalog: "main", schema: "logs")),
        access: AccessSettings(grants: [Grant(.group("support"), .canQuery), Grant(caller, .canView)])))
    #expect(decided(desired, observed).action == .none)
    #expect(
      explained(desired, observed).filter { !$0.hasPrefix("tags.") } == [
        "spec.gateway.inferenceTable.tableNamePrefix is chat: the manifest sets none; the provider's default is kept",
        "spec.access[group=others] is CanQuery: in additive mode, other grants are kept",
        "spec.access[user=ci@example.com] is CanManage: the deploying principal remains a manager, although the "
          + "manifest says CanView",
      ])
  }

  @Test
  func `settings that no manifest can express are listed on an endpoint of the fleet, and block adoption of others`() {
    func observed(_ tags: [String: String]) -> ObservedEndpoint {
      ObservedEndpoint(
        name: "chat", id: "id",
        active: ObservedConfig(
          version: 5, config: v1.config, unrepresented: ["served_entities[a].instance_profile_arn"]),
        readiness: .ready, update: .notUpdating, tags: tags, lastUpdated: 1)
    }
    let desired = manifest(SideSettings())
    #expect(
      explained(desired, observed(mine)).first
        == "served_entities[a].instance_profile_arn is set: manifests cannot express it; the next update of the "
        + "config drops it"
    )
    #expect(decided(desired, observed(mine)).action == .none)
    let update = decided(endpoint(v2), observed(mine), Memory(revisions: revisions((v1, .good))))
    #expect(update.warnings.contains { $0.contains("instance_profile_arn") })
    let adoption = decided(desired, observed([:]), adopt: true)
    #expect(adoption.action == .hold)
    #expect(adoption.reason.code == .conflict)
    #expect(adoption.reason.detail.contains("served_entities[a].instance_profile_arn"))
  }

  @Test func `adoption of an identical endpoint writes only ownership tags`() {
    var stranger = live(v1, tags: ["team": "support", "theirs": "x"])
    stranger.settings = ObservedSettings(gateway: GatewaySettings(rateLimits: [sixtyCalls], usageTracking: true))
    let desired = manifest(
      SideSettings(tags: ["team": "support"], gateway: GatewaySettings(rateLimits: [sixtyCalls])))
    var observed = stranger
    var memory = Memory()
    var patches: [TagPatch] = []
    for _ in 0..<10 {
      let decision = decided(desired, observed, memory, adopt: true)
      #expect(decision.operations.allSatisfy { $0.kind == .tags })
      switch decision.next {
      case .record(let change): memory.apply(change)
      case .call(.patchTags(_, let patch)):
        patches.append(patch)
        observed = live(v1, tags: patch.applied(to: observed.tags))
        observed.settings = stranger.settings
      default: #expect(decision.action == .none)
      }
    }
    #expect(decided(desired, observed, memory).action == .none)
    #expect(patches.allSatisfy { $0.remove.isEmpty && $0.add.keys.allSatisfy(FleetTags.isOwn) })
    #expect(
      observed.tags == [
        "team": "support", "theirs": "x", FleetTags.fleet: "f", FleetTags.owns: "team",
        FleetTags.manages: "gateway.rateLimits",
      ])
  }
}
