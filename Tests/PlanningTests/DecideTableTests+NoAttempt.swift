import Endpoints
import Planning
import Testing

// Rows 11 to 14: no attempt is open.
extension DecideTableTests {
  static func held(
    _ rollout: Rollout, _ cause: HeldConfig.Cause, to target: Rollout?, stalled: Bool = false
  ) -> ObservedEndpoint {
    live(v1, held: HeldConfig(digest: rollout.digest, cause: cause, target: target?.digest, isStalled: stalled))
  }

  @Test(arguments: [
    Case(
      why: "11: another digest lifts the hold", desired: endpoint(v3), observed: held(v2, .failed, to: v1),
      action: .update, reason: .specChanged, next: "tags -setpoint-held"),
    Case(
      why: "11: even if that digest is live", desired: endpoint(v1), observed: held(v2, .failed, to: v1),
      action: .update, reason: .settingsChanged, next: "tags -setpoint-held"),
    Case(
      why: "11: held without a target", observed: held(v2, .canceled, to: nil), action: .hold, reason: .quarantined,
      next: "rest"),
    Case(
      why: "11: stalled", observed: held(v2, .verification, to: v1, stalled: true), action: .hold, reason: .stalled,
      next: "rest"),
    Case(
      why: "11: the rollback target is not in this machine's history", observed: held(v2, .verification, to: v3),
      action: .hold, reason: .stalled, next: "rest"),
    Case(
      why: "11: an unreadable hold", observed: live(v1, tags: [FleetTags.fleet: "f", FleetTags.held: "x"]),
      action: .hold, reason: .stalled, next: "rest"),
    Case(
      why: "11: a refused create waits for a user", observed: nil,
      memory: Memory(heldWhileAbsent: HeldConfig(digest: v2.digest, cause: .refused, target: nil)), action: .hold,
      reason: .quarantined, next: "rest"),
    Case(
      why: "11: or for another digest", desired: endpoint(v3), observed: nil,
      memory: Memory(heldWhileAbsent: HeldConfig(digest: v2.digest, cause: .refused, target: nil)), action: .create,
      reason: .doesNotExist, next: "lift"),
    Case(
      why: "12: absent: recorded before it is created", observed: nil, memory: Memory(), action: .create,
      reason: .doesNotExist, next: "open update"),
    Case(
      why: "13: in sync", desired: endpoint(v1), action: .none, reason: .inSync, next: "rest"),
    Case(
      why: "13: an old visible failure does not matter", desired: endpoint(v1), observed: live(v1, update: .failed),
      action: .none, reason: .inSync, next: "rest"),
    Case(
      why: "13: in sync and not ready: no write", desired: endpoint(v1), observed: live(v1, ready: .notReady),
      action: .hold, reason: .unhealthy, next: "wait"),
    Case(
      why: "13: an unknown readiness is not ready", desired: endpoint(v1),
      observed: live(v1, ready: .unknown("WARM")), action: .hold, reason: .unhealthy, next: "wait"),
    Case(
      why: "13: quarantined, at the target", observed: held(v2, .failed, to: v1), action: .hold, reason: .quarantined,
      next: "rest"),
    Case(
      why: "13: a user rolled back", observed: held(v2, .rollback, to: v1), action: .hold, reason: .rolledBack,
      next: "rest"),
    Case(
      why: "14: the spec changed", memory: Memory(revisions: revisions((v1, .good))), action: .update,
      reason: .specChanged, next: "open update"),
    Case(
      why: "14: an unknown live config is recorded before it is replaced", memory: Memory(), action: .update,
      reason: .specChanged, next: "record found"),
    Case(
      why: "14: drift", desired: endpoint(v1), observed: live(foreign, version: 6),
      memory: Memory(revisions: revisions((v1, .good))), action: .update, reason: .drift, next: "open update"),
    Case(
      why: "14: the manifest was reverted", desired: endpoint(v1), observed: live(v2, version: 6),
      memory: Memory(revisions: revisions((v1, .good), (v2, .good))), action: .rollback, reason: .wentBack,
      next: "open update"),
    Case(
      why: "14: rolled back after a failed verification: the target is checked first",
      observed: live(v2, held: HeldConfig(digest: v2.digest, cause: .verification, target: v1.digest)),
      action: .rollback,
      reason: .verificationFailed, next: "check"),
    Case(
      why: "14: it can be served",
      observed: live(v2, held: HeldConfig(digest: v2.digest, cause: .verification, target: v1.digest)),
      memory: Memory(
        revisions: revisions((v1, .good), (v2, .failed(.ours, ""))),
        targetCheck: .init(digest: v1.digest, at: now, problem: nil)),
      action: .rollback, reason: .verificationFailed, next: "open rollback"),
    Case(
      why: "14: the registry's word alone does not withhold a rollback",
      observed: live(v2, held: HeldConfig(digest: v2.digest, cause: .rollback, target: v1.digest)),
      memory: Memory(
        revisions: revisions((v1, .good), (v2, .good)),
        targetCheck: .init(digest: v1.digest, at: now, problem: "version 1 was deleted")),
      action: .rollback, reason: .askedFor, next: "open rollback"),
    Case(
      why: "14: an endpoint without any config gets one", observed: live(nil, ready: .notReady), action: .update,
      reason: .specChanged, next: "open update"),
  ])
  func `rows 11 to 14: which config the endpoint gets`(_ row: Case) { row.check() }

  @Test func `the registry's objection to a rollback is reported, and the rollback is sent anyway`() {
    let memory = Memory(
      revisions: revisions((v1, .good), (v2, .good)),
      targetCheck: .init(digest: v1.digest, at: now, problem: "version 1 was deleted"))
    let held = HeldConfig(digest: v2.digest, cause: .rollback, target: v1.digest)
    let decision = decided(endpoint(v2), live(v2, held: held), memory)
    #expect(decision.next.word == "open rollback")
    #expect(decision.warnings == ["version 1 was deleted; it is sent anyway, and the provider decides"])
  }
}
