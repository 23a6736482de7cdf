import Endpoints
import Planning
import Testing

@Suite struct RecreateTests {
  private let optimized = manifest(SideSettings(creation: CreationSettings(routeOptimized: true)))

  private func decided(
    _ desired: DesiredEndpoint, _ observed: ObservedEndpoint?, _ memory: Memory = Memory(), allow: Bool
  ) -> Decision {
    decide(
      desired: .present(desired), observed: observed.map { .present($0) } ?? .absent, memory: memory, now: now,
      options: DecisionOptions(fleet: "f", allowRecreate: allow))
  }

  private let known = Memory(revisions: revisions((v1, .good)))

  @Test func `a change to a setting that is fixed at creation is held, and the reason names the flag`() {
    let decision = decided(optimized, live(v1), known, allow: false)
    #expect(decision.action == .hold)
    #expect(decision.reason.code == .needsRecreate)
    #expect(decision.reason.needsPerson)
    #expect(decision.reason.detail.contains("--allow-recreate"))
    #expect(decision.next == .rest)
    #expect(
      decision.settingFields
        == [FieldChange(path: "spec.routeOptimized", from: "false", to: "true", effect: .recreate)])
  }

  @Test func `with the flag, the endpoint is deleted and created again`() {
    let decision = decided(optimized, live(v1), known, allow: true)
    #expect(decision.action == .update)
    #expect(decision.next == .call(.delete(name: "chat")))
    #expect(
      decision.operations.map(\.call) == [
        "DELETE /api/2.0/serving-endpoints/chat", "POST /api/2.0/serving-endpoints",
      ])
    let plan = Plan.make(
      target: "t",
      items: [PlanItem(name: "chat", desired: .present(optimized), observed: .present(live(v1)), memory: known)],
      now: now, options: PlanOptions(DecisionOptions(fleet: "f", allowRecreate: true), isSourceWhole: true))
    #expect(
      plan.changes.map(\.consequence) == [
        "the endpoint is deleted and recreated; it is unavailable in the meantime"
      ])
    #expect(plan.blockedDeletions == nil)

    let opening = decided(optimized, nil, known, allow: true)
    guard let opened = opening.next.opened else {
      Issue.record("\(opening.next)")
      return
    }
    var memory = known
    memory.apply(.opened(opened, v1, RolloutOrigin()))
    guard case .create(_, _, _, let settings)? = decided(optimized, nil, memory, allow: true).next.operation else {
      Issue.record("no create")
      return
    }
    #expect(settings.creation.routeOptimized == true)
  }

  @Test func `a create whose name is still taken after the delete is retried at growing intervals`() {
    var memory = known
    memory.apply(.opened(attempt(v1, base: .absent), v1, RolloutOrigin()))
    guard let create = decided(optimized, nil, memory, allow: true).next.operation else {
      Issue.record("no create")
      return
    }
    memory.apply(.received(.conflict("409 the name is taken"), create, at: now))
    let waiting = decided(optimized, nil, memory, allow: true)
    #expect(waiting.reason.code == .retrying)
    #expect(waiting.next == .wait(.seconds(1)))
    let later = decide(
      desired: .present(optimized), observed: .absent, memory: memory, now: now + .seconds(1),
      options: DecisionOptions(fleet: "f"))
    #expect(later.next == .call(create))
  }

  @Test func `an endpoint with deletion policy Retain is never recreated`() {
    let kept = manifest(SideSettings(creation: CreationSettings(routeOptimized: true)), deletionPolicy: .retain)
    let tags = [FleetTags.fleet: "f", FleetTags.retain: "true"]
    let decision = decided(kept, live(v1, tags: tags), known, allow: true)
    #expect(decision.action == .hold)
    #expect(decision.reason.code == .needsRecreate)
    // The manifest no longer retains it: first the tag is removed, and only then the endpoint.
    #expect(decided(optimized, live(v1, tags: tags), known, allow: true).next.word == "tags -setpoint-retain")
  }

  @Test func `ownership, an open attempt and a rollback take precedence`() {
    #expect(decided(optimized, live(v1, tags: [:]), allow: true).reason.code == .conflict)
    let open = Memory(revisions: revisions((v1, .good)), attempt: attempt(v1))
    #expect(decided(optimized, live(v1), open, allow: true).next.word == "close good")
    let held = HeldConfig(digest: v1.digest, cause: .verification, target: v2.digest)
    let back = decided(
      optimized, live(v1, held: held), Memory(revisions: revisions((v2, .good), (v1, .good))), allow: true)
    #expect(back.action == .rollback)
  }

  @Test func `a different description or budget policy is a warning, and not a change`() {
    let desired = manifest(
      SideSettings(creation: CreationSettings(description: "new words", budgetPolicy: "b-1")))
    var observed = live(v1)
    observed.settings = ObservedSettings(description: "old words", effectiveBudgetPolicy: "b-2")
    let decision = decided(desired, observed, known, allow: true)
    #expect(decision.action == .none)
    #expect(decision.warnings.count == 2)
    #expect(decision.warnings.contains { $0.contains("old words") })
    #expect(decision.warnings.contains { $0.contains("b-2") })
    observed.settings = ObservedSettings(description: "new words")
    #expect(decided(desired, observed, known, allow: true).warnings.isEmpty, "the API never returns a policy")
  }
}
