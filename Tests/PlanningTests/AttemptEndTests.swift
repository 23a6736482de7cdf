import Endpoints
import Planning
import Testing

/// How an attempt ends that the provider did not accept, or whose endpoint was deleted, and what a plan shows then.
@Suite struct AttemptEndTests {
  private let deletion = Operation.delete(name: "chat")

  private func plan(_ desired: DesiredEndpoint, _ observed: ObservedEndpoint?, _ memory: Memory) -> Plan {
    let item = PlanItem(
      name: "chat", desired: .present(desired), observed: observed.map { .present($0) } ?? .absent, memory: memory)
    return Plan.make(
      target: "http://127.0.0.1:7387", items: [item], now: now,
      options: PlanOptions(DecisionOptions(fleet: "f"), isSourceWhole: true))
  }

  @Test func `deleting an endpoint closes the attempt that it accepted, and the next plan creates it`() {
    var memory = Memory(
      revisions: revisions((v2, .pending)), attempt: attempt(v2, base: .absent, announced: 1, revision: 1))
    memory.apply(.received(.accepted(id: nil, version: nil), deletion, at: now))
    #expect(memory.attempt == nil)
    #expect(memory.revisions.first?.outcome == .superseded)
    let change = plan(endpoint(v2), nil, memory).changes.first
    #expect(change?.action == .create && change?.reason.code == .doesNotExist)
    #expect(change?.operations.map(\.kind) == [.config])
  }

  @Test func `an attempt whose call may still arrive survives the deletion`() {
    let open = attempt(v2, base: .absent, revision: 1)
    let memory = Memory(revisions: revisions((v2, .pending)), attempt: open)
      .applying(.received(.accepted(id: nil, version: nil), deletion, at: now))
    #expect(memory.attempt == open)
  }

  @Test(arguments: [
    CallResult.refused("no"), .missing("no"), .conflict("busy"), .unavailable("503", retryAfter: nil), .lost("cut"),
  ])
  func `a deletion that was not accepted closes nothing`(answer: CallResult) {
    let open = attempt(v2, base: .absent, announced: 1, revision: 1)
    let memory = Memory(revisions: revisions((v2, .pending)), attempt: open)
      .applying(.received(answer, deletion, at: now))
    #expect(memory.attempt == open)
  }

  private let refused = Memory(
    revisions: revisions((v1, .good), (v2, .pending)),
    attempt: attempt(v2, refusal: .init(cause: .theirs, message: "there is no secret llm/hf")))

  @Test func `after a refused call, a plan for another config shows what is sent, and nothing in progress`() {
    let change = plan(endpoint(v3), live(v1), refused).changes.first
    #expect(change?.action == .update && change?.reason.code == .specChanged)
    #expect(change?.operations.map(\.kind) == [.config])
    #expect(change?.sent == nil)
  }

  @Test func `after a refused call, a plan for the live config is empty`() {
    #expect(plan(endpoint(v1), live(v1), refused).isInSync)
  }

  @Test(
    arguments: [
      (endpoint(v3), live(v1), "the manifest changed"), (endpoint(v2), nil, "the endpoint was deleted"),
      (
        endpoint(v2), live(v1, held: HeldConfig(digest: v2.digest, cause: .rollback, target: v1.digest)),
        "its config is held"
      ),
    ] as [(DesiredEndpoint, ObservedEndpoint?, String)])
  func `an attempt that is given up says why`(desired: DesiredEndpoint, observed: ObservedEndpoint?, why: String) {
    guard case .record(.closed(let end)) = decided(desired, observed, refused).next else {
      Issue.record("it is not closed")
      return
    }
    #expect(end.outcome == .unsent)
    #expect(end.because == why)
  }

  @Test func `creating a deleted endpoint announces the revision that is deployed if the new config fails`() {
    let memory = Memory(revisions: revisions((v1, .good)))
    #expect(
      decided(endpoint(v2), nil, memory).warnings == ["if it fails, revision 1, the last good one, is deployed"])
    #expect(decided(endpoint(v2, onFailure: .hold), nil, memory).warnings.isEmpty)
    #expect(decided(endpoint(v1), nil, memory).warnings.isEmpty, "there is no other good revision")
    #expect(decided(endpoint(v2), live(v1), memory).warnings.isEmpty)
  }

  @Test func `after a creation that failed, no old replicas are announced`() {
    let change = plan(endpoint(v2), live(nil, ready: .notReady), Memory()).changes.first
    #expect(change?.isWithoutConfig == true)
    #expect(change?.consequence == "new replicas start; nothing is serving at present")
  }

  @Test func `a manifest with an earlier config names that revision and the live one`() {
    let memory = Memory(revisions: revisions((v1, .good), (v2, .good)))
    let reason = decided(endpoint(v1), live(v2, version: 6), memory).reason
    #expect(reason == Reason(.wentBack, "the manifest has the config of revision 1; revision 2 is live"))
    #expect(PlanAction.rollback.shown(for: reason.code) == .update)
    #expect(PlanAction.rollback.shown(for: .askedFor) == .rollback)
  }

  @Test func `a requested rollback says which config is held, and until when`() {
    let held = HeldConfig(digest: v2.digest, cause: .rollback, target: v1.digest)
    let memory = Memory(revisions: revisions((v1, .good), (v2, .good)))
    let words =
      "a user chose revision 1; the manifest's config is held until it changes or you run \"setpoint retry chat\""
    #expect(decided(endpoint(v2), live(v2, version: 6, held: held), memory).reason == Reason(.askedFor, words))
    #expect(decided(endpoint(v2), live(v1, version: 7, held: held), memory).reason == Reason(.rolledBack, words))
  }
}
