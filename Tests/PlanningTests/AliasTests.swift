import CanonicalJSON
import Endpoints
import Planning
import Testing

/// Aliases in manifests, and what is reported when an alias moves.
@Suite struct AliasTests {
  private let champion = AliasedVersion(model: "main.support.qwen3", alias: "@champion", version: "3")

  private func following(_ rollout: Rollout, alias: String = "@champion") -> DesiredEndpoint {
    let name = rollout.config.entities[0].name
    return DesiredEndpoint(
      name: "chat", config: rollout.config, rollout: RolloutPolicy(deadline: .seconds(600)),
      resolvedAliases: [name: alias])
  }

  private func memory(_ items: (Rollout, RevisionOutcome)..., aliases: [[AliasedVersion]]) -> Memory {
    var all = items.enumerated().map { index, item in
      Revision(
        number: index + 1, digest: item.0.digest, config: item.0.config, recordedAt: now, outcome: item.1,
        established: item.1 == .good ? index + 1 : nil)
    }
    for (index, aliases) in aliases.enumerated() { all[index].aliases = aliases }
    return Memory(revisions: all)
  }

  @Test func `a moved alias is an update that shows the old and the new version`() throws {
    let decision = decided(following(rollout("4")), live(v3), memory((v3, .good), aliases: [[champion]]))
    let words = "the alias @champion of main.support.qwen3 moved from version 3 to 4"
    #expect(decision.action == .update)
    #expect(decision.reason == Reason(.specChanged, words))
    guard case .record(.opened(_, _, let origin)) = decision.next else {
      Issue.record("\(decision.next)")
      return
    }
    #expect(origin.why == words)
    #expect(origin.aliases == [AliasedVersion(model: "main.support.qwen3", alias: "@champion", version: "4")])

    let plan = Plan.make(
      target: "t",
      items: [
        PlanItem(
          name: "chat", desired: .present(following(rollout("4"))), observed: .present(live(v3)),
          memory: memory((v3, .good), aliases: [[champion]]))
      ], now: now, options: PlanOptions(DecisionOptions(fleet: "f"), isSourceWhole: true))
    #expect(plan.json["changes"]?.arrayValue?.first?["detail"] == .string(words))
  }

  @Test func `a newer version is an update that shows which version latest had`() {
    let former = AliasedVersion(model: champion.model, alias: "latest", version: "3")
    let decision = decided(
      following(rollout("4"), alias: "latest"), live(v3), memory((v3, .good), aliases: [[former]]))
    #expect(decision.action == .update)
    #expect(
      decision.reason == Reason(.specChanged, "latest of model main.support.qwen3 moved from version 3 to 4"))
    guard case .record(.opened(_, _, let origin)) = decision.next else {
      Issue.record("\(decision.next)")
      return
    }
    #expect(origin.aliases == [AliasedVersion(model: champion.model, alias: "latest", version: "4")])
  }

  @Test func `the message stays while the update is sent`() {
    var memory = memory((v3, .good), aliases: [[champion]])
    let first = decided(following(rollout("4")), live(v3), memory)
    if let change = first.next.change { memory.apply(change) }
    let second = decided(following(rollout("4")), live(v3), memory)
    #expect(second.next.word == "put")
    #expect(second.reason == first.reason)
  }

  @Test func `an alias that moves back is an update back, and shows both versions`() {
    let four = AliasedVersion(model: champion.model, alias: "@champion", version: "4")
    let memory = memory((v3, .good), (rollout("4"), .good), aliases: [[champion], [four]])
    let decision = decided(following(v3), live(rollout("4")), memory)
    #expect(decision.reason.code == .wentBack)
    #expect(
      decision.reason.detail
        == "the alias @champion of main.support.qwen3 moved from version 4 to 3, as in revision 1")
  }

  @Test func `another alias, another model or an explicit version is not an alias move`() {
    let others = [
      [AliasedVersion(model: champion.model, alias: "@challenger", version: "3")],
      [AliasedVersion(model: "main.support.other", alias: "@champion", version: "3")], [],
    ]
    for aliases in others {
      let decision = decided(following(rollout("4")), live(v3), memory((v3, .good), aliases: [aliases]))
      #expect(decision.reason == Reason(.specChanged))
    }
    let pinned = decided(endpoint(rollout("4")), live(v3), memory((v3, .good), aliases: [[champion]]))
    #expect(pinned.reason == Reason(.specChanged))
  }

  @Test func `after a failed version, the next move of its alias is reported from that version`() {
    let four = AliasedVersion(model: champion.model, alias: "@champion", version: "4")
    let memory = memory((v3, .good), (rollout("4"), .failed(.ours, "x")), aliases: [[champion], [four]])
    let held = HeldConfig(digest: rollout("4").digest, cause: .failed, target: v3.digest)
    let decision = decided(following(rollout("5")), live(v3, held: held), memory)
    #expect(decision.reason.detail == "the alias @champion of main.support.qwen3 moved from version 4 to 5")
  }

  @Test func `a revision keeps the aliases of its last rollout from a manifest`() {
    var memory = Memory()
    let opened = { (kind: Attempt.Kind, aliases: [AliasedVersion]) in
      MemoryChange.opened(attempt(v3, kind, base: .absent, revision: 1), v3, RolloutOrigin(aliases: aliases))
    }
    memory.apply(opened(.update, [champion]))
    memory.apply(.closed(.init(.good, at: now)))
    memory.apply(opened(.rollback, []))
    #expect(memory.revisions.first?.aliases == [champion], "a rollback resolves no alias")
    memory.apply(.closed(.init(.good, at: now)))
    memory.apply(opened(.update, []))
    #expect(memory.revisions.first?.aliases == [], "the version is explicit now")
  }
}

/// What a rollback is recorded with.
@Suite struct RolloutOriginTests {
  @Test(arguments: [
    (HeldConfig.Cause.failed, "revision 2 failed", "vLLM stopped"),
    (.refused, "revision 2 was refused", "vLLM stopped"),
    (.verification, "revision 2 failed its verification", "vLLM stopped"),
    (.rollback, "a user chose it instead of revision 2", ""),
  ])
  func `a rollback reports the config that it leaves, the reason, and the commit that introduced it`(
    cause: HeldConfig.Cause, because: String, why: String
  ) {
    let failed = Revision(
      number: 2, digest: v2.digest, config: v2.config, recordedAt: now, sourceCommit: "2222222",
      outcome: .failed(.ours, "vLLM stopped"))
    let memory = Memory(
      revisions: revisions((v1, .good)) + [failed],
      targetCheck: .init(digest: v1.digest, at: now, problem: nil))
    let held = HeldConfig(
      digest: v2.digest, cause: cause, target: v1.digest,
      circumstances: HeldConfig.circumstances(of: endpoint(v2), cause: cause))
    let decision = decide(
      desired: .present(endpoint(v2)), observed: .present(live(foreign, held: held)), memory: memory, now: now,
      options: DecisionOptions(fleet: "f", sourceCommit: "9999999"))
    guard case .record(.opened(_, _, let origin)) = decision.next else {
      Issue.record("\(decision.next)")
      return
    }
    #expect(origin == RolloutOrigin(sourceCommit: "2222222", because: because, why: why))
  }
}
