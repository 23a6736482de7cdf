internal import Endpoints

// Rows 6 to 10: an attempt is open, and the provider is not updating.
extension Situation {
  func judging(_ attempt: Attempt) -> Decision {
    guard let live else { return judgingWithoutEndpoint(attempt) }
    if isLive(attempt.digest) {
      return live.readiness == .ready ? verifying(attempt, live) : startingUp(attempt, live)
    }
    if let refusal = attempt.refusal, refusal.cause == .ours {
      return failing(attempt, .refused(refusal.words), cause: .refused)
    }
    switch trace(of: attempt, on: live) {
    case .none:
      // Row 10, and row 8 for a write that was not taken.
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

  /// Whose doing the endpoint's present state is: nobody's since the attempt was recorded, the attempt's, or somebody
  /// else's. `UPDATE_FAILED` alone says nothing: it stays from an earlier update (contract 2.6). Without an announced
  /// version or a pending config, a failure is the attempt's if it showed up together with a moved last-updated.
  private func trace(of attempt: Attempt, on live: ObservedEndpoint) -> Trace {
    guard case .present(let id, let version, let lastUpdated, let hadFailed) = attempt.base else {
      return live.pending.map { means($0.config, attempt.digest) } ?? true ? .attempt : .other
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
    if let pending = live.pending { return means(pending.config, attempt.digest) ? .attempt : .other }
    return hadFailed ? .other : .attempt
  }

  /// A provider may answer a write and still show the old state for a moment.
  private func awaitingTrace(_ attempt: Attempt, since: Timestamp) -> Decision {
    guard now < since + Self.traceGrace else { return closing(attempt, .superseded) }
    return progressing(attempt, Reason(.updating, "the provider does not show it yet"), next: .wait(.seconds(1)))
  }

  private static let traceGrace: Duration = .seconds(30)
}

// Row 6
extension Situation {
  private func startingUp(_ attempt: Attempt, _ live: ObservedEndpoint) -> Decision {
    let since = attempt.acceptance?.at ?? attempt.openedAt
    if now < since + endpoint.rollout.deadline(for: desired.config) {
      return progressing(attempt, Reason(.startingUp), next: .wait(pollDelay(since: since)))
    }
    return unhealthy(live)
  }

  private func verifying(_ attempt: Attempt, _ live: ObservedEndpoint) -> Decision {
    if attempt.kind == .rollback { return closing(attempt, .good) }
    guard attempt.digest == desired.digest else {
      // The manifest moved on, and its checks with it: what had none to pass is good, the rest stays unjudged.
      return closing(attempt, attempt.checksDigest == Self.noChecks ? .good : .superseded)
    }
    if endpoint.rollout.checks.isEmpty { return closing(attempt, .good) }
    let checksDigest = endpoint.rollout.checksDigest
    guard let verification = attempt.verification, verification.checksDigest == checksDigest else {
      return asking(attempt, live, checksDigest)
    }
    switch verification.verdict {
    case .passed: return closing(attempt, .good)
    case .failed(let words): return failing(attempt, .failed(.ours, words), cause: .verification)
    case .inconclusive(let words):
      if now >= verification.firstAskedAt + endpoint.rollout.deadline(for: desired.config) {
        return .hold(
          Reason(
            .inconclusive,
            "its verification could not be measured: \(words); \"setpoint retry \(endpoint.name)\" asks again"),
          target: desired, degraded: "verification inconclusive")
      }
      let nextAsk = verification.lastAskedAt + Self.askAgainDelay
      if now >= nextAsk { return asking(attempt, live, checksDigest) }
      return progressing(attempt, Reason(.verifying, words), next: .wait(nextAsk - now))
    }
  }

  private func asking(_ attempt: Attempt, _ live: ObservedEndpoint, _ checksDigest: ConfigDigest) -> Decision {
    let request = VerificationRequest(
      endpoint: live.name, entities: live.active?.config.entities.map(\.name) ?? [], checks: endpoint.rollout.checks,
      checksDigest: checksDigest)
    return progressing(attempt, Reason(.verifying), next: .verify(request))
  }

  static let noChecks = RolloutPolicy().checksDigest
  private static let askAgainDelay: Duration = .seconds(10)
}

// Rows 7 to 9
extension Situation {
  private func judgingFailure(of attempt: Attempt, _ live: ObservedEndpoint) -> Decision {
    let cause = FailureCause(of: live)
    let outcome = RevisionOutcome.failed(cause.cause, cause.words)
    // Theirs: the attempt is closed with a setback, and the next one waits for it.
    return cause.cause == .theirs ? closing(attempt, outcome) : failing(attempt, outcome, cause: .failed)
  }

  /// The attempt failed for a cause of ours, or a person stopped it: first the tag says so to every machine, then it is
  /// closed here. A crash between the two does the first again, to no effect.
  private func failing(_ attempt: Attempt, _ outcome: RevisionOutcome, cause: Held.Cause) -> Decision {
    guard let held = hold(after: attempt, cause: cause), !isKnown(held) else { return closing(attempt, outcome) }
    guard let live else { return closing(attempt, outcome, heldWhileAbsent: held) }
    let patch = TagPatch(add: [FleetTags.held: HeldTag.encode(held)])
    let operation = Operation.patchTags(name: live.name, patch)
    return progressing(attempt, Reason(held.reasonCode, outcome.message ?? ""), next: .call(operation))
      .afterSetback(memory.setbacks[.tags], now: now)
  }

  /// What is to be held after it; nil where the manifest has moved on, so that nothing would be kept from anything.
  private func hold(after attempt: Attempt, cause: Held.Cause) -> Held? {
    switch attempt.kind {
    case .rollback:
      guard let held = heldInForce else { return nil }
      // Stopped by a person: stay here. Failed: there is no further way back.
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

  /// Whether what is held already says this; another machine of the fleet may have judged first, and its target stands.
  private func isKnown(_ held: Held) -> Bool {
    guard live != nil, let known = heldInForce else { return false }
    if held.isStalled { return known.isStalled }
    return held.cause != .canceled || known.target == nil
  }
}

// Row 10
extension Situation {
  /// Sends what was recorded, if that is still what is to be sent.
  private func sending(_ attempt: Attempt) -> Decision {
    guard let target = wanted, target.digest == attempt.digest, kind == attempt.kind else {
      return closing(attempt, .unsent)
    }
    // What is live became ready only since: it is recorded before it is replaced.
    if attempt.correction == nil, recordOfUnknownLive != nil { return closing(attempt, .unsent) }
    let operation =
      live.map { Operation.updateConfig(name: $0.name, config: target.config) }
      ?? creation(of: target.config)
    return progressing(attempt, reason(for: target), next: .call(operation), operations: [operation])
      .afterSetback(setback(of: target), now: now)
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
    return Decision(action, reason, target: desired, next: next, operations: operations)
  }
}

extension Held {
  /// What a person is told while it is in force.
  var reasonCode: Reason.Code { cause == .rollback ? .rolledBack : .quarantined }
}
