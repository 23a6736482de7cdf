import CanonicalJSON
import Endpoints
import Planning
import Testing

@Suite struct PlanTests {
  private func item(
    _ name: String, _ desired: Rollout?, _ active: Rollout?, tags: [String: String] = mine, memory: Memory = Memory()
  ) -> PlanItem {
    let wanted = desired.map {
      Desired.present(DesiredEndpoint(name: name, config: $0.config))
    }
    return PlanItem(
      name: name, desired: wanted ?? Desired.none,
      observed: active.map { .present(live($0, tags: tags, name: name)) } ?? .absent, memory: memory)
  }

  private func plan(
    _ items: [PlanItem], prune: Bool = false, whole: Bool = true, allowMassDelete: Bool = false
  ) -> Plan {
    Plan.make(
      target: "http://127.0.0.1:7387", items: items, now: now,
      options: PlanOptions(
        DecisionOptions(fleet: "f", prune: prune), isSourceWhole: whole, allowMassDelete: allowMassDelete))
  }

  @Test func `the JSON of a plan is as documented`() throws {
    let seven = Rollout(config("7"))
    let memory = Memory(revisions: revisions((seven, .good)))
    let plan = plan([
      item("support-chat", Rollout(config("8")), seven, memory: memory), item("a", v1, v1), item("b", v1, v1),
      item("c", v1, v1),
    ])
    let manual = try JSONValue(
      parsing: """
        {"kind": "Plan", "target": "http://127.0.0.1:7387",
         "summary": {"create": 0, "update": 1, "rollback": 0, "delete": 0, "adopt": 0, "hold": 0, "unchanged": 3},
         "changes": [{"endpoint": "support-chat", "action": "update", "reason": "spec changed",
           "fields": [{"path": "spec.entityVersion", "from": "7", "to": "8", "effect": "rolling"}],
           "operations": [{"call": "PUT /api/2.0/serving-endpoints/support-chat/config"}]}]}
        """)
    #expect(plan.json == manual, "\(plan.json.text(.pretty))")
    #expect(!plan.isInSync && plan.hasChanges && !plan.needsPerson)
  }

  @Test func `in sync is an empty plan`() {
    let plan = plan([item("a", v1, v1), item("b", v2, v2)])
    #expect(plan.isInSync)
    #expect(plan.unchanged == 2)
  }

  @Test func `endpoints outside the fleet do not appear`() {
    let plan = plan([item("a", nil, v1, tags: [:]), item("databricks-x", nil, v1)], prune: true)
    #expect(plan.isInSync)
    #expect(plan.unchanged == 0)
  }

  @Test func `the order of the input does not matter`() {
    let items = [item("c", v1, v2), item("a", v1, nil), item("b", nil, v1), item("d", v1, v1)]
    #expect(plan(items, prune: true) == plan(items.reversed(), prune: true))
  }

  @Test(arguments: [
    // fleet size, how many of them to delete, allowed?
    (10, 2, true), (10, 3, false), (1, 1, true), (2, 1, true), (2, 2, false), (5, 1, true), (9, 2, false),
    (100, 20, true),
    (100, 21, false), (4, 0, true),
  ])
  func `more than a fifth of the fleet, and more than one endpoint, is not deleted without permission`(
    fleet: Int, gone: Int, isAllowed: Bool
  ) {
    let items = (0..<fleet).map { item("e\($0)", $0 < gone ? nil : v2, $0 < gone ? v1 : nil ?? v1) }
    let guarded = plan(items, prune: true)
    #expect(guarded.count(.delete) == (isAllowed ? gone : 0))
    #expect((guarded.blockedDeletions == nil) == isAllowed)
    #expect(guarded.count(.update) == fleet - gone, "the rest applies")
    #expect(guarded.changes.filter { $0.action == .hold }.allSatisfy { $0.operations.isEmpty })
    #expect(plan(items, prune: true, allowMassDelete: true).count(.delete) == gone)
  }

  @Test func `endpoints of another fleet do not count toward the fleet's size`() {
    let items =
      (0..<2).map { item("ours\($0)", nil, v1) }
      + (0..<50).map { item("theirs\($0)", nil, v1, tags: [FleetTags.fleet: "g"]) }
    #expect(plan(items, prune: true).count(.delete) == 0)
  }

  @Test func `an incomplete source deletes nothing`() {
    #expect(plan([item("a", nil, v1)], prune: true, whole: false).isInSync)
    #expect(plan([item("a", nil, v1)], prune: true).count(.delete) == 1)
  }

  @Test func `a retained endpoint blocks only its own deletion`() {
    let plan = plan(
      [item("a", nil, v1, tags: [FleetTags.fleet: "f", FleetTags.retain: "true"]), item("b", nil, v1)]
        + (0..<8).map { item("e\($0)", v1, v1) },
      prune: true)
    #expect(plan.changes.map(\.action) == [.hold, .delete])
    #expect(!plan.needsPerson)
  }

  @Test(arguments: [
    (v1 as Rollout?, v2 as Rollout?, "new replicas start beside the old ones; traffic switches when they are ready"),
    (nil, v2, "new replicas start; nothing that is serving changes"),
    (v1, nil, "the endpoint, its URL and its grants are removed"),
  ])
  func `a plan shows the effect on running replicas`(active: Rollout?, desired: Rollout?, words: String) {
    #expect(plan([item("a", desired, active)], prune: true).changes.first?.consequence == words)
  }

  @Test func `a plane's forecast is the effect of a rollout, in the text and in the JSON of a plan`() {
    let swap = RolloutForecast(room: .swap, lastStart: .seconds(38))
    let plan = plan([item("a", v2, v1), item("b", v2, v1), item("c", v2, nil)]).with([
      "a": swap, "c": RolloutForecast(refusal: "it does not fit"),
    ])
    let words = plan.changes.map(\.consequence)
    #expect(
      words == [
        "no room for both versions: requests wait about 40s (last start took 38s) while replicas are replaced",
        "new replicas start beside the old ones; traffic switches when they are ready",
        "none: the plane refuses the config: it does not fit",
      ])
    let json = plan.json["changes"]?.arrayValue ?? []
    #expect(json.count == 3)
    #expect(json.first?["rollout"] == ["room": "swap", "lastStartSeconds": 38.0, "expectedWaitSeconds": 40])
    #expect(json.dropFirst().first?["rollout"] == nil)
    #expect(json.last?["rollout"] == ["refusal": "it does not fit"])
  }

  @Test func `a plan says nothing of replicas of which the plane knows nothing yet`() {
    let plan = plan([item("a", v2, v1), item("b", v2, nil), item("c", v2, nil), item("d", v2, v1)]).with([
      "a": RolloutForecast(), "b": RolloutForecast(room: .wait), "c": RolloutForecast(room: .start),
      "d": RolloutForecast(room: .kept),
    ])
    let words = plan.changes.map(\.consequence)
    #expect(
      words == [
        "",
        "no room yet: the new replicas wait until other endpoints free some, for which idle ones that scale to zero "
          + "stop; until then, this endpoint does not change",
        "new replicas start; nothing that is serving changes",
        "no replica is restarted; replicas are added or removed if their number changes",
      ])
  }

  @Test func `moving traffic and changing tags restart nothing`() {
    func split(_ first: Int) -> Rollout {
      Rollout(
        EndpointConfig(entities: [
          ServedEntity(name: "a", entityName: "m", entityVersion: "1", traffic: first),
          ServedEntity(name: "b", entityName: "m", entityVersion: "2", traffic: 100 - first),
        ]))
    }
    #expect(
      plan([item("a", split(50), split(90))]).changes.first?.consequence == "traffic only: no replica is restarted")
    let tagged = PlanItem(
      name: "chat", desired: .present(endpoint(v1, tags: ["team": "x"])), observed: .present(live(v1)))
    let change = plan([tagged]).changes.first
    #expect(change?.consequence == "in place: nothing is restarted")
    #expect(change?.fields == [FieldChange(path: "spec.tags.team", from: nil, to: "x", effect: .inPlace)])
  }

  @Test(arguments: [
    HeldConfig.Cause.failed, .verification, .rollback,
  ])
  func `a hold needs attention, also one by a rollback, because the manifest says something else`(
    cause: HeldConfig.Cause
  ) {
    let held = HeldConfig(digest: v2.digest, cause: cause, target: v1.digest)
    let item = PlanItem(
      name: "chat", desired: .present(endpoint(v2)), observed: .present(live(v1, held: held)),
      memory: Memory(revisions: revisions((v1, .good))))
    let plan = plan([item])
    #expect(plan.needsPerson)
    #expect(plan.changes.first?.fields.map(\.path) == ["spec.entityVersion"], "what is withheld")
  }

  @Test func `no decision depends on the order of entities or tags`() {
    let one = ServedEntity(name: "a", entityName: "m", entityVersion: "1", traffic: 90)
    let two = ServedEntity(name: "b", entityName: "m", entityVersion: "2", traffic: 10)
    let desired = DesiredEndpoint(
      name: "chat", config: EndpointConfig(entities: [one, two]),
      sideSettings: SideSettings(tags: ["x": "1", "y": "2"]))
    let observed = live(
      Rollout(EndpointConfig(entities: [two, one])),
      tags: ["y": "2", FleetTags.owns: "x,y", "x": "1", FleetTags.fleet: "f"])
    #expect(decided(desired, observed).action == .none)
  }

  @Test func `a missing version is shown with the change it would make, and withheld`() {
    let item = PlanItem(
      name: "chat", desired: .present(endpoint(v2)), observed: .present(live(v1)),
      memory: Memory(revisions: revisions((v1, .good))), missing: "there is no version 2")
    let plan = plan([item])
    #expect(plan.changes.first?.action == .hold)
    #expect(plan.changes.first?.reason == Reason(.blocked, "there is no version 2"))
    #expect(plan.changes.first?.fields.map(\.path) == ["spec.entityVersion"])
    #expect(!plan.isInSync && !plan.hasChanges)
  }
}
