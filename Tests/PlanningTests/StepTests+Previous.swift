import Endpoints
import Planning
import Testing

// The previous version: its name, and the way back to it.
extension StepTests {
  @Test func `the previous entity keeps its name, and nothing is restarted for a name`() {
    let named = Rollout(config("1", name: "main"))
    let decision = decided(Self.wanted(), live(named), Memory(revisions: Self.good))
    let first = decision.operations.first.flatMap(Self.sent)
    #expect(first?.entities.map(\.name).sorted() == ["main", "qwen3-2"])
    let back = decided(
      Self.wanted(),
      live(
        Rollout(StepConfig.config(from: named.config, to: v2.config, share: 10) ?? v2.config), version: 6,
        held: Self.failed),
      Self.after)
    #expect(back.operations.first.flatMap(Self.sent)?.entities.map(\.name) == ["main"])
  }

  @Test(arguments: [(10, false), (100, true)])
  func `a rollback from a step or to a kept version is a change of traffic, and the plan says so`(
    share: Int, keeps: Bool
  ) {
    let plan = Plan.make(
      target: "x",
      items: [
        PlanItem(
          name: "chat", desired: .present(Self.wanted(keeps: keeps)),
          observed: .present(live(Self.mix(share), version: 6, held: Self.failed)), memory: Self.after)
      ], now: now, options: PlanOptions(DecisionOptions(fleet: "f"), isSourceWhole: true))
    #expect(plan.changes.first?.action == .rollback)
    #expect(plan.changes.first?.consequence == "traffic only: no replica is restarted")
  }

  @Test func `a kept version does not appear in a diff`() {
    let tagged = DesiredEndpoint(
      name: "chat", config: v2.config, sideSettings: SideSettings(tags: ["team": "x"]),
      rollout: RolloutPolicy(keepPrevious: true))
    let plan = Plan.make(
      target: "x",
      items: [
        PlanItem(
          name: "chat", desired: .present(tagged), observed: .present(live(Self.mix(100), version: 6)),
          memory: Memory(revisions: revisions((v1, .good), (v2, .good))))
      ], now: now, options: PlanOptions(DecisionOptions(fleet: "f"), isSourceWhole: true))
    #expect(plan.changes.first?.fields.map(\.path) == ["spec.tags.team"])
  }

  @Test
  func `a user can roll back from the middle of a rollout, and from a version with a kept one beside it`() throws {
    let midway = Memory(revisions: Self.both, attempt: Self.at(Self.steps[0]))
    let held = HeldTag.encode(HeldConfig(digest: v2.digest, cause: .rollback, target: v1.digest))
    #expect(
      try midway.rollback(to: nil, live: live(Self.mix(0), version: 6), fleet: "f").operation
        == .patchTags(name: "chat", TagPatch(add: [FleetTags.held: held])))
    let kept = Memory(revisions: revisions((v1, .good), (v2, .good), (v3, .failed(.ours, "no"))))
    #expect(
      try kept.rollback(to: nil, live: live(Self.mix(100), version: 6), fleet: "f").operation
        == .patchTags(name: "chat", TagPatch(add: [FleetTags.held: held])))
  }
}
