internal import Endpoints

// Rows 11 to 14: nothing is open; which config is the target, and is it live?
extension DecisionContext {
  var noAttemptDecision: Decision {
    if let held = heldTag.held, activeHold == nil { return liftHoldDecision(held) }
    guard let held = activeHold else { return targetDecision(desired, held: nil) }
    if held.isStalled {
      return .hold(
        Reason(.stalled, "\(explanation(of: held)), and rolling back to \(name(of: held.target)) failed too"),
        target: manifestTarget,
        degraded: explanation(of: held))
    }
    guard let digest = held.target, live != nil else {
      return .hold(
        Reason(.quarantined, "\(explanation(of: held)); \(holdText(of: held))"), target: manifestTarget,
        degraded: explanation(of: held))
    }
    // Already at the target: no snapshot is needed to stay there.
    if isLive(digest) { return atTargetDecision(held: held) }
    guard let target = rollout(of: digest) else {
      return .hold(
        Reason(
          .stalled,
          "\(explanation(of: held)), and the config to roll back to (\(digest)) is not in this machine's history; roll "
            + "back on the machine that has it, or edit the manifest"),
        target: manifestTarget, degraded: explanation(of: held))
    }
    return targetDecision(target, held: held)
  }

  private func holdText(of held: HeldConfig) -> String {
    let kept =
      held.cause == .rollback
      ? "the manifest's config is held until it changes" : "it is held until the manifest changes"
    return "\(kept) or you run \"setpoint retry \(endpoint.name)\""
  }

  /// Decides row 11: a digest other than the held one is desired, so the hold is lifted.
  private func liftHoldDecision(_ held: HeldConfig) -> Decision {
    guard let live else { return openAttemptDecision(desired, held: nil).then(.record(.liftedWhileAbsent)) }
    let lift = Operation.patchTags(name: live.name, TagPatch(remove: [FleetTags.held]))
    var decision =
      isLive(desired.digest)
      ? Decision(
        .update, Reason(.settingsChanged, "the held config is no longer desired"), target: manifestTarget, next: .rest)
      : openAttemptDecision(desired, held: nil)
    decision.operations.insert(lift, at: 0)
    return decision.then(.call(lift)).afterBackoff(memory.backoffs[.tags], now: now)
  }

  private func targetDecision(_ target: Rollout, held: HeldConfig?) -> Decision {
    isLive(target.digest) ? atTargetDecision(held: held) : openAttemptDecision(target, held: held)
  }

  // Row 13
  private func atTargetDecision(held: HeldConfig?) -> Decision {
    if let live, live.readiness != .ready { return unhealthyDecision(live) }
    guard let held else { return Decision(.none, Reason(.inSync), target: manifestTarget, next: .rest) }
    // A user's choice names the revision itself.
    let stay = held.cause == .rollback ? "" : "; the endpoint stays at \(name(of: held.target))"
    return .hold(
      Reason(held.reasonCode, "\(explanation(of: held))\(stay); \(holdText(of: held))"),
      target: manifestTarget, degraded: held.cause == .rollback ? nil : explanation(of: held))
  }

  func unhealthyDecision(_ live: ObservedEndpoint) -> Decision {
    let messages = (live.active?.deployments ?? [:]).values
      .filter { $0.state != "DEPLOYMENT_READY" && !$0.message.isEmpty }.map(\.message).sorted()
    let words = messages.isEmpty ? "the provider reports that it is not ready" : messages.joined(separator: "; ")
    return .hold(Reason(.unhealthy, words), target: manifestTarget, next: .wait(.seconds(10)), degraded: words)
  }

  // Rows 12 and 14: an attempt is recorded; the next pass sends it. Before that, the config that it replaces is
  // recorded, a rollback's target is checked, and a contested change is not made.
  private func openAttemptDecision(_ target: Rollout, held: HeldConfig?) -> Decision {
    let kind: Attempt.Kind = held == nil ? .update : .rollback
    let step = firstStep(of: target, kind)
    let reason = reason(for: target, from: step)
    let correction = correction(towards: target)
    var decision = Decision(
      action(kind, reason), reason, target: held == nil ? manifestTarget : target, next: .rest,
      operations: calls(towards: target, from: step))
    if correction != nil, let warning = otherWriter { decision.warnings.append(warning) }
    if held == nil, let warning = creationWarning(target) { decision.warnings.append(warning) }

    if let backoff = transientFailure(of: target), now < backoff.until {
      return decision.afterBackoff(backoff, now: now)
    }
    if let correction, let contested = contested(correction) { return contested }
    if correction == nil, let record = recordOfUnknownLive { return decision.then(.record(record)) }
    decision.warnings += stepWarnings(target, kind, step, held)
    if held != nil {
      guard let check = targetCheck(of: target) else { return decision.then(.checkTarget(target)) }
      if let problem = check.problem {
        decision.warnings.append("\(problem); it is sent anyway, and the provider decides")
      }
    }

    let attempt = Attempt(
      digest: target.digest, kind: kind, revision: revisionNumber(of: target, kind),
      base: live.map { Attempt.Base($0) } ?? .absent, openedAt: now, correction: correction,
      checksDigest: endpoint.rollout.checks.isEmpty ? Self.noChecks : endpoint.rollout.checksDigest, step: step)
    return decision.then(.record(.opened(attempt, target, origin(held: held, reason))))
  }

  private func action(_ kind: Attempt.Kind, _ reason: Reason) -> PlanAction {
    if kind == .rollback || reason.code == .wentBack { return .rollback }
    return live == nil ? .create : .update
  }

  /// Returns the revision's number. A rollback and an unchanged config keep theirs; everything else is a new revision.
  private func revisionNumber(of target: Rollout, _ kind: Attempt.Kind) -> Int {
    if let last = memory.revisions.last, last.digest == target.digest { return last.number }
    if kind == .rollback, let former = memory.revision(of: target.digest) { return former.number }
    return (memory.revisions.last?.number ?? 0) + 1
  }
}

// The target, and the reason for it
extension DecisionContext {
  /// The config to reach; nil if nothing may be sent.
  var wanted: Rollout? {
    guard let held = heldTag.held else { return desired }
    guard activeHold != nil, !held.isStalled, live != nil else { return nil }
    return held.target.flatMap { rollout(of: $0) }
  }

  var kind: Attempt.Kind { activeHold == nil ? .update : .rollback }

  /// Returns the back-off in force for the config to send.
  func transientFailure(of target: Rollout) -> TransientFailure? {
    memory.backoffs[.config].flatMap { $0.digest == target.digest ? $0 : nil }
  }

  /// - Parameter step: the step at which the rollout begins.
  func reason(for target: Rollout, from step: RolloutStep? = nil) -> Reason {
    if let held = activeHold {
      return Reason(
        held.rollbackCode,
        held.cause == .rollback ? "\(explanation(of: held)); \(holdText(of: held))" : explanation(of: held))
    }
    guard live != nil else { return Reason(.doesNotExist, previousFailure(of: target)) }
    if liveStep(of: target) != nil { return Reason(.promoting, description(of: step)) }
    if isKeptForNothing(target) { return Reason(.specChanged, "the previous version is no longer kept") }
    if let good = memory.lastGood, live?.active != nil {
      if good.digest == target.digest {
        return isLeftover(beside: target)
          ? Reason(
            .wentBack, "the manifest has the config of revision \(good.number), and another rollout is not finished")
          : Reason(.drift, "it was changed outside Setpoint since revision \(good.number)")
      }
      if let older = memory.revisions.last(where: { $0.digest == target.digest && $0.isGood }) {
        let moves = aliasMoves(since: target)
        return Reason(
          .wentBack,
          moves.isEmpty
            ? Self.joined("the manifest has the config of revision \(older.number)", liveRevisionText)
            : "\(moves), as in revision \(older.number)")
      }
    }
    return Reason(.specChanged, Self.joined(aliasMoves(since: target), stepsText(from: step)))
  }

  /// A clause that names the live revision; empty if the live config is in none.
  private var liveRevisionText: String {
    guard let active = live?.active?.config else { return "" }
    return memory.revisions.last { $0.config?.isMet(by: active) ?? false }.map { "revision \($0.number) is live" } ?? ""
  }

  /// Returns a clause on the manifest's aliases that resolve to another version than in the revision before `target`;
  /// empty if none does, or if they were not resolved here.
  private func aliasMoves(since target: Rollout) -> String {
    guard !endpoint.resolvedAliases.isEmpty,
      let former = memory.revisions.last(where: { $0.digest != target.digest })
    else { return "" }
    return endpoint.aliasedVersions.compactMap { now in
      former.aliases.first { $0.model == now.model && $0.alias == now.alias && $0.version != now.version }
        .map { "\(now.text) moved from version \($0.version) to \(now.version)" }
    }.joined(separator: "; ")
  }

  /// Returns the origin that a rollout is recorded with; for a rollback, that of the config that it leaves.
  private func origin(held: HeldConfig?, _ reason: Reason) -> RolloutOrigin {
    guard let held else {
      return RolloutOrigin(
        sourceCommit: options.sourceCommit, aliases: endpoint.aliasedVersions, why: reason.detail,
        policy: endpoint.rollout)
    }
    return RolloutOrigin(
      sourceCommit: memory.revision(of: held.digest)?.sourceCommit ?? options.sourceCommit,
      because: held.clause(name(of: held.digest)), why: providerText(of: held) ?? "")
  }

  /// Returns why the config is held, with the provider's message if this machine received it.
  func explanation(of held: HeldConfig) -> String {
    if held.cause == .rollback { return "a user chose \(name(of: held.target))" }
    return providerText(of: held).map { "\(held.explanation): \($0.clause)" } ?? held.explanation
  }

  /// Returns the provider's message about the held config; nil if there is none, or this machine did not receive it.
  private func providerText(of held: HeldConfig) -> String? {
    if held.cause == .rollback || held.cause == .canceled { return nil }
    return memory.revisions.last { $0.digest == held.digest && $0.outcome.message != nil }?.outcome.message
  }

  func name(of digest: ConfigDigest?) -> String {
    guard let digest else { return "an earlier revision" }
    return memory.revision(of: digest).map { "revision \($0.number)" } ?? "the config \(digest)"
  }
}

// Drift and other writers
extension DecisionContext {
  /// Returns the revert of a drift: the config that was established last or just sent is sent again, because something
  /// else is live. Leaving a held config is not a revert.
  private func correction(towards target: Rollout) -> Correction? {
    guard let active = live?.active else { return nil }
    if let held = activeHold, isLive(held.digest) || besideLive(desired) != nil { return nil }
    // Neither is continuing a rollout, or leaving an unfinished one.
    if liveStep(of: target) != nil || isLeftover(beside: target) || isKeptForNothing(target) { return nil }
    let last = memory.revisions.last
    guard
      memory.lastGood?.digest == target.digest || last?.digest == target.digest && last?.outcome == .superseded
    else { return nil }
    return Correction(target: target.digest, live: active.config.digest, at: now)
  }

  private func contested(_ correction: Correction) -> Decision? {
    let alike = memory.corrections.filter {
      $0.target == correction.target && $0.live == correction.live && now < $0.at + Correction.window
    }
    guard alike.count >= Correction.limit, let oldest = alike.map(\.at).min() else { return nil }
    return .hold(
      Reason(
        .contested,
        "the same change reappeared \(alike.count) times within an hour: something else changes this endpoint, or "
          + "the provider alters what it receives; \"setpoint retry \(endpoint.name)\" reverts it once more"),
      target: manifestTarget, next: .wait(oldest + Correction.window - now), degraded: "contested")
  }

  private var otherWriter: String? {
    guard let version = live?.active?.version, let last = memory.lastVersion, version > last,
      memory.endpointID == live?.id
    else { return nil }
    return "config version \(version) was not written by this machine; the last one that it wrote or "
      + "recorded is \(last)"
  }
}

// Warnings
extension DecisionContext {
  /// Returns the registry's answer about a rollback's target; nil if there is no recent one. The answer is reported but
  /// withholds nothing: a caller who may not see a model is told that it does not exist, and the live config is known
  /// to be bad.
  private func targetCheck(of target: Rollout) -> Memory.TargetCheck? {
    guard let check = memory.targetCheck, check.digest == target.digest, now < check.at + Self.checkLifetime else {
      return nil
    }
    return check
  }

  private static let checkLifetime: Duration = .seconds(600)

  /// Returns a warning that an endpoint that was deleted gets its last good config again if its new one fails.
  private func creationWarning(_ target: Rollout) -> String? {
    guard live == nil, endpoint.rollout.onFailure == .rollback, let good = memory.lastGood(otherThan: target.digest)
    else { return nil }
    return "if it fails, revision \(good.number), the last good one, is deployed"
  }

  /// Returns a warning that the manifest's steps are skipped, if a user may expect them.
  private func stepWarnings(
    _ target: Rollout, _ kind: Attempt.Kind, _ step: RolloutStep?, _ held: HeldConfig?
  ) -> [String] {
    guard let first = endpoint.rollout.steps.first, step?.isWhole ?? true, live?.active != nil,
      config(of: target, at: first) != nil
    else { return [] }
    if let held {
      return held.cause == .rollback ? ["it is rolled back at once; steps apply to new versions only"] : []
    }
    guard let good = memory.revisions.last(where: { $0.digest == target.digest && $0.isGood }) else { return [] }
    return ["all of the traffic moves at once, without steps: revision \(good.number) was good before"]
  }
}
