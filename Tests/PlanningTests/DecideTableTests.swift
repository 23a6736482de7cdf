import Endpoints
import Planning
import Testing

/// The table of the decision core, row by row: the situation, and the one decision that follows.
@Suite struct DecideTableTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let why: String
    var desired: DesiredEndpoint? = endpoint(v2)
    var observed: ObservedEndpoint? = live(v1)
    var memory = Memory(revisions: revisions((v1, .good), (v2, .pending)))
    var adopt = false
    var prune = false
    var fleet = "f"
    let action: PlanAction
    let reason: Reason.Code
    let next: String

    var testDescription: String { why }

    func check() {
      let decision = decided(desired, observed, memory, adopt: adopt, prune: prune, fleet: fleet)
      #expect(decision.action == action, "\(why): \(decision.reason)")
      #expect(decision.reason.code == reason, "\(why): \(decision.reason)")
      #expect(decision.next.word == next, "\(why)")
    }
  }

  @Test(arguments: [
    Case(
      why: "2: a suspended endpoint is left alone", desired: endpoint(v2, suspend: true), action: .hold,
      reason: .suspended, next: "rest"),
    Case(
      why: "3: an endpoint without an owner is outside the fleet", observed: live(v1, tags: [:]), action: .hold,
      reason: .conflict, next: "rest"),
    Case(
      why: "3: another fleet's endpoint is outside the fleet", observed: live(v1, tags: [FleetTags.fleet: "g"]),
      action: .hold, reason: .conflict, next: "rest"),
    Case(
      why: "3: adopting first records the live config", observed: live(v1, tags: [:]), memory: Memory(), adopt: true,
      action: .adopt, reason: .adoption, next: "record found"),
    Case(
      why: "3: a live config that is not ready is not a rollback target",
      observed: live(v1, ready: .notReady, tags: [:]),
      memory: Memory(), adopt: true, action: .adopt, reason: .adoption, next: "tags +setpoint-fleet"),
    Case(
      why: "3: then adopting writes the tags", desired: endpoint(v2, deletionPolicy: .retain),
      observed: live(v1, tags: [:]), adopt: true, action: .adopt, reason: .adoption,
      next: "tags +setpoint-fleet +setpoint-retain"),
    Case(
      why: "3: the platform's own endpoints are never adopted",
      observed: live(v1, tags: [:], name: "databricks-llama"), adopt: true, action: .hold, reason: .conflict,
      next: "rest"),
    Case(
      why: "4: an endpoint outside the fleet and the manifests is ignored", desired: nil,
      observed: live(v1, tags: [:]), prune: true, action: .none, reason: .notThisFleet, next: "rest"),
    Case(
      why: "4: without pruning, nothing is deleted", desired: nil, action: .none, reason: .pruningOff, next: "rest"),
    Case(
      why: "4: with pruning, the fleet's own endpoint is deleted", desired: nil, prune: true, action: .delete,
      reason: .manifestRemoved, next: "delete"),
    Case(
      why: "4: a retained endpoint outlives its manifest", desired: nil,
      observed: live(v1, tags: [FleetTags.fleet: "f", FleetTags.retain: "true"]), prune: true, action: .hold,
      reason: .retained, next: "rest"),
    Case(
      why: "4: the default fleet deletes only what this machine recorded", desired: nil,
      observed: live(v1, tags: [FleetTags.fleet: "default"]), prune: true, fleet: "default", action: .none,
      reason: .notRecordedHere, next: "rest"),
    Case(
      why: "4: this machine recorded it", desired: nil, observed: live(v1, tags: [FleetTags.fleet: "default"]),
      memory: Memory(endpointID: "id"), prune: true, fleet: "default", action: .delete, reason: .manifestRemoved,
      next: "delete"),
    Case(
      why: "4: another endpoint under the same name", desired: nil,
      observed: live(v1, tags: [FleetTags.fleet: "default"]), memory: Memory(endpointID: "old"), prune: true,
      fleet: "default", action: .none, reason: .notRecordedHere, next: "rest"),
  ])
  func `rows 2 to 4: which fleet owns the endpoint`(_ row: Case) { row.check() }

  @Test func `an endpoint whose manifest was removed stays without pruning, and the reason is short`() {
    #expect(decided(nil, live(v1)).reason.detail == "it has no manifest, and pruning is off")
    let unrecorded = decided(nil, live(v1, tags: [FleetTags.fleet: "default"]), prune: true, fleet: "default")
    #expect(
      unrecorded.reason.detail == "it has no manifest; the default fleet prunes only what this machine recorded")
  }

  @Test(arguments: [
    Case(
      why: "5: our update is waited for", observed: live(v1, pending: v2, update: .inProgress),
      memory: Memory(attempt: attempt(v2, announced: 6)), action: .update, reason: .updating, next: "wait"),
    Case(
      why: "5: so is another client's update", observed: live(v1, pending: v3, startedAt: now, update: .inProgress),
      action: .update, reason: .updating, next: "wait"),
    Case(
      why: "5: an unknown state counts as updating",
      observed: live(v1, update: .unknown("UPDATE_PAUSED"), lastUpdated: now.milliseconds), action: .update,
      reason: .updating, next: "wait"),
    Case(
      why: "5: a rollback that is due waits for the update",
      observed: live(
        v1, pending: v2, update: .inProgress,
        held: HeldConfig(digest: v2.digest, cause: .rollback, target: v1.digest)),
      memory: Memory(revisions: revisions((v1, .good), (v2, .pending)), attempt: attempt(v2, announced: 6)),
      action: .rollback, reason: .askedFor, next: "wait"),
    Case(
      why: "5: the update that rolls back is waited for as well",
      observed: live(
        v2, pending: v1, update: .inProgress,
        held: HeldConfig(digest: v2.digest, cause: .failed, target: v1.digest)),
      memory: Memory(revisions: revisions((v1, .good), (v2, .pending)), attempt: attempt(v1, .rollback, announced: 6)),
      action: .rollback, reason: .updating, next: "wait"),
    Case(
      why: "5: past the deadline, the update is still waited for", observed: live(v1, pending: v2, update: .inProgress),
      memory: Memory(attempt: attempt(v2, age: .seconds(601), announced: 6)), action: .update, reason: .overdue,
      next: "wait"),
    Case(
      why: "5: protection does not wait for the update", desired: endpoint(v2, deletionPolicy: .retain),
      observed: live(v1, pending: v2, update: .inProgress), memory: Memory(attempt: attempt(v2, announced: 6)),
      action: .update, reason: .updating, next: "tags +setpoint-retain"),
    Case(
      why: "5: but for a write that may be in flight", desired: endpoint(v2, deletionPolicy: .retain),
      observed: live(v1, pending: v2, update: .inProgress), memory: Memory(attempt: attempt(v2)),
      action: .update, reason: .updating, next: "wait"),
  ])
  func `row 5: while the provider updates`(_ row: Case) { row.check() }

  @Test(arguments: [
    Case(
      why: "6: without checks, a ready config is good", observed: live(v2, version: 6),
      memory: Memory(attempt: attempt(v2, announced: 6)), action: .update, reason: .updating, next: "close good"),
    Case(
      why: "6: with checks, verified first", desired: endpoint(v2, checks: [check]), observed: live(v2, version: 6),
      memory: Memory(attempt: attempt(v2, announced: 6, checks: [check])), action: .update, reason: .verifying,
      next: "verify"),
    Case(
      why: "6: passed", desired: endpoint(v2, checks: [check]), observed: live(v2, version: 6),
      memory: Memory(attempt: attempt(v2, verification: verification(.passed))), action: .update, reason: .updating,
      next: "close good"),
    Case(
      why: "6: a failure is tagged on the endpoint before the close", desired: endpoint(v2, checks: [check]),
      observed: live(v2, version: 6),
      memory: Memory(
        revisions: revisions((v1, .good)), attempt: attempt(v2, verification: verification(.failed("no")))),
      action: .update, reason: .quarantined, next: "tags +setpoint-held"),
    Case(
      why: "6: an inconclusive verification is repeated after a while", desired: endpoint(v2, checks: [check]),
      observed: live(v2, version: 6),
      memory: Memory(attempt: attempt(v2, verification: verification(.inconclusive("503"), lastAge: .seconds(3)))),
      action: .update, reason: .verifying, next: "wait"),
    Case(
      why: "6: and then verified", desired: endpoint(v2, checks: [check]), observed: live(v2, version: 6),
      memory: Memory(
        attempt: attempt(
          v2, verification: verification(.inconclusive("503"), age: .seconds(30), lastAge: .seconds(11)))),
      action: .update, reason: .verifying, next: "verify"),
    Case(
      why: "6: until the deadline; then a user decides", desired: endpoint(v2, checks: [check]),
      observed: live(v2, version: 6),
      memory: Memory(
        attempt: attempt(v2, verification: verification(.inconclusive("503"), age: .seconds(600)))),
      action: .hold, reason: .inconclusive, next: "rest"),
    Case(
      why: "6: edited checks are run again",
      desired: endpoint(v2, checks: [VerificationCheck(prompt: "Another?")]), observed: live(v2, version: 6),
      memory: Memory(attempt: attempt(v2, verification: verification(.failed("no")))), action: .update,
      reason: .verifying, next: "verify"),
    Case(
      why: "6: a rollback is not verified again", desired: endpoint(v2, checks: [check]), observed: live(v1),
      memory: Memory(revisions: revisions((v1, .good)), attempt: attempt(v1, .rollback, announced: 5)),
      action: .rollback, reason: .updating, next: "close good"),
    Case(
      why: "6: a manifest for another config does not apply its new checks", desired: endpoint(v3, checks: [check]),
      observed: live(v2, version: 6),
      memory: Memory(revisions: revisions((v2, .pending)), attempt: attempt(v2, announced: 6, checks: [check])),
      action: .update, reason: .updating, next: "close superseded"),
    Case(
      why: "6: a config without checks is good though", desired: endpoint(v3), observed: live(v2, version: 6),
      memory: Memory(revisions: revisions((v2, .pending)), attempt: attempt(v2, announced: 6)),
      action: .update, reason: .updating, next: "close good"),
    Case(
      why: "6: a live config that is not ready gets time", observed: live(v2, version: 6, ready: .notReady),
      memory: Memory(attempt: attempt(v2, announced: 6)), action: .update, reason: .startingUp, next: "wait"),
    Case(
      why: "6: and is then unhealthy, and still not judged", observed: live(v2, version: 6, ready: .notReady),
      memory: Memory(attempt: attempt(v2, age: .seconds(600), announced: 6)), action: .hold, reason: .unhealthy,
      next: "wait"),
  ])
  func `row 6: the live config is the attempted one`(_ row: Case) { row.check() }

  static let failed = live(v1, pending: v2, update: .failed, message: "CUDA out of memory", lastUpdated: 200)

  @Test(arguments: [
    Case(
      why: "7: failed through our fault: held", observed: failed,
      memory: Memory(attempt: attempt(v2, announced: 6)), action: .update, reason: .quarantined,
      next: "tags +setpoint-held"),
    Case(
      why: "7: already held: closed",
      observed: live(
        v1, pending: v2, update: .failed, held: HeldConfig(digest: v2.digest, cause: .failed, target: v1.digest),
        message: "out of memory", lastUpdated: 200),
      memory: Memory(attempt: attempt(v2, announced: 6)), action: .update, reason: .updating, next: "close failed"),
    Case(
      why: "7: refused by the provider", observed: live(v1),
      memory: Memory(attempt: attempt(v2, refusal: .init(cause: .ours, message: "400"))), action: .update,
      reason: .quarantined, next: "tags +setpoint-held"),
    Case(
      why: "7: a refused create is held in memory, since there is no endpoint to tag", observed: nil,
      memory: Memory(attempt: attempt(v2, base: .absent, refusal: .init(cause: .ours, message: "400"))),
      action: .create,
      reason: .updating, next: "close refused"),
    Case(
      why: "7: after a failed rollback, no other target is tried",
      observed: live(
        v2, pending: v1, pendingVersion: 7, update: .failed,
        held: HeldConfig(digest: v2.digest, cause: .verification, target: v1.digest), message: "out of memory",
        lastUpdated: 200),
      memory: Memory(
        revisions: revisions((v1, .good), (v2, .pending)), attempt: attempt(v1, .rollback, announced: 7)),
      action: .rollback, reason: .quarantined, next: "tags +setpoint-held"),
    Case(
      why: "8: failed through the provider's fault: closed with a setback",
      observed: live(v1, pending: v2, update: .failed, message: "insufficient capacity", lastUpdated: 200),
      memory: Memory(attempt: attempt(v2, announced: 6)), action: .update, reason: .updating, next: "close failed"),
    Case(
      why: "8: and the next attempt waits for it",
      memory: Memory(
        backoffs: [
          .config: TransientFailure(digest: v2.digest, failures: 1, until: now + .seconds(9), message: "no capacity")
        ]),
      action: .update, reason: .retrying, next: "wait"),
    Case(
      why: "8: but another digest does not",
      memory: Memory(
        revisions: revisions((v1, .good)),
        backoffs: [
          .config: TransientFailure(digest: v3.digest, failures: 1, until: now + .seconds(9), message: "no capacity")
        ]),
      action: .update, reason: .specChanged, next: "open update"),
    Case(
      why: "9: canceled by a user: held without a target",
      observed: live(v1, pending: v2, update: .canceled, lastUpdated: 200),
      memory: Memory(revisions: revisions((v1, .good)), attempt: attempt(v2, announced: 6)), action: .update,
      reason: .quarantined, next: "tags +setpoint-held"),
    Case(
      why: "7: a failed config that is no longer desired holds nothing up", desired: endpoint(v3), observed: failed,
      memory: Memory(attempt: attempt(v2, announced: 6)), action: .update, reason: .updating, next: "close failed"),
  ])
  func `rows 7 to 9: an attempt failed`(_ row: Case) { row.check() }

  @Test(arguments: [
    Case(
      why: "10: no trace: sent", memory: Memory(revisions: revisions((v1, .good)), attempt: attempt(v2)),
      action: .update, reason: .specChanged, next: "put"),
    Case(
      why: "10: no trace of a create: sent", observed: nil, memory: Memory(attempt: attempt(v2, base: .absent)),
      action: .create, reason: .doesNotExist, next: "create"),
    Case(
      why: "10: an old failure that stays visible is not a trace", observed: live(v1, update: .failed),
      memory: Memory(
        revisions: revisions((v1, .good)),
        attempt: attempt(v2, base: .present(id: "id", version: 5, lastUpdated: 100, hadFailed: true))),
      action: .update, reason: .specChanged, next: "put"),
    Case(
      why: "10: the manifest has changed: never sent", desired: endpoint(v3),
      memory: Memory(revisions: revisions((v1, .good)), attempt: attempt(v2)), action: .update, reason: .updating,
      next: "close unsent"),
    Case(
      why: "10: a user rolled back meanwhile: never sent",
      observed: live(v1, held: HeldConfig(digest: v2.digest, cause: .rollback, target: v1.digest)),
      memory: Memory(revisions: revisions((v1, .good)), attempt: attempt(v2)), action: .update, reason: .updating,
      next: "close unsent"),
    Case(
      why: "10: the config has changed: superseded", observed: live(foreign, version: 6, lastUpdated: 200),
      memory: Memory(revisions: revisions((v1, .good)), attempt: attempt(v2)), action: .update, reason: .updating,
      next: "close superseded"),
    Case(
      why: "10: another endpoint under the same name: superseded", observed: live(v1, id: "other"),
      memory: Memory(attempt: attempt(v2)), action: .update, reason: .updating, next: "close superseded"),
    Case(
      why: "10: the endpoint is gone: superseded", observed: nil, memory: Memory(attempt: attempt(v2, announced: 6)),
      action: .update, reason: .updating, next: "close superseded"),
    Case(
      why: "10: accepted a moment ago and not visible yet: checked again",
      memory: Memory(attempt: attempt(v2, announced: 6)), action: .update, reason: .updating, next: "wait"),
    Case(
      why: "10: accepted long ago and never visible: superseded",
      memory: Memory(attempt: attempt(v2, age: .seconds(31), announced: 6)), action: .update, reason: .updating,
      next: "close superseded"),
    Case(
      why: "10: created a moment ago and not visible yet", observed: nil,
      memory: Memory(attempt: attempt(v2, base: .absent, announced: 1)), action: .create, reason: .updating,
      next: "wait"),
    Case(
      why: "10: throttled: sent again after the backoff",
      memory: Memory(
        revisions: revisions((v1, .good)), attempt: attempt(v2, refusal: .init(cause: .theirs, message: "429")),
        backoffs: [
          .config: TransientFailure(digest: v2.digest, failures: 1, until: now + .seconds(9), message: "429")
        ]),
      action: .update, reason: .retrying, next: "wait"),
  ])
  func `row 10: an attempt has no outcome`(_ row: Case) { row.check() }

  @Test(arguments: [
    Case(
      why: "no announced version, no pending config: a changed last-updated time shows that it was ours",
      observed: live(v1, update: .failed, message: "out of memory", lastUpdated: 200),
      memory: Memory(attempt: attempt(v2)), action: .update, reason: .quarantined, next: "tags +setpoint-held"),
    Case(
      why: "unless a failure was visible before", observed: live(v1, update: .failed, lastUpdated: 200),
      memory: Memory(
        attempt: attempt(v2, base: .present(id: "id", version: 5, lastUpdated: 100, hadFailed: true))),
      action: .update, reason: .updating, next: "close superseded"),
    Case(
      why: "no announced version, but the pending config is ours",
      observed: live(v1, pending: v2, update: .failed, message: "out of memory", lastUpdated: 200),
      memory: Memory(attempt: attempt(v2)), action: .update, reason: .quarantined, next: "tags +setpoint-held"),
    Case(
      why: "the pending config is another client's",
      observed: live(v1, pending: foreign, update: .failed, message: "out of memory", lastUpdated: 200),
      memory: Memory(attempt: attempt(v2)), action: .update, reason: .updating, next: "close superseded"),
    Case(
      why: "a version other than the announced one failed",
      observed: live(
        v1, pending: v2, pendingVersion: 7, update: .failed, message: "out of memory", lastUpdated: 200),
      memory: Memory(attempt: attempt(v2, announced: 6)), action: .update, reason: .updating,
      next: "close superseded"),
    Case(
      why: "a later version is live: the failure belongs to a later one",
      observed: live(foreign, version: 7, update: .failed, lastUpdated: 200),
      memory: Memory(attempt: attempt(v2, announced: 6)), action: .update, reason: .updating,
      next: "close superseded"),
    Case(
      why: "a provider that does not change last-updated on a failure",
      observed: live(v1, pending: v2, update: .failed, message: "out of memory"),
      memory: Memory(attempt: attempt(v2, announced: 6)), action: .update, reason: .quarantined,
      next: "tags +setpoint-held"),
  ])
  func `a failure counts only if it belongs to the attempt`(_ row: Case) { row.check() }

  @Test func `row 1: an endpoint that cannot be read is not acted on, whatever else is known`() {
    let memory = Memory(revisions: revisions((v1, .good)), attempt: attempt(v2))
    let options = DecisionOptions(fleet: "f", adopt: true, prune: true)
    let unreadable = decide(
      desired: .present(endpoint(v2)), observed: .unreadable("503"), memory: memory, now: now, options: options)
    #expect(unreadable.reason == Reason(.blocked, "503"))
    #expect(unreadable.next == .rest)
    let unknown = decide(
      desired: .unknown("registry down"), observed: .present(live(v1)), memory: memory, now: now, options: options)
    #expect(unknown.reason == Reason(.blocked, "registry down"))
    #expect(unknown.next == .rest)
  }
}
