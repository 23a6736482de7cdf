import Endpoints
import Planning
import Testing

/// Rollouts in steps, and the kept version: the situation, and the one decision that follows.
@Suite struct StepTests {
  static let steps = [
    RolloutStep(traffic: 0), RolloutStep(traffic: 10, hold: .seconds(600)), RolloutStep(traffic: 50),
  ]
  static let good = revisions((v1, .good))
  static let both = revisions((v1, .good), (v2, .pending))

  static func wanted(
    _ rollout: Rollout = v2, steps: [RolloutStep] = steps, keeps: Bool = false, checks: [VerificationCheck] = [check],
    onFailure: FailurePolicy = .rollback
  ) -> DesiredEndpoint {
    DesiredEndpoint(
      name: "chat", config: rollout.config,
      rollout: RolloutPolicy(
        deadline: .seconds(600), onFailure: onFailure, checks: checks, steps: steps, keepPrevious: keeps))
  }

  /// The new version's share, and the previous version.
  static func mix(_ share: Int) -> Rollout {
    Rollout(StepConfig.config(from: v1.config, to: v2.config, share: share) ?? v2.config)
  }

  static func at(
    _ step: RolloutStep?, of rollout: Rollout = v2, verification: Attempt.Verification? = nil, announced: Int64? = 6,
    checks: [VerificationCheck] = [check]
  ) -> Attempt {
    Attempt(
      digest: rollout.digest, kind: .update, revision: 2, base: base, openedAt: now,
      checksDigest: RolloutPolicy(checks: checks).checksDigest, step: step,
      acceptance: announced.map { .init(at: now, version: $0) }, verification: verification)
  }

  static func passed(_ age: Duration = .zero) -> Attempt.Verification {
    verification(.passed, age: age, lastAge: age)
  }

  struct Case: Sendable, CustomTestStringConvertible {
    let why: String
    var desired = wanted()
    var observed: ObservedEndpoint? = live(v1)
    var memory = Memory(revisions: good)
    let action: PlanAction
    let reason: Reason.Code
    let next: String
    /// The shares in the config that is sent or recorded for sending, such as `1:90 2:10`.
    var shares: String?
    var testDescription: String { why }

    func check() {
      let decision = decided(desired, observed, memory)
      #expect(decision.action == action, "\(why): \(decision.reason)")
      #expect(decision.reason.code == reason, "\(why): \(decision.reason)")
      #expect(decision.next.stepWord == next, "\(why)")
      if let shares {
        let config =
          decision.next.operation.flatMap(StepTests.sent) ?? decision.operations.first.flatMap(StepTests.sent)
        #expect(config.map(StepTests.shares) == shares, "\(why)")
      }
    }
  }

  static func sent(_ operation: Operation) -> EndpointConfig? {
    if case .updateConfig(_, let config) = operation { config } else { nil }
  }

  static func shares(_ config: EndpointConfig) -> String {
    config.entities.map { "\($0.entityVersion):\($0.traffic)" }.joined(separator: " ")
  }

  @Test(arguments: [
    Case(
      why: "a new version begins at the first step", action: .update, reason: .specChanged, next: "open at 0",
      shares: "1:100 2:0"),
    Case(
      why: "it is sent", memory: Memory(revisions: both, attempt: at(steps[0], announced: nil)), action: .update,
      reason: .specChanged, next: "put", shares: "1:100 2:0"),
    Case(
      why: "a first create has no steps", observed: nil, memory: Memory(), action: .create, reason: .doesNotExist,
      next: "open"),
    Case(
      why: "nor has another size of a version", desired: wanted(Rollout(larger("1"))), action: .update,
      reason: .specChanged, next: "open", shares: "1:100"),
    Case(
      why: "nor has a version that was good before", observed: live(v3, version: 6),
      memory: Memory(revisions: revisions((v2, .good), (v3, .good))), action: .rollback, reason: .wentBack,
      next: "open",
      shares: "2:100"),
    Case(
      why: "nor has a revert of drift", desired: wanted(v1), observed: live(foreign, version: 6), action: .update,
      reason: .drift, next: "open", shares: "1:100"),
    Case(
      why: "nor has a rollback",
      observed: live(v2, version: 6, held: HeldConfig(digest: v2.digest, cause: .rollback, target: v1.digest)),
      memory: Memory(
        revisions: revisions((v1, .good), (v2, .good)), targetCheck: .init(digest: v1.digest, at: now, problem: nil)),
      action: .rollback, reason: .askedFor, next: "open", shares: "1:100"),
    Case(
      why: "nor has an update while nothing is ready", observed: live(v1, ready: .notReady), action: .update,
      reason: .specChanged, next: "open", shares: "2:100"),
    Case(
      why: "an unknown live config is recorded before the first step", memory: Memory(), action: .update,
      reason: .specChanged, next: "record found"),
  ])
  func `a rollout begins at its first step`(_ row: Case) { row.check() }

  @Test(arguments: [
    Case(
      why: "live at its step, it is verified", observed: live(mix(10), version: 6),
      memory: Memory(revisions: both, attempt: at(steps[1])), action: .update, reason: .verifying, next: "verify"),
    Case(
      why: "after it passed, it stays for the step's duration", observed: live(mix(10), version: 6),
      memory: Memory(revisions: both, attempt: at(steps[1], verification: passed(.seconds(240)))), action: .update,
      reason: .promoting, next: "wait", shares: "1:50 2:50"),
    Case(
      why: "then the next step is recorded", observed: live(mix(10), version: 6),
      memory: Memory(revisions: both, attempt: at(steps[1], verification: passed(.seconds(600)))), action: .update,
      reason: .promoting, next: "go on to 50", shares: "1:50 2:50"),
    Case(
      why: "and then sent", observed: live(mix(10), version: 5),
      memory: Memory(revisions: both, attempt: at(steps[2], announced: nil)), action: .update, reason: .promoting,
      next: "put", shares: "1:50 2:50"),
    Case(
      why: "a step without a duration ends at once", observed: live(mix(0), version: 6),
      memory: Memory(revisions: both, attempt: at(steps[0], verification: passed())), action: .update,
      reason: .promoting, next: "go on to 10"),
    Case(
      why: "after the last step comes all of the traffic", observed: live(mix(50), version: 6),
      memory: Memory(revisions: both, attempt: at(steps[2], verification: passed())), action: .update,
      reason: .promoting, next: "go on", shares: "2:100"),
    Case(
      why: "the whole is verified again before it is good", observed: live(v2, version: 8),
      memory: Memory(revisions: both, attempt: at(nil, announced: 8)), action: .update, reason: .verifying,
      next: "verify"),
    Case(
      why: "without checks, a step's duration counts from when it was observed", desired: wanted(checks: []),
      observed: live(mix(10), version: 6), memory: Memory(revisions: both, attempt: at(steps[1], checks: [])),
      action: .update, reason: .verifying, next: "record"),
    Case(
      why: "not ready yet: it gets time", observed: live(mix(10), version: 6, ready: .notReady),
      memory: Memory(revisions: both, attempt: at(steps[1])), action: .update, reason: .startingUp, next: "wait"),
    Case(
      why: "failed: held before anything else", observed: live(mix(10), version: 6),
      memory: Memory(revisions: both, attempt: at(steps[1], verification: verification(.failed("no")))),
      action: .update,
      reason: .quarantined, next: "tags +setpoint-held"),
    Case(
      why: "inconclusive: neither promoted nor rolled back", observed: live(mix(10), version: 6),
      memory: Memory(
        revisions: both, attempt: at(steps[1], verification: verification(.inconclusive("503"), age: .seconds(600)))),
      action: .hold, reason: .inconclusive, next: "rest"),
    Case(
      why: "the provider fails at a step: held",
      observed: live(
        mix(0), pending: mix(10), update: .failed, message: "CUDA out of memory", lastUpdated: 200),
      memory: Memory(revisions: both, attempt: at(steps[1])), action: .update, reason: .quarantined,
      next: "tags +setpoint-held"),
    Case(
      why: "the provider has no capacity at a step: retried later",
      observed: live(
        mix(0), pending: mix(10), update: .failed, message: "insufficient capacity", lastUpdated: 200),
      memory: Memory(revisions: both, attempt: at(steps[1])), action: .update, reason: .updating, next: "close failed"),
    Case(
      why: "canceled by a user at a step: held",
      observed: live(mix(0), pending: mix(10), update: .canceled, lastUpdated: 200),
      memory: Memory(revisions: both, attempt: at(steps[1])), action: .update, reason: .quarantined,
      next: "tags +setpoint-held"),
    Case(
      why: "a user rolled back: the rollout ends here",
      observed: live(mix(10), version: 6, held: HeldConfig(digest: v2.digest, cause: .rollback, target: v1.digest)),
      memory: Memory(revisions: both, attempt: at(steps[1], verification: passed())), action: .update,
      reason: .updating, next: "close superseded"),
    Case(
      why: "the manifest is edited: a half-promoted version is never good", desired: wanted(v3),
      observed: live(mix(10), version: 6), memory: Memory(revisions: both, attempt: at(steps[1], checks: [])),
      action: .update, reason: .updating, next: "close superseded"),
    Case(
      why: "also if it is not ready", desired: wanted(v3), observed: live(mix(10), version: 6, ready: .notReady),
      memory: Memory(revisions: both, attempt: at(steps[1])), action: .update, reason: .updating,
      next: "close superseded"),
    Case(
      why: "steps removed from the manifest: the rest follows at once", desired: wanted(steps: []),
      observed: live(mix(10), version: 6), memory: Memory(revisions: both, attempt: at(steps[1])), action: .update,
      reason: .promoting, next: "go on", shares: "2:100"),
    Case(
      why: "other steps in the manifest: the next one of those", desired: wanted(steps: [RolloutStep(traffic: 30)]),
      observed: live(mix(10), version: 6),
      memory: Memory(revisions: both, attempt: at(steps[1], verification: passed(.seconds(600)))), action: .update,
      reason: .promoting, next: "go on to 30"),
    Case(
      why: "another client moves the traffic: not this attempt's change", observed: live(mix(33), version: 7),
      memory: Memory(revisions: both, attempt: at(steps[1])), action: .update, reason: .updating,
      next: "close superseded"),
    Case(
      why: "a lost write is sent again", observed: live(mix(0), version: 5),
      memory: Memory(revisions: both, attempt: at(steps[1], announced: nil)), action: .update, reason: .promoting,
      next: "put", shares: "1:90 2:10"),
  ])
  func `a rollout advances from step to step`(_ row: Case) { row.check() }

  static let failed = HeldConfig(digest: v2.digest, cause: .verification, target: v1.digest)
  static let after = Memory(
    revisions: revisions((v1, .good), (v2, .failed(.ours, "no"))),
    targetCheck: .init(digest: v1.digest, at: now, problem: nil))

  @Test(arguments: [
    Case(
      why: "failed: back to the good revision", observed: live(mix(10), version: 6, held: failed), memory: after,
      action: .rollback, reason: .verificationFailed, next: "open", shares: "1:100"),
    Case(
      why: "failed before any traffic: its entity is removed too", observed: live(mix(0), version: 6, held: failed),
      memory: after, action: .rollback, reason: .verificationFailed, next: "open", shares: "1:100"),
    Case(
      why: "at the rollback target", observed: live(v1, version: 7, held: failed), memory: after, action: .hold,
      reason: .quarantined, next: "rest"),
    Case(
      why: "canceled: stays as it is",
      observed: live(mix(10), version: 6, held: HeldConfig(digest: v2.digest, cause: .canceled, target: nil)),
      memory: after,
      action: .hold, reason: .quarantined, next: "rest"),
    Case(
      why: "a new manifest starts from the good revision", desired: wanted(v3), observed: live(mix(10), version: 6),
      memory: Memory(revisions: revisions((v1, .good), (v2, .superseded))), action: .update, reason: .specChanged,
      next: "open at 0", shares: "1:100 3:0"),
    Case(
      why: "the manifest is reverted at a step", desired: wanted(v1), observed: live(mix(10), version: 6),
      memory: Memory(revisions: revisions((v1, .good), (v2, .superseded))), action: .rollback, reason: .wentBack,
      next: "open", shares: "1:100"),
    Case(
      why: "another client moved the traffic: the rollout starts over", observed: live(mix(33), version: 7),
      memory: Memory(revisions: revisions((v1, .good), (v2, .superseded))), action: .update, reason: .specChanged,
      next: "open at 0", shares: "1:100 2:0"),
    Case(
      why: "lifted by a retry: it continues where it is", observed: live(mix(10), version: 6),
      memory: Memory(revisions: revisions((v1, .good), (v2, .failed(.ours, "no")))), action: .update,
      reason: .promoting, next: "open at 10", shares: "1:50 2:50"),
    Case(
      why: "another machine first records the previous config", observed: live(mix(10), version: 6),
      memory: Memory(), action: .update, reason: .promoting, next: "record found"),
    Case(
      why: "and continues where it is", observed: live(mix(10), version: 6), action: .update, reason: .promoting,
      next: "open at 10"),
    Case(
      why: "another machine rolls back without a history of its own",
      observed: live(mix(10), version: 6, held: failed),
      memory: Memory(revisions: good, targetCheck: .init(digest: v1.digest, at: now, problem: nil)), action: .rollback,
      reason: .verificationFailed, next: "open", shares: "1:100"),
  ])
  func `a failed or finished step leads to the next decision`(_ row: Case) { row.check() }

  @Test(arguments: [
    Case(
      why: "without steps: all of the traffic, and the previous version stays", desired: wanted(steps: [], keeps: true),
      action: .update, reason: .specChanged, next: "open at 100", shares: "1:0 2:100"),
    Case(
      why: "with steps, that is the last step", desired: wanted(keeps: true), observed: live(mix(50), version: 6),
      memory: Memory(revisions: both, attempt: at(steps[2], verification: passed())), action: .update,
      reason: .promoting, next: "go on to 100", shares: "1:0 2:100"),
    Case(
      why: "live with the kept version: in sync", desired: wanted(keeps: true), observed: live(mix(100), version: 6),
      memory: Memory(revisions: revisions((v1, .good), (v2, .good))), action: .none, reason: .inSync, next: "rest"),
    Case(
      why: "also for a machine without a memory", desired: wanted(keeps: true), observed: live(mix(100), version: 6),
      memory: Memory(), action: .none, reason: .inSync, next: "rest"),
    Case(
      why: "the version alone is in sync too: nothing is started only to be kept", desired: wanted(keeps: true),
      observed: live(v2, version: 6), memory: Memory(revisions: revisions((v1, .good), (v2, .good))), action: .none,
      reason: .inSync, next: "rest"),
    Case(
      why: "a failed version is not kept", desired: wanted(v1, keeps: true), observed: live(mix(0), version: 6),
      memory: Memory(revisions: revisions((v1, .good), (v2, .failed(.ours, "no")))), action: .rollback,
      reason: .wentBack, next: "open", shares: "1:100"),
    Case(
      why: "no longer desired: removed in place", desired: wanted(steps: []), observed: live(mix(100), version: 6),
      memory: Memory(revisions: revisions((v1, .good), (v2, .good))), action: .update, reason: .specChanged,
      next: "open", shares: "2:100"),
    Case(
      why: "a later update keeps its own previous version", desired: wanted(v3, steps: [], keeps: true),
      observed: live(mix(100), version: 6), memory: Memory(revisions: revisions((v1, .good), (v2, .good))),
      action: .update, reason: .specChanged, next: "open at 100", shares: "2:0 3:100"),
    Case(
      why: "the manifest is reverted: a change of traffic", desired: wanted(v1, keeps: true),
      observed: live(mix(100), version: 6), memory: Memory(revisions: revisions((v1, .good), (v2, .good))),
      action: .rollback, reason: .wentBack, next: "open at 100", shares: "1:100 2:0"),
    Case(
      why: "failed with a kept version: rolled back by traffic alone", desired: wanted(keeps: true),
      observed: live(mix(100), version: 6, held: failed), memory: after, action: .rollback,
      reason: .verificationFailed, next: "open", shares: "1:100"),
    Case(
      why: "a failed update leaves the previously kept version", desired: wanted(v3, keeps: true),
      observed: live(mix(100), version: 6, held: HeldConfig(digest: v3.digest, cause: .failed, target: v2.digest)),
      memory: Memory(revisions: revisions((v1, .good), (v2, .good), (v3, .failed(.ours, "no")))), action: .hold,
      reason: .quarantined, next: "rest"),
    Case(
      why: "another client gave the kept version traffic: reverted", desired: wanted(keeps: true),
      observed: live(mix(60), version: 7), memory: Memory(revisions: revisions((v1, .good), (v2, .good))),
      action: .update, reason: .drift, next: "open at 100", shares: "1:0 2:100"),
    Case(
      why: "another size does not change the kept version", desired: wanted(Rollout(larger("2")), keeps: true),
      observed: live(mix(100), version: 6), memory: Memory(revisions: revisions((v1, .good), (v2, .good))),
      action: .update, reason: .specChanged, next: "open at 100", shares: "1:0 2:100"),
  ])
  func `the previous version is kept`(_ row: Case) { row.check() }

  @Test func `only the new version is verified`() {
    let decision = decided(
      Self.wanted(), live(Self.mix(10), version: 6), Memory(revisions: Self.both, attempt: Self.at(Self.steps[1])))
    guard case .verify(let request) = decision.next else {
      Issue.record("\(decision.next)")
      return
    }
    #expect(request.entities == ["qwen3-2"])
  }

  @Test func `the status shows the step of a rollout`() {
    let memory = Memory(
      revisions: Self.both, attempt: Self.at(Self.steps[1], verification: Self.passed(.seconds(240))))
    let held = decided(Self.wanted(), live(Self.mix(10), version: 6), memory)
    #expect(
      held.reason.detail == "step 2 of 3: 10% of the traffic, held until \((now + .seconds(360)).text())")
    #expect(held.next == .wait(.seconds(360)))
    #expect(held.operations.compactMap(Self.sent).map(Self.shares) == ["1:50 2:50", "2:100"])
    let begun = decided(Self.wanted(), live(v1), Memory(revisions: Self.good))
    #expect(begun.reason.detail == "in steps: 0%, 10%, 50%, then all of the traffic")
    #expect(
      begun.operations.compactMap(Self.sent).map(Self.shares)
        == ["1:100 2:0", "1:90 2:10", "1:50 2:50", "2:100"])
  }

  @Test func `a retry measures again what could not be measured, and keeps what passed`() {
    var memory = Memory(revisions: Self.both, attempt: Self.at(Self.steps[1], verification: Self.passed()))
    memory.apply(.retried)
    #expect(memory.attempt?.verification?.verdict == .passed)
    memory.attempt?.verification = verification(.inconclusive("503"))
    memory.apply(.retried)
    #expect(memory.attempt?.verification == nil)
  }

  @Test func `advancing starts with nothing sent, and does not affect another attempt`() {
    let attempt = Self.at(Self.steps[1], verification: Self.passed())
    var memory = Memory(revisions: Self.both, attempt: attempt)
    let next = attempt.going(on: Self.steps[2], base: base, at: now + .seconds(600))
    memory.apply(.advanced(next))
    #expect(memory.attempt?.step == Self.steps[2])
    #expect(memory.attempt?.acceptance == nil && memory.attempt?.verification == nil)
    let other = Memory(revisions: Self.both, attempt: Self.at(Self.steps[0], of: v3))
    #expect(other.applying(.advanced(next)) == other)
  }
}

/// A different size of a version.
private func larger(_ version: String) -> EndpointConfig { config(version, size: "Large") }

extension Step {
  /// Like ``word``, with the share at which a rollout is recorded.
  fileprivate var stepWord: String {
    switch self {
    case .record(.opened(let attempt, _, _)): "open" + (attempt.step.map { " at \($0.traffic)" } ?? "")
    case .record(.advanced(let attempt)): "go on" + (attempt.step.map { " to \($0.traffic)" } ?? "")
    default: word
    }
  }
}
