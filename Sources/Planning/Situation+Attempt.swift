internal import Endpoints

// Rows 6 to 10: an attempt is open, and the provider is not updating.
extension Situation {
  func judging(_ attempt: Attempt) -> Decision {
    guard let live else { return judgingWithoutEndpoint(attempt) }
    if isLive(attempt) {
      return live.readiness == .ready ? verifying(attempt, live) : startingUp(attempt, live)
    }
    if let refusal = attempt.refusal, refusal.cause == .ours {
      return failing(attempt, .refused(refusal.words), cause: .refused)
    }
    switch trace(of: attempt, on: live) {
    case .none:
      // Row 10, and row 8 for a write that was not accepted.
      return attempt.acceptance.map { awaitingTrace(attempt, since: $0.at) } ?? sending(attempt)
    case .attempt where live.update == .failed: return judgingFailure(of: attempt, live)
    case .attempt where live.update == .canceled: return failing(attempt, .canceled, cause: .canceled)
    case .attempt, .other: return closing(attempt, .superseded)
    }
  }

  private func judgingWithoutEndpoint(_ attempt: Attempt) -> Decision {
    guard attempt.base == .absent else {
      return closing(attempt, attempt.acceptance == nil ? .unsent : .superseded)
    }
    if let refusal = attempt.refusal, refusal.cause == .ours {
      return failing(attempt, .refused(refusal.words), cause: .refused)
    }
    return attempt.acceptance.map { awaitingTrace(attempt, since: $0.at) } ?? sending(attempt)
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
  private func awaitingTrace(_ attempt: Attempt, since: Timestamp) -> Decision {
    guard now < since + Self.traceGrace else { return closing(attempt, .superseded) }
    return progressing(attempt, Reason(.updating, "the provider does not report it yet"), next: .wait(.seconds(1)))
  }

  private static let traceGrace: Duration = .seconds(30)
}

// Row 6
extension Situation {
  private func startingUp(_ attempt: Attempt, _ live: ObservedEndpoint) -> Decision {
    // Something else is wanted now; there is no need to wait for this config to become ready first.
    if attempt.kind == .update, attempt.digest != desired.digest || heldInForce != nil {
      return closing(attempt, .superseded)
    }
    if let step = attempt.step, isNoLongerWanted(step) { return promoting(attempt, from: step, live) }
    let since = attempt.acceptance?.at ?? attempt.openedAt
    if now < since + endpoint.rollout.deadline(for: desired.config) {
      return progressing(attempt, Reason(.startingUp, stepWords(attempt)), next: .wait(pollDelay(since: since)))
    }
    return unhealthy(live)
  }

  private func verifying(_ attempt: Attempt, _ live: ObservedEndpoint) -> Decision {
    if attempt.kind == .rollback { return closing(attempt, .good) }
    guard attempt.digest == desired.digest else {
      // The manifest has changed, and its checks with it: a config without checks is good, others stay unjudged.
      let isGood = attempt.isAtTheEnd && attempt.checksDigest == Self.noChecks
      return closing(attempt, isGood ? .good : .superseded)
    }
    let checks = endpoint.rollout.checks
    if checks.isEmpty, attempt.isAtTheEnd { return closing(attempt, .good) }
    let checksDigest = checks.isEmpty ? Self.noChecks : endpoint.rollout.checksDigest
    let found = attempt.verification.flatMap { $0.checksDigest == checksDigest ? $0 : nil }
    switch found?.verdict {
    case .failed(let words): return failing(attempt, .failed(.ours, words), cause: .verification)
    case .passed where attempt.isAtTheEnd: return closing(attempt, .good)
    // A user rolled back, or another machine judged first.
    case _ where heldInForce != nil: return closing(attempt, .superseded)
    case .passed:
      return attempt.step.map { staying(attempt, at: $0, since: found?.lastAskedAt ?? now, live) }
        ?? closing(attempt, .good)
    case .inconclusive(let words):
      return found.map { askingAgain(attempt, live, $0, words) } ?? asking(attempt, live, checksDigest)
    case nil:
      if let step = attempt.step, isNoLongerWanted(step) { return promoting(attempt, from: step, live) }
      guard checks.isEmpty else { return asking(attempt, live, checksDigest) }
      // The step's time counts from this moment.
      return progressing(
        attempt, Reason(.verifying, stepWords(attempt)),
        next: .record(.verified(.passed, checksDigest: checksDigest, at: now)))
    }
  }

  private func askingAgain(
    _ attempt: Attempt, _ live: ObservedEndpoint, _ found: Attempt.Verification, _ words: String
  ) -> Decision {
    if let step = attempt.step, isNoLongerWanted(step) { return promoting(attempt, from: step, live) }
    if now >= found.firstAskedAt + endpoint.rollout.deadline(for: desired.config) {
      return .hold(
        Reason(
          .inconclusive,
          Self.joined(
            stepWords(attempt),
            "its verification was inconclusive: \(words.clause); \"setpoint retry \(endpoint.name)\" repeats it")),
        target: aim, degraded: "verification inconclusive")
    }
    let nextAsk = found.lastAskedAt + Self.askAgainDelay
    if now >= nextAsk { return asking(attempt, live, found.checksDigest) }
    return progressing(
      attempt, Reason(.verifying, Self.joined(stepWords(attempt), words)), next: .wait(nextAsk - now))
  }

  /// Verifies only the new version: the previous one was verified already.
  private func asking(_ attempt: Attempt, _ live: ObservedEndpoint, _ checksDigest: ConfigDigest) -> Decision {
    let new = (live.active?.config.entities ?? []).filter { desired.config.entity(like: $0) != nil }
    let request = VerificationRequest(
      endpoint: live.name, entities: new.map(\.name), checks: endpoint.rollout.checks, checksDigest: checksDigest)
    return progressing(attempt, Reason(.verifying, stepWords(attempt)), next: .verify(request))
  }

  static let noChecks = RolloutPolicy().checksDigest
  private static let askAgainDelay: Duration = .seconds(10)
}

// Between steps
extension Situation {
  /// Whether the manifest has no steps any more, so that all of the traffic follows at once.
  private func isNoLongerWanted(_ step: RolloutStep) -> Bool { !step.isWhole && endpoint.rollout.steps.isEmpty }

  /// Keeps a version that passed at its share for the step's time.
  private func staying(
    _ attempt: Attempt, at step: RolloutStep, since passed: Timestamp, _ live: ObservedEndpoint
  ) -> Decision {
    let listed = endpoint.rollout.steps.first { $0.traffic == step.traffic } ?? step
    let until = passed + (endpoint.rollout.steps.isEmpty ? .zero : listed.hold)
    guard now < until else { return promoting(attempt, from: step, live) }
    return progressing(
      attempt, Reason(.promoting, "\(words(of: step)), held until \(until.text())"), next: .wait(until - now),
      operations: calls(towards: desired, from: self.step(after: step, of: desired)))
  }

  /// Records the next step; the next pass sends it.
  private func promoting(_ attempt: Attempt, from step: RolloutStep, _ live: ObservedEndpoint) -> Decision {
    let next = self.step(after: step, of: desired)
    return progressing(
      attempt, Reason(.promoting, words(of: next)),
      next: .record(.advanced(attempt.going(on: next, base: .init(live), at: now))),
      operations: calls(towards: desired, from: next))
  }

  /// Returns the current step of a rollout in words; empty for a rollout without steps.
  func stepWords(_ attempt: Attempt) -> String { attempt.isAtTheEnd ? "" : words(of: attempt.step) }

  static func joined(_ words: String...) -> String { words.filter { !$0.isEmpty }.joined(separator: "; ") }
}

extension Attempt {
  /// Whether the new version has all of the traffic at its step.
  var isAtTheEnd: Bool { step?.isWhole ?? true }
}

// Rows 7 to 9
extension Situation {
  private func judgingFailure(of attempt: Attempt, _ live: ObservedEndpoint) -> Decision {
    let cause = FailureCause(of: live)
    let outcome = RevisionOutcome.failed(cause.cause, cause.words)
    // Theirs: the attempt is closed with a setback, for which the next attempt waits.
    return cause.cause == .theirs ? closing(attempt, outcome) : failing(attempt, outcome, cause: .failed)
  }

  /// Handles an attempt that failed through our fault or was stopped by a user: first the tag tells every machine, then
  /// the attempt is closed here. A crash in between repeats the first step without effect.
  private func failing(_ attempt: Attempt, _ outcome: RevisionOutcome, cause: Held.Cause) -> Decision {
    guard let held = hold(after: attempt, cause: cause), !isKnown(held) else { return closing(attempt, outcome) }
    guard let live else { return closing(attempt, outcome, heldWhileAbsent: held) }
    let patch = TagPatch(add: [FleetTags.held: HeldTag.encode(held)])
    let operation = Operation.patchTags(name: live.name, patch)
    return progressing(attempt, Reason(held.reasonCode, outcome.message ?? ""), next: .call(operation))
      .afterSetback(memory.setbacks[.tags], now: now)
  }

  /// Returns the hold that follows; nil if the manifest has changed, so that a hold would keep nothing from being sent.
  private func hold(after attempt: Attempt, cause: Held.Cause) -> Held? {
    switch attempt.kind {
    case .rollback:
      guard let held = heldInForce else { return nil }
      // Stopped by a user: stay here. Failed: there is no other revision to roll back to.
      return cause == .canceled
        ? Held(digest: held.digest, cause: .canceled, target: nil)
        : Held(
          digest: held.digest, cause: held.cause, target: held.target, circumstances: held.circumstances,
          isStalled: true)
    case .update:
      guard attempt.digest == desired.digest else { return nil }
      let goesBack = cause != .canceled && endpoint.rollout.onFailure == .rollback
      return Held(
        digest: attempt.digest, cause: cause,
        target: goesBack ? memory.lastGood(otherThan: attempt.digest)?.digest : nil,
        circumstances: live == nil || cause == .verification ? Held.circumstances(of: endpoint, cause: cause) : nil)
    }
  }

  /// Whether the existing hold already says this. Another machine of the fleet may have judged first; its target
  /// applies.
  private func isKnown(_ held: Held) -> Bool {
    guard live != nil, let known = heldInForce else { return false }
    if held.isStalled { return known.isStalled }
    return held.cause != .canceled || known.target == nil
  }
}

// Row 10
extension Situation {
  /// Sends the recorded attempt if it is still wanted.
  private func sending(_ attempt: Attempt) -> Decision {
    guard let target = wanted, target.digest == attempt.digest, kind == attempt.kind,
      // The live config became ready only since then: it is recorded before it is replaced.
      attempt.correction != nil || recordOfUnknownLive == nil,
      let operation = calls(towards: target, from: attempt.step).first
    else { return closing(attempt, isUnderWay(attempt) ? .superseded : .unsent) }
    let reason = isUnderWay(attempt) ? Reason(.promoting, words(of: attempt.step)) : reason(for: target)
    return progressing(
      attempt, reason, next: .call(operation), operations: calls(towards: target, from: attempt.step)
    ).afterSetback(transientFailure(of: target), now: now)
  }

  /// Whether an earlier step of the attempt is live.
  private func isUnderWay(_ attempt: Attempt) -> Bool {
    guard attempt.kind == .update, live != nil else { return false }
    return rollout(of: attempt.digest).map(isHalfway) ?? false
  }

  private func closing(
    _ attempt: Attempt, _ outcome: RevisionOutcome, heldWhileAbsent: Held? = nil
  ) -> Decision {
    progressing(
      attempt, Reason(.updating),
      next: .record(
        .closed(
          .init(
            outcome, heldWhileAbsent: heldWhileAbsent, id: live?.id, version: live?.active?.version, at: now))))
  }

  private func progressing(
    _ attempt: Attempt, _ reason: Reason, next: Step, operations: [Operation] = []
  ) -> Decision {
    let action: PlanAction = attempt.kind == .rollback ? .rollback : attempt.base == .absent ? .create : .update
    return Decision(action, reason, target: aim, next: next, operations: operations)
  }
}

extension Held {
  /// The reason that is reported while the hold is in force.
  var reasonCode: Reason.Code { cause == .rollback ? .rolledBack : .quarantined }
}
