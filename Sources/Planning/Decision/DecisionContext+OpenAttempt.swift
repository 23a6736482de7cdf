internal import Endpoints

// Rows 6 to 10: an attempt is open, and the provider is not updating.
extension DecisionContext {
  func attemptDecision(_ attempt: Attempt) -> Decision {
    guard let live else { return attemptDecisionWithoutEndpoint(attempt) }
    if isLive(attempt) {
      return live.readiness == .ready ? verificationDecision(attempt, live) : startupDecision(attempt, live)
    }
    if let refusal = attempt.refusal, refusal.cause == .ours {
      return failureDecision(attempt, .refused(refusal.message), cause: .refused)
    }
    switch trace(of: attempt, on: live) {
    case .none:
      // Row 10, and row 8 for a write that was not accepted.
      return attempt.acceptance.map { traceWaitDecision(attempt, since: $0.at) } ?? sendDecision(attempt)
    case .attempt where live.update == .failed: return failedUpdateDecision(of: attempt, live)
    case .attempt where live.update == .canceled: return failureDecision(attempt, .canceled, cause: .canceled)
    case .attempt, .other: return closeDecision(attempt, .superseded)
    }
  }

  private func attemptDecisionWithoutEndpoint(_ attempt: Attempt) -> Decision {
    guard attempt.base == .absent else {
      return closeDecision(
        attempt, attempt.acceptance == nil ? .unsent : .superseded, because: "the endpoint was deleted")
    }
    if let refusal = attempt.refusal, refusal.cause == .ours {
      return failureDecision(attempt, .refused(refusal.message), cause: .refused)
    }
    return attempt.acceptance.map { traceWaitDecision(attempt, since: $0.at) } ?? sendDecision(attempt)
  }

  private enum Trace { case none, attempt, other }

  /// Returns what caused the endpoint's current state since the attempt was recorded: nothing, the attempt, or
  /// something else. `UPDATE_FAILED` alone means nothing: it stays from an earlier update (serving-api.md 2.6). Without
  /// an announced version or a pending config, a failure is the attempt's if it appeared together with a changed
  /// last-updated time.
  private func trace(of attempt: Attempt, on live: ObservedEndpoint) -> Trace {
    guard case .present(let id, let version, let lastUpdated, let hadFailed) = attempt.base else {
      return live.pending.map { means($0.config, attempt) } ?? true ? .attempt : .other
    }
    if id != live.id { return .other }
    let showsNewFailure = !hadFailed && (live.update == .failed || live.update == .canceled)
    let hasMoved = version != live.active?.version || lastUpdated != live.lastUpdated || showsNewFailure
    if let announced = attempt.acceptance?.version {
      if let active = live.active, active.version >= announced { return .other }
      if let pending = live.pending, pending.version == announced { return .attempt }
      return !hasMoved ? .none : live.pending == nil ? .attempt : .other
    }
    if !hasMoved { return .none }
    if version != live.active?.version { return .other }
    if let pending = live.pending { return means(pending.config, attempt) ? .attempt : .other }
    return hadFailed ? .other : .attempt
  }

  /// Waits: a provider may answer a write and still show the old state for a moment.
  private func traceWaitDecision(_ attempt: Attempt, since: Timestamp) -> Decision {
    guard now < since + Self.traceGrace else { return closeDecision(attempt, .superseded) }
    return progressDecision(attempt, Reason(.updating, "the provider does not report it yet"), next: .wait(.seconds(1)))
  }

  private static let traceGrace: Duration = .seconds(30)
}

// Row 6
extension DecisionContext {
  private func startupDecision(_ attempt: Attempt, _ live: ObservedEndpoint) -> Decision {
    // Another config is desired now; there is no need to wait for this one to become ready first.
    if attempt.kind == .update, attempt.digest != desired.digest || activeHold != nil {
      return closeDecision(attempt, .superseded)
    }
    if let step = attempt.step, isObsolete(step) { return promotionDecision(attempt, from: step, live) }
    let since = attempt.acceptance?.at ?? attempt.openedAt
    if now < since + endpoint.rollout.deadline(for: desired.config) {
      return progressDecision(attempt, Reason(.startingUp, stepText(attempt)), next: .wait(pollDelay(since: since)))
    }
    return unhealthyDecision(live)
  }

  private func verificationDecision(_ attempt: Attempt, _ live: ObservedEndpoint) -> Decision {
    if attempt.kind == .rollback { return closeDecision(attempt, .good) }
    guard attempt.digest == desired.digest else {
      // The manifest has changed, and its checks with it: a config without checks is good, others stay unjudged.
      let isGood = attempt.isAtLastStep && attempt.checksDigest == Self.noChecks
      return closeDecision(attempt, isGood ? .good : .superseded)
    }
    let checks = endpoint.rollout.checks
    if checks.isEmpty, attempt.isAtLastStep { return closeDecision(attempt, .good) }
    let checksDigest = checks.isEmpty ? Self.noChecks : endpoint.rollout.checksDigest
    let found = attempt.verification.flatMap { $0.checksDigest == checksDigest ? $0 : nil }
    switch found?.verdict {
    case .failed(let words): return failureDecision(attempt, .failed(.ours, words), cause: .verification)
    case .passed where attempt.isAtLastStep: return closeDecision(attempt, .good)
    // A user rolled back, or another machine judged first.
    case _ where activeHold != nil: return closeDecision(attempt, .superseded)
    case .passed:
      return attempt.step.map { holdStepDecision(attempt, at: $0, since: found?.lastAskedAt ?? now, live) }
        ?? closeDecision(attempt, .good)
    case .inconclusive(let words):
      return found.map { repeatedVerificationDecision(attempt, live, $0, words) }
        ?? verifyDecision(attempt, live, checksDigest)
    case nil:
      if let step = attempt.step, isObsolete(step) { return promotionDecision(attempt, from: step, live) }
      guard checks.isEmpty else { return verifyDecision(attempt, live, checksDigest) }
      // The step's time counts from this moment.
      return progressDecision(
        attempt, Reason(.verifying, stepText(attempt)),
        next: .record(.verified(.passed, checksDigest: checksDigest, at: now)))
    }
  }

  private func repeatedVerificationDecision(
    _ attempt: Attempt, _ live: ObservedEndpoint, _ found: Attempt.Verification, _ words: String
  ) -> Decision {
    if let step = attempt.step, isObsolete(step) { return promotionDecision(attempt, from: step, live) }
    if now >= found.firstAskedAt + endpoint.rollout.deadline(for: desired.config) {
      return .hold(
        Reason(
          .inconclusive,
          Self.joined(
            stepText(attempt),
            "its verification was inconclusive: \(words.clause); \"setpoint retry \(endpoint.name)\" repeats it")),
        target: manifestTarget, degraded: "verification inconclusive")
    }
    let nextAsk = found.lastAskedAt + Self.verificationRetryDelay
    if now >= nextAsk { return verifyDecision(attempt, live, found.checksDigest) }
    return progressDecision(
      attempt, Reason(.verifying, Self.joined(stepText(attempt), words)), next: .wait(nextAsk - now))
  }

  /// Verifies only the new version: the previous one was verified already.
  private func verifyDecision(_ attempt: Attempt, _ live: ObservedEndpoint, _ checksDigest: ConfigDigest) -> Decision {
    let new = (live.active?.config.entities ?? []).filter { desired.config.entity(like: $0) != nil }
    let request = VerificationRequest(
      endpoint: live.name, entities: new.map(\.name), checks: endpoint.rollout.checks, checksDigest: checksDigest)
    return progressDecision(attempt, Reason(.verifying, stepText(attempt)), next: .verify(request))
  }

  static let noChecks = RolloutPolicy().checksDigest
  private static let verificationRetryDelay: Duration = .seconds(10)
}

// Between steps
extension DecisionContext {
  /// Whether the manifest has no steps any more, so that all of the traffic follows at once.
  private func isObsolete(_ step: RolloutStep) -> Bool { !step.isWhole && endpoint.rollout.steps.isEmpty }

  /// Keeps a version that passed at its share for the step's time.
  private func holdStepDecision(
    _ attempt: Attempt, at step: RolloutStep, since passed: Timestamp, _ live: ObservedEndpoint
  ) -> Decision {
    let listed = endpoint.rollout.steps.first { $0.traffic == step.traffic } ?? step
    let until = passed + (endpoint.rollout.steps.isEmpty ? .zero : listed.hold)
    guard now < until else { return promotionDecision(attempt, from: step, live) }
    return progressDecision(
      attempt, Reason(.promoting, "\(description(of: step)), held until \(until.text())"), next: .wait(until - now),
      operations: calls(towards: desired, from: self.step(after: step, of: desired)))
  }

  /// Records the next step; the next pass sends it.
  private func promotionDecision(_ attempt: Attempt, from step: RolloutStep, _ live: ObservedEndpoint) -> Decision {
    let next = self.step(after: step, of: desired)
    return progressDecision(
      attempt, Reason(.promoting, description(of: next)),
      next: .record(.advanced(attempt.going(on: next, base: .init(live), at: now))),
      operations: calls(towards: desired, from: next))
  }

  /// Returns a description of the current step of a rollout; empty for a rollout without steps.
  func stepText(_ attempt: Attempt) -> String { attempt.isAtLastStep ? "" : description(of: attempt.step) }

  static func joined(_ words: String...) -> String { words.filter { !$0.isEmpty }.joined(separator: "; ") }
}

extension Attempt {
  /// Whether the new version has all of the traffic at its step.
  var isAtLastStep: Bool { step?.isWhole ?? true }
}

// Rows 7 to 9
extension DecisionContext {
  private func failedUpdateDecision(of attempt: Attempt, _ live: ObservedEndpoint) -> Decision {
    let cause = FailureCause(of: live)
    let outcome = RevisionOutcome.failed(cause.cause, cause.message)
    // Theirs: the attempt is closed with a back-off, for which the next attempt waits.
    return cause.cause == .theirs ? closeDecision(attempt, outcome) : failureDecision(attempt, outcome, cause: .failed)
  }

  /// Handles an attempt that failed through our fault or was stopped by a user: first the tag tells every machine, then
  /// the attempt is closed here. A crash in between repeats the first step without effect.
  private func failureDecision(_ attempt: Attempt, _ outcome: RevisionOutcome, cause: HeldConfig.Cause) -> Decision {
    guard let held = hold(after: attempt, cause: cause), !isKnown(held) else { return closeDecision(attempt, outcome) }
    guard let live else { return closeDecision(attempt, outcome, heldWhileAbsent: held) }
    let patch = TagPatch(add: [FleetTags.held: HeldTag.encode(held)])
    let operation = Operation.patchTags(name: live.name, patch)
    return progressDecision(attempt, Reason(held.reasonCode, outcome.message ?? ""), next: .call(operation))
      .afterBackoff(memory.backoffs[.tags], now: now)
  }

  /// Returns the hold that follows; nil if the manifest has changed, so that a hold would keep nothing from being sent.
  private func hold(after attempt: Attempt, cause: HeldConfig.Cause) -> HeldConfig? {
    switch attempt.kind {
    case .rollback:
      guard let held = activeHold else { return nil }
      // Stopped by a user: stay here. Failed: there is no other revision to roll back to.
      return cause == .canceled
        ? HeldConfig(digest: held.digest, cause: .canceled, target: nil)
        : HeldConfig(
          digest: held.digest, cause: held.cause, target: held.target, circumstances: held.circumstances,
          isStalled: true)
    case .update:
      guard attempt.digest == desired.digest else { return nil }
      let goesBack = cause != .canceled && endpoint.rollout.onFailure == .rollback
      return HeldConfig(
        digest: attempt.digest, cause: cause,
        target: goesBack ? memory.lastGood(otherThan: attempt.digest)?.digest : nil,
        circumstances: live == nil || cause == .verification
          ? HeldConfig.circumstances(of: endpoint, cause: cause) : nil)
    }
  }

  /// Whether the existing hold already says this. Another machine of the fleet may have judged first; its target
  /// applies.
  private func isKnown(_ held: HeldConfig) -> Bool {
    guard live != nil, let known = activeHold else { return false }
    if held.isStalled { return known.isStalled }
    return held.cause != .canceled || known.target == nil
  }
}

// Row 10
extension DecisionContext {
  /// Sends the recorded attempt if its config is still desired.
  private func sendDecision(_ attempt: Attempt) -> Decision {
    guard let target = wanted, target.digest == attempt.digest, kind == attempt.kind,
      // The live config became ready only since then: it is recorded before it is replaced.
      attempt.correction != nil || recordOfUnknownLive == nil,
      let operation = calls(towards: target, from: attempt.step).first
    else {
      return closeDecision(attempt, isInFlight(attempt) ? .superseded : .unsent, because: whyGivenUp(attempt))
    }
    let reason = isInFlight(attempt) ? Reason(.promoting, description(of: attempt.step)) : reason(for: target)
    return progressDecision(
      attempt, reason, next: .call(operation), operations: calls(towards: target, from: attempt.step)
    ).afterBackoff(transientFailure(of: target), now: now)
  }

  /// Returns why a recorded attempt is not sent any more.
  private func whyGivenUp(_ attempt: Attempt) -> String {
    switch attempt.kind {
    case .update where attempt.digest != desired.digest: "the manifest changed"
    case .update where activeHold != nil: "its config is held"
    case .rollback where activeHold == nil: "the hold was lifted"
    case .update, .rollback: "live state changed"
    }
  }

  /// Whether an earlier step of the attempt is live.
  private func isInFlight(_ attempt: Attempt) -> Bool {
    guard attempt.kind == .update, live != nil else { return false }
    return rollout(of: attempt.digest).map(isHalfway) ?? false
  }

  private func closeDecision(
    _ attempt: Attempt, _ outcome: RevisionOutcome, because: String = "", heldWhileAbsent: HeldConfig? = nil
  ) -> Decision {
    progressDecision(
      attempt, Reason(.updating),
      next: .record(
        .closed(
          .init(
            outcome, because: because, heldWhileAbsent: heldWhileAbsent, id: live?.id,
            version: live?.active?.version, at: now))))
  }

  private func progressDecision(
    _ attempt: Attempt, _ reason: Reason, next: Step, operations: [Operation] = []
  ) -> Decision {
    let action: PlanAction = attempt.kind == .rollback ? .rollback : attempt.base == .absent ? .create : .update
    return Decision(action, reason, target: manifestTarget, next: next, operations: operations)
  }
}

extension HeldConfig {
  /// The reason that is reported while the hold is in force.
  var reasonCode: Reason.Code { cause == .rollback ? .rolledBack : .quarantined }
}
