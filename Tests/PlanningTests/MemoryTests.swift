import Endpoints
import Planning
import Testing

@Suite struct MemoryTests {
  @Test func `an attempt adds a revision, and sending the same config again does not`() {
    var memory = Memory()
    memory.apply(.opened(attempt(v1, base: .absent, revision: 1), v1, RolloutOrigin(sourceCommit: "abc")))
    #expect(memory.revisions.map(\.number) == [1])
    #expect(memory.revisions.first?.sourceCommit == "abc")
    memory.apply(.closed(.init(.failed(.theirs, "no capacity"), at: now)))
    memory.apply(.opened(attempt(v1, base: .absent, revision: 1), v1, RolloutOrigin(sourceCommit: "abc")))
    #expect(memory.revisions.count == 1)
    #expect(memory.revisions.first?.outcome == .pending)
  }

  @Test func `the last good revision is the one established last, also after a rollback`() {
    var memory = Memory(revisions: revisions((v1, .good), (v2, .good)))
    #expect(memory.lastGood?.digest == v2.digest)
    memory.apply(.opened(attempt(v1, .rollback, revision: 1), v1, RolloutOrigin()))
    memory.apply(.closed(.init(.good, id: "id", version: 9, at: now)))
    #expect(memory.lastGood?.digest == v1.digest)
    #expect(memory.lastGood(otherThan: v1.digest)?.digest == v2.digest)
    #expect(memory.lastVersion == 9)
    #expect(memory.revisions.count == 2)
  }

  @Test func `a config that failed through our fault is not a rollback target, under any number`() {
    var memory = Memory(revisions: revisions((v1, .good), (v2, .good), (v1, .pending)))
    memory.apply(.opened(attempt(v1, revision: 3), v1, RolloutOrigin()))
    memory.apply(.closed(.init(.failed(.ours, "out of memory"), at: now)))
    #expect(memory.lastGood?.digest == v2.digest)
    #expect(memory.lastGood(otherThan: v2.digest) == nil)
    #expect(memory.revisions.map(\.outcome.word) == ["good", "good", "failed"])
  }

  @Test func `a config that failed through the provider's fault stays as good as it was`() {
    var memory = Memory(revisions: revisions((v1, .good)))
    memory.apply(.opened(attempt(v1, revision: 1), v1, RolloutOrigin()))
    memory.apply(.closed(.init(.failed(.theirs, "no capacity"), at: now)))
    #expect(memory.lastGood?.digest == v1.digest)
  }

  @Test func `setbacks of one digest grow, up to a limit, and success ends them`() {
    var memory = Memory()
    var delays: [Duration] = []
    for _ in 0..<9 {
      memory.apply(.opened(attempt(v1, base: .absent, revision: 1), v1, RolloutOrigin()))
      memory.apply(.closed(.init(.failed(.theirs, "no capacity"), at: now)))
      if let backoff = memory.backoffs[.config] { delays.append(backoff.until - now) }
    }
    #expect(delays == [15, 30, 60, 120, 240, 480, 900, 900, 900].map { .seconds($0) })
    memory.apply(.opened(attempt(v1, base: .absent, revision: 1), v1, RolloutOrigin()))
    memory.apply(.closed(.init(.good, at: now)))
    #expect(memory.backoffs.isEmpty)
  }

  @Test func `a server's Retry-After is honored`() {
    var memory = Memory(attempt: attempt(v1))
    let put = Operation.updateConfig(name: "chat", config: v1.config)
    memory.apply(.received(.unavailable("429", retryAfter: .seconds(77)), put, at: now))
    #expect(memory.backoffs[.config]?.until == now + .seconds(77))
    #expect(memory.attempt?.refusal == .init(cause: .theirs, message: "429"))
  }

  @Test func `a short Retry-After is honored as it is, however often it is sent`() {
    var memory = Memory(attempt: attempt(v1))
    let put = Operation.updateConfig(name: "chat", config: v1.config)
    for _ in 0..<4 {
      memory.apply(.received(.unavailable("503", retryAfter: .seconds(1)), put, at: now))
      #expect(memory.backoffs[.config]?.until == now + .seconds(1))
    }
  }

  @Test func `without Retry-After, the first retry is after a second, then the delay doubles, with jitter`() {
    var memory = Memory(attempt: attempt(v1))
    let put = Operation.updateConfig(name: "chat", config: v1.config)
    var delays: [Duration] = []
    for _ in 0..<12 {
      memory.apply(.received(.unavailable("503", retryAfter: nil), put, at: now))
      if let backoff = memory.backoffs[.config] { delays.append(backoff.until - now) }
    }
    #expect(delays == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900].map { .seconds($0) })
    var spread = Memory(attempt: attempt(v1))
    spread.apply(.received(.unavailable("503", retryAfter: nil), put, at: now, chance: 0.5))
    #expect(spread.backoffs[.config]?.until == now + .milliseconds(1100))
    spread.apply(.received(.unavailable("503", retryAfter: .seconds(20)), put, at: now, chance: 0.5))
    #expect(spread.backoffs[.config]?.until == now + .seconds(22), "never before the server's Retry-After")
  }

  @Test func `a lost response leaves the attempt open, without a version`() {
    var memory = Memory(attempt: attempt(v1))
    memory.apply(.received(.lost("timed out"), .updateConfig(name: "chat", config: v1.config), at: now))
    #expect(memory.attempt?.acceptance == nil)
    #expect(memory.attempt?.refusal == nil)
  }

  @Test func `a lost response forgets the refusal of the call before it`() {
    let put = Operation.updateConfig(name: "chat", config: v1.config)
    var memory = Memory(attempt: attempt(v1))
    memory.apply(.received(.unavailable("429", retryAfter: nil), put, at: now))
    #expect(memory.attempt?.refusal?.message == "429" && !memory.isConfigUncertain)
    memory.apply(.received(.lost("timed out"), put, at: now))
    #expect(memory.attempt?.refusal == nil && memory.isConfigUncertain)
    memory.apply(.received(.conflict("an update is in progress"), put, at: now))
    #expect(memory.isConfigUncertain, "the conflict may be with the call that got no response")
    memory.apply(.received(.accepted(id: "id", version: 6), put, at: now))
    #expect(!memory.isConfigUncertain)
  }

  @Test func `after a failure of the server, the config may have been accepted`() {
    let put = Operation.updateConfig(name: "chat", config: v1.config)
    var memory = Memory(attempt: attempt(v1))
    #expect(!memory.isConfigUncertain, "nothing was sent")
    memory.apply(.received(.unavailable("500", retryAfter: nil, mayHaveArrived: true), put, at: now))
    #expect(memory.attempt?.refusal == .init(cause: .theirs, message: "500", mayHaveArrived: true))
    #expect(memory.isConfigUncertain)
    memory.apply(.received(.conflict("another change"), put, at: now))
    #expect(memory.isConfigUncertain)
  }

  @Test func `a call that is certainly not accepted does not confirm that the one before it was not`() {
    let put = Operation.updateConfig(name: "chat", config: v1.config)
    for first: CallResult in [.lost("timed out"), .unavailable("500", retryAfter: nil, mayHaveArrived: true)] {
      var memory = Memory(attempt: attempt(v1))
      memory.apply(.received(first, put, at: now))
      memory.apply(.received(.unavailable("429", retryAfter: nil), put, at: now))
      #expect(memory.attempt?.refusal == .init(cause: .theirs, message: "429", mayHaveArrived: true))
      #expect(memory.isConfigUncertain)
    }
  }

  @Test func `a conflict without an earlier call leaves nothing in progress`() {
    var memory = Memory(attempt: attempt(v1))
    memory.apply(.received(.conflict("another change"), .updateConfig(name: "chat", config: v1.config), at: now))
    #expect(!memory.isConfigUncertain)
  }

  @Test func `the share of a step that is live is known while the next one is refused`() {
    let split = EndpointConfig(
      entities: config("1", traffic: 90).entities + config("2", name: "new", traffic: 10).entities)
    let memory = Memory(
      revisions: revisions((v1, .good), (v2, .pending)),
      attempt: attempt(v2, refusal: Attempt.Refusal(cause: .theirs, message: "429")))
    #expect(memory.shareOfEarlierStep(on: live(Rollout(split))) == 10)
    #expect(memory.shareOfEarlierStep(on: live(v1)) == nil)
  }

  @Test func `a late outcome changes nothing`() {
    let memory = Memory(revisions: revisions((v1, .good)))
    let late: [MemoryChange] = [
      .closed(.init(.good, at: now)), .verified(.passed, checksDigest: v1.digest, at: now),
      .received(.accepted(id: nil, version: 1), .updateConfig(name: "chat", config: v1.config), at: now),
    ]
    for change in late { #expect(memory.applying(change) == memory) }
  }

  @Test func `three reverts of the same drift in an hour are contested`() {
    let drifted = live(foreign, version: 6)
    let corrections = [59, 30, 1].map { minutes in
      Correction(target: v1.digest, live: foreign.digest, at: now + .seconds(-60 * minutes))
    }
    var memory = Memory(revisions: revisions((v1, .good)), corrections: corrections)
    let decision = decided(endpoint(v1), drifted, memory)
    #expect(decision.reason.code == .contested)
    #expect(decision.next == .wait(.seconds(60)))
    #expect(decided(endpoint(v1), drifted, memory, at: now + .seconds(60)).next.word == "open update")
    #expect(decided(endpoint(v1), live(v2, version: 6), memory).next.word == "open update", "another drift")
    memory.corrections.removeLast()
    #expect(decided(endpoint(v1), drifted, memory).next.opened?.correction?.live == foreign.digest)
  }

  @Test func `a revert counts when it is accepted, not when it is planned`() {
    let opened = Attempt(
      digest: v1.digest, kind: .update, revision: 1, base: base, openedAt: now,
      correction: Correction(target: v1.digest, live: foreign.digest, at: now), checksDigest: v1.digest)
    var memory = Memory(revisions: revisions((v1, .good)))
    memory.apply(.opened(opened, v1, RolloutOrigin()))
    #expect(memory.corrections.isEmpty)
    memory.apply(
      .received(.accepted(id: "id", version: 7), .updateConfig(name: "chat", config: v1.config), at: now))
    #expect(memory.corrections.count == 1)
  }

  @Test func `another writer of the fleet is named when its change is reverted`() {
    let memory = Memory(revisions: revisions((v1, .good)), endpointID: "id", lastVersion: 5)
    let decision = decided(endpoint(v1), live(foreign, version: 7), memory)
    #expect(
      decision.warnings == [
        "config version 7 was not written by this machine; the last one that it wrote or recorded is 5"
      ])
    #expect(decided(endpoint(v1), live(v1, version: 7), memory).warnings.isEmpty, "nothing to revert")
  }
}

@Suite struct CommandTests {
  private let memory = Memory(revisions: revisions((v1, .good), (v2, .good), (v3, .failed(.ours, "x"))))

  @Test func `a rollback holds the current config and goes to the newest other good revision`() throws {
    let edit = try memory.rollback(to: nil, live: live(v2, version: 6), fleet: "f")
    let held = HeldConfig(digest: v2.digest, cause: .rollback, target: v1.digest)
    #expect(edit.operation == .patchTags(name: "chat", TagPatch(add: [FleetTags.held: HeldTag.encode(held)])))
    let after = live(v2, version: 6, held: held)
    #expect(decided(endpoint(v2), after, memory).next.word == "check")
    #expect(decided(endpoint(v2), live(v1, version: 7, held: held), memory).reason.code == .rolledBack)
    #expect(decided(endpoint(v3), after, memory).next.word == "tags -setpoint-held", "another manifest lifts it")
  }

  @Test func `a rollback during a quarantine keeps the hold and goes to another revision`() throws {
    let held = HeldConfig(digest: v3.digest, cause: .failed, target: v2.digest)
    let edit = try memory.rollback(to: 1, live: live(v2, version: 6, held: held), fleet: "f")
    let moved = HeldConfig(digest: v3.digest, cause: .rollback, target: v1.digest)
    #expect(edit.operation == .patchTags(name: "chat", TagPatch(add: [FleetTags.held: HeldTag.encode(moved)])))
  }

  @Test(arguments: [
    (9, "chat has no revision 9; it has 1, 2, 3"),
    (3, "revision 3 of chat was never good (failed)"),
    (2, "chat is already at revision 2"),
  ])
  func `a rollback that is not possible says why`(number: Int, words: String) {
    #expect(throws: CommandRefusal.self) { try memory.rollback(to: number, live: live(v2, version: 6), fleet: "f") }
    do {
      _ = try memory.rollback(to: number, live: live(v2, version: 6), fleet: "f")
    } catch {
      #expect(error.description == words)
    }
  }

  @Test func `a rollback to the revision at which the endpoint is already held is refused`() {
    let held = HeldConfig(digest: v3.digest, cause: .failed, target: v2.digest)
    do {
      _ = try memory.rollback(to: 2, live: live(v2, version: 6, held: held), fleet: "f")
      Issue.record("the rollback is refused")
    } catch {
      #expect(error.description == "chat is already at revision 2; it stays there")
      #expect(error.next == "\"setpoint retry chat\" lifts the hold")
    }
  }

  @Test(arguments: [
    (Memory(), "chat has no good revision in this machine's history"),
    (Memory(revisions: revisions((v1, .good))), "chat has no other good revision in this machine's history"),
  ])
  func `a rollback without a target says whether there is any good revision`(memory: Memory, words: String) {
    do {
      _ = try memory.rollback(to: nil, live: live(v1), fleet: "f")
      Issue.record("the rollback is refused")
    } catch {
      #expect(error.description == words)
    }
  }

  @Test(arguments: [
    (Memory(), "chat has no revision 99; this machine's history has none"),
    (
      Memory(revisions: (1...12).map { Revision(number: $0, digest: v1.digest, config: v1.config, recordedAt: now) }),
      "chat has no revision 99; its newest are 3, 4, 5, 6, 7, 8, 9, 10, 11, 12"
    ),
  ])
  func `a rollback to an unknown revision names the known ones and the command that lists them`(
    memory: Memory, words: String
  ) {
    do {
      _ = try memory.rollback(to: 99, live: live(v2), fleet: "f")
      Issue.record("the rollback is refused")
    } catch {
      #expect(error.description == words)
      #expect(error.next == "\"setpoint history chat\" lists the revisions")
    }
  }

  @Test(arguments: [(nil, v2, 2), (1, v1, 1)] as [(Int?, Rollout, Int)])
  func `a rollback during an update holds the coming config, and the live one may be its target`(
    number: Int?, target: Rollout, revision: Int
  ) throws {
    let memory = Memory(
      revisions: revisions((v1, .good), (v2, .good), (v3, .pending)),
      attempt: attempt(
        v3, base: .present(id: "id", version: 6, lastUpdated: 100), announced: 7, revision: 3))
    let updating = live(v2, version: 6, pending: v3, pendingVersion: 7, update: .inProgress)
    let edit = try memory.rollback(to: number, live: updating, fleet: "f")
    let held = HeldConfig(digest: v3.digest, cause: .rollback, target: target.digest)
    #expect(edit.operation == .patchTags(name: "chat", TagPatch(add: [FleetTags.held: HeldTag.encode(held)])))
    #expect(edit.goal?.revision == revision && edit.goal?.isNewer == false)
    let after = live(v2, version: 6, pending: v3, pendingVersion: 7, update: .inProgress, held: held)
    let decision = decided(endpoint(v3), after, memory)
    #expect(decision.action == .rollback && decision.next.word == "wait")
    #expect(
      decision.reason.detail
        == "a user chose revision \(revision); revision \(revision) is sent "
        + "when the update to config version 7 ends")
    #expect(decision.blockedBy == "an update to config version 7 in progress")
    #expect(decision.operations.contains(.updateConfig(name: "chat", config: target.config)))
  }

  @Test(arguments: [v1, v3])
  func `a rollback to the revision that is being rolled out says so, and what to do`(coming: Rollout) throws {
    let number = coming == v1 ? 1 : 3
    let memory = Memory(
      revisions: revisions((v1, .good), (v2, .good), (v3, .pending)),
      attempt: attempt(
        coming, base: .present(id: "id", version: 6, lastUpdated: 100), announced: 7, revision: number))
    let updating = live(v2, version: 6, pending: coming, pendingVersion: 7, update: .inProgress)
    do {
      _ = try memory.rollback(to: number, live: updating, fleet: "f")
      Issue.record("the rollback is refused")
    } catch {
      #expect(error.description == "revision \(number) of chat is being rolled out")
      #expect(error.next == "\"setpoint wait chat\" waits for it; to leave it, choose another revision")
    }
    let held = HeldConfig(digest: coming.digest, cause: .rollback, target: v2.digest)
    let leaving = live(v2, version: 6, pending: coming, pendingVersion: 7, update: .inProgress, held: held)
    let error = #expect(throws: CommandRefusal.self) { try memory.rollback(to: number, live: leaving, fleet: "f") }
    #expect(error?.description.contains("being rolled out") == false, "it is held")
  }

  @Test(arguments: [nil, Attempt.Refusal(cause: .theirs, message: "temporarily unavailable")])
  func `a rollback to a revision whose update was recorded but is not in progress is possible`(
    refusal: Attempt.Refusal?
  ) throws {
    let memory = Memory(
      revisions: revisions((v1, .good), (v2, .good)), attempt: attempt(v1, refusal: refusal, revision: 1))
    let edit = try memory.rollback(to: 1, live: live(v2), fleet: "f")
    let held = HeldConfig(digest: v2.digest, cause: .rollback, target: v1.digest)
    #expect(edit.operation == .patchTags(name: "chat", TagPatch(add: [FleetTags.held: HeldTag.encode(held)])))
  }

  @Test func `a rollback without a target says so`() {
    #expect(throws: CommandRefusal.self) { try Memory().rollback(to: nil, live: live(v2), fleet: "f") }
    #expect(throws: CommandRefusal.self) { try memory.rollback(to: nil, live: live(v2), fleet: "g") }
    var bare = memory
    bare.revisions[0].config = nil
    #expect(throws: CommandRefusal.self) { try bare.rollback(to: 1, live: live(v2), fleet: "f") }
  }

  @Test func `a retry lifts the hold and ends every wait`() throws {
    let held = HeldConfig(digest: v2.digest, cause: .failed, target: v1.digest)
    var memory = memory
    memory.backoffs[.config] = TransientFailure(digest: v2.digest, failures: 3, until: now + .seconds(99), message: "x")
    let edit = try memory.retry(name: "chat", live: live(v1, held: held), fleet: "f")
    #expect(edit.operation == .patchTags(name: "chat", TagPatch(remove: [FleetTags.held])))
    let after = memory.applying(edit.change)
    #expect(after.backoffs.isEmpty)
    #expect(decided(endpoint(v2), live(v1), after).next.word == "open update")
  }

  @Test func `a retry without an endpoint lifts a refused create`() throws {
    let memory = Memory(heldWhileAbsent: HeldConfig(digest: v1.digest, cause: .refused, target: nil))
    let edit = try memory.retry(name: "chat", live: nil, fleet: "f")
    #expect(edit.operation == nil)
    #expect(decided(endpoint(v1), nil, memory.applying(edit.change)).next.word == "open update")
  }

  @Test func `retry of a config that is not held says so`() throws {
    let memory = Memory(revisions: revisions((v1, .good)))
    #expect(throws: CommandRefusal.self) { try memory.retry(name: "chat", live: live(v1), fleet: "f") }
    let updating = Memory(revisions: revisions((v1, .good)), attempt: attempt(v2, announced: 6))
    let refusal = #expect(throws: CommandRefusal.self) {
      try updating.retry(name: "chat", live: live(v1, pending: v2, update: .inProgress), fleet: "f")
    }
    #expect(refusal?.description.contains("its update is in progress") == true)
    let waiting = Memory(
      backoffs: [.config: TransientFailure(digest: v2.digest, failures: 1, until: now, message: "503")]
    )
    _ = try waiting.retry(name: "chat", live: live(v1), fleet: "f")
  }

  @Test func `the manifest's rollout policy is remembered, and a rollback does not change it`() {
    let policy = RolloutPolicy(checks: [check], steps: [RolloutStep(traffic: 10)])
    var memory = Memory()
    memory.apply(.opened(attempt(v2), v2, RolloutOrigin(policy: policy)))
    memory.apply(.closed(.init(.failed(.ours, "no"), at: now)))
    memory.apply(.opened(attempt(v1, .rollback, revision: 1), v1, RolloutOrigin(because: "revision 2 failed")))
    #expect(memory.policy == policy)
  }

  @Test func `only a version that is not known to have served is looked up in the registry`() {
    let memory = Memory(revisions: revisions((v1, .good), (v2, .failed(.ours, "no"))))
    #expect(v3.unproven(on: live(v1), memory).map(\.entityVersion) == ["3"])
    #expect(v2.unproven(on: live(v1), memory).map(\.entityVersion) == ["2"], "it failed")
    #expect(v1.unproven(on: live(v3), memory).isEmpty, "it was good")
    #expect(v3.unproven(on: live(v3), memory).isEmpty, "it serves")
    #expect(v1.unproven(on: nil, Memory()).map(\.entityVersion) == ["1"])
  }
}
