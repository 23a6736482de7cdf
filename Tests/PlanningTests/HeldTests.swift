import Endpoints
import Planning
import Testing

@Suite struct HeldTests {
  @Test(arguments: HeldConfig.Cause.allCases, [nil, v1.digest])
  func `a hold survives a round trip through its tag`(cause: HeldConfig.Cause, target: ConfigDigest?) {
    for isStalled in [false, true] {
      for circumstances in [nil, v3.digest] {
        let held = HeldConfig(
          digest: v2.digest, cause: cause, target: target, circumstances: circumstances, isStalled: isStalled)
        let text = HeldTag.encode(held)
        #expect(HeldTag.decode(text) == .held(held))
        #expect(text.utf8.count <= FleetTags.longestValue)
        #expect(text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == ":" || $0 == "-") })
      }
    }
  }

  static let hex = String(repeating: "a", count: 64)

  @Test(arguments: [
    "", "1", "x", "true", "1:failed", "1:failed:zz:-:-:-", "1:unknown:\(hex):-:-:-", "1:failed:\(hex):-:-:maybe",
    "1:failed:\(hex):x:-:-", "1:failed:\(hex):-:-", "1:failed:\(hex):-:-:-:-", "\u{0}\u{FFFF}", "::::::",
  ])
  func `a damaged tag is a hold with an explanation, and no crash`(text: String) {
    guard case .unreadable = HeldTag.decode(text) else {
      Issue.record("\(text) was read")
      return
    }
    let decision = decided(endpoint(v2), live(v1, tags: [FleetTags.fleet: "f", FleetTags.held: text]))
    #expect(decision.reason.code == .stalled)
    #expect(decision.reason.detail.contains("setpoint retry chat"))
    #expect(decision.next == .rest)
  }

  @Test func `a tag of a later version is reported as such`() {
    #expect(HeldTag.decode("2:failed:\(Self.hex)") == .unreadable("it was written by a newer version of Setpoint"))
  }

  @Test func `a quarantine repeats the provider's words if this machine received them`() {
    let held = HeldConfig(digest: v2.digest, cause: .failed, target: v1.digest)
    let memory = Memory(revisions: revisions((v1, .good), (v2, .failed(.ours, "out of memory: CUDA"))))
    #expect(
      decided(endpoint(v2), live(v1, held: held), memory).reason.detail
        == "this config failed: out of memory: CUDA; the endpoint stays at revision 1; it is held until the manifest "
        + "changes or you run \"setpoint retry chat\"")
    #expect(
      decided(endpoint(v2), live(v1, held: held)).reason.detail
        .hasPrefix("this config failed; the endpoint stays at the config"))
  }

  @Test func `before a hold is lifted, the config that replaces the held one is checked`() {
    let memory = Memory(revisions: revisions((v1, .good), (v2, .failed(.ours, "out of memory"))))
    let held = HeldConfig(digest: v2.digest, cause: .failed, target: v1.digest)
    let lift = decided(endpoint(v3), live(v1, held: held), memory)
    #expect(lift.next.word == "tags -setpoint-held")
    #expect(lift.upcoming(memory)?.digest == v3.digest)
    let stay = decided(endpoint(v1), live(v1, held: held), memory)
    #expect(stay.next.word == "tags -setpoint-held")
    #expect(stay.upcoming(memory) == nil, "no config is sent")
  }

  @Test func `before a hold of an absent endpoint is lifted, the config to create is checked`() {
    let memory = Memory(
      revisions: revisions((v2, .refused("no such GPU"))),
      heldWhileAbsent: HeldConfig(digest: v2.digest, cause: .refused, target: nil))
    let lift = decided(endpoint(v3), nil, memory)
    #expect(lift.next.word == "lift")
    #expect(lift.upcoming(memory)?.digest == v3.digest)
  }

  @Test func `a call that the provider may have accepted is repeated without a check`() {
    let base = Attempt.Refusal(cause: .theirs, message: "no such version")
    let failure = Attempt.Refusal(cause: .theirs, message: "500", mayHaveArrived: true)
    for (refusal, isChecked) in [(base, true), (failure, false)] {
      let memory = Memory(
        revisions: revisions((v1, .good), (v2, .pending)), attempt: attempt(v2, refusal: refusal))
      let decision = decided(endpoint(v2), live(v1), memory)
      #expect(decision.next.word == "put")
      #expect((decision.upcoming(memory) != nil) == isChecked)
    }
  }

  @Test func `a config is never its own rollback target`() {
    #expect(HeldConfig(digest: v1.digest, cause: .failed, target: v1.digest).target == nil)
  }

  @Test func `a changed verification lifts a hold for failed verification, and nothing else does`() {
    let checked = endpoint(v2, checks: [check])
    let other = endpoint(v2, checks: [VerificationCheck(prompt: "Another?")])
    let memory = Memory(revisions: revisions((v1, .good)))
    let verification = HeldConfig(
      digest: v2.digest, cause: .verification, target: v1.digest,
      circumstances: HeldConfig.circumstances(of: checked, cause: .verification))
    #expect(decided(checked, live(v1, held: verification), memory).reason.code == .quarantined)
    #expect(decided(other, live(v1, held: verification), memory).next.word == "tags -setpoint-held")

    let failed = HeldConfig(digest: v2.digest, cause: .failed, target: v1.digest)
    #expect(decided(other, live(v1, held: failed), memory).reason.code == .quarantined)
  }

  @Test func `changed tags lift a create that was refused because of its tags`() {
    let refused = attempt(v1, base: .absent, refusal: .init(cause: .ours, message: "tag policy"), revision: 1)
    var memory = Memory(attempt: refused)
    let closing = decided(endpoint(v1, tags: ["team": "x"]), nil, memory)
    guard let change = closing.next.change else {
      Issue.record("\(closing)")
      return
    }
    memory.apply(change)
    #expect(decided(endpoint(v1, tags: ["team": "x"]), nil, memory).reason.code == .quarantined)
    #expect(decided(endpoint(v1, tags: ["team": "y"]), nil, memory).next.word == "lift")
  }

  @Test(arguments: [
    (FailurePolicy.rollback, v1.digest as ConfigDigest?), (.hold, nil),
  ])
  func `the config after a failure follows the manifest`(policy: FailurePolicy, target: ConfigDigest?) {
    let failed = live(v1, pending: v2, update: .failed, message: "out of memory", lastUpdated: 200)
    let memory = Memory(revisions: revisions((v1, .good), (v2, .pending)), attempt: attempt(v2, announced: 6))
    let decision = decided(endpoint(v2, onFailure: policy), failed, memory)
    guard case .call(.patchTags(_, let patch)) = decision.next else {
      Issue.record("\(decision.next)")
      return
    }
    #expect(HeldTag(tags: patch.add).held == HeldConfig(digest: v2.digest, cause: .failed, target: target))
  }

  @Test func `after a rollback is canceled, the user decides, and the failed config stays held`() {
    let held = HeldConfig(digest: v2.digest, cause: .verification, target: v1.digest)
    let canceled = live(
      v2, version: 6, pending: v1, pendingVersion: 7, update: .canceled, held: held, lastUpdated: 200)
    let memory = Memory(
      revisions: revisions((v1, .good), (v2, .failed(.ours, ""))),
      attempt: attempt(v1, .rollback, base: .present(id: "id", version: 6, lastUpdated: 100), announced: 7))
    guard case .call(.patchTags(_, let patch)) = decided(endpoint(v2), canceled, memory).next else {
      Issue.record("no patch")
      return
    }
    #expect(HeldTag(tags: patch.add).held == HeldConfig(digest: v2.digest, cause: .canceled, target: nil))
  }
}
