internal import Endpoints

// Rows 11 to 14: nothing is open; what is the endpoint to be at, and is it there?
extension Situation {
  var pursuit: Decision {
    if let held = heldTag.held, heldInForce == nil { return lifting(held) }
    guard let held = heldInForce else { return pursuing(desired, held: nil) }
    if held.isStalled {
      return .hold(
        Reason(.stalled, "\(words(of: held)), and rolling back to \(name(of: held.target)) failed too"), target: aim,
        degraded: words(of: held))
    }
    guard let digest = held.target, live != nil else {
      return .hold(
        Reason(.quarantined, "\(words(of: held)); \(stayingWords)"), target: aim, degraded: words(of: held))
    }
    // At its place already: no snapshot is needed to stay.
    if isLive(digest) { return resting(held: held) }
    guard let target = rollout(of: digest) else {
      return .hold(
        Reason(
          .stalled,
          "\(words(of: held)), and the config to roll back to (\(digest)) is not in this machine's history; roll "
            + "back on the machine that has it, or edit the manifest"),
        target: aim, degraded: words(of: held))
    }
    return pursuing(target, held: held)
  }

  private var stayingWords: String {
    "it is held until the manifest changes or you run \"setpoint retry \(endpoint.name)\""
  }

  /// Row 11: another digest than the held one is desired, so nothing is held any more.
  private func lifting(_ held: Held) -> Decision {
    guard let live else { return opening(desired, held: nil).then(.record(.liftedWhileAbsent)) }
    let lift = Operation.patchTags(name: live.name, TagPatch(remove: [FleetTags.held]))
    var decision =
      isLive(desired.digest)
      ? Decision(.update, Reason(.settingsChanged, "the held config is no longer desired"), target: aim, next: .rest)
      : opening(desired, held: nil)
    decision.operations.insert(lift, at: 0)
    return decision.then(.call(lift)).afterSetback(memory.setbacks[.tags], now: now)
  }

  private func pursuing(_ target: Rollout, held: Held?) -> Decision {
    isLive(target.digest) ? resting(held: held) : opening(target, held: held)
  }

  // Row 13
  private func resting(held: Held?) -> Decision {
    if let live, live.readiness != .ready { return unhealthy(live) }
    guard let held else { return Decision(.none, Reason(.inSync), target: aim, next: .rest) }
    // A person's choice names the revision itself.
    let stay = held.cause == .rollback ? "" : "; the endpoint stays at \(name(of: held.target))"
    return .hold(
      Reason(held.reasonCode, "\(words(of: held))\(stay); \(stayingWords)"),
      target: aim, degraded: held.cause == .rollback ? nil : words(of: held))
  }

  func unhealthy(_ live: ObservedEndpoint) -> Decision {
    let messages = (live.active?.deployments ?? [:]).values
      .filter { $0.state != "DEPLOYMENT_READY" && !$0.message.isEmpty }.map(\.message).sorted()
    let words = messages.isEmpty ? "the provider reports that it is not ready" : messages.joined(separator: "; ")
    return .hold(Reason(.unhealthy, words), target: aim, next: .wait(.seconds(10)), degraded: words)
  }

  // Rows 12 and 14: an attempt is recorded; the next look sends it. Before it what it replaces is recorded, a
  // rollback's target is looked at, and what is being fought over is left alone.
  private func opening(_ target: Rollout, held: Held?) -> Decision {
    let kind: Attempt.Kind = held == nil ? .update : .rollback
    let step = firstStep(of: target, kind)
    let reason = reason(for: target, from: step)
    let correction = correction(towards: target)
    var decision = Decision(
      action(kind, reason), reason, target: held == nil ? aim : target, next: .rest,
      operations: calls(towards: target, from: step))
    if correction != nil, let warning = otherWriter { decision.warnings.append(warning) }

    if let setback = transientFailure(of: target), now < setback.until {
      return decision.afterSetback(setback, now: now)
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

  /// A rollback, and what is applied again unchanged, keep their number; everything else is a new revision.
  private func revisionNumber(of target: Rollout, _ kind: Attempt.Kind) -> Int {
    if let last = memory.revisions.last, last.digest == target.digest { return last.number }
    if kind == .rollback, let former = memory.revision(of: target.digest) { return former.number }
    return (memory.revisions.last?.number ?? 0) + 1
  }
}

// What is wanted, and why
extension Situation {
  /// What the endpoint is to be at; nil: nothing may be sent.
  var wanted: Rollout? {
    guard let held = heldTag.held else { return desired }
    guard heldInForce != nil, !held.isStalled, live != nil else { return nil }
    return held.target.flatMap { rollout(of: $0) }
  }

  var kind: Attempt.Kind { heldInForce == nil ? .update : .rollback }

  /// The back-off in force for what is to be sent.
  func transientFailure(of target: Rollout) -> TransientFailure? {
    memory.setbacks[.config].flatMap { $0.digest == target.digest ? $0 : nil }
  }

  /// - Parameter step: where the rollout begins.
  func reason(for target: Rollout, from step: RolloutStep? = nil) -> Reason {
    if let held = heldInForce { return Reason(held.rollbackCode, words(of: held)) }
    guard live != nil else { return Reason(.doesNotExist, formerFailure(of: target)) }
    if liveStep(of: target) != nil { return Reason(.promoting, words(of: step)) }
    if isKeptForNothing(target) { return Reason(.specChanged, "the previous version is no longer kept") }
    if let good = memory.lastGood, live?.active != nil {
      if good.digest == target.digest {
        return isLeftover(beside: target)
          ? Reason(.wentBack, "the manifest was reverted to revision \(good.number) in the middle of a rollout")
          : Reason(.drift, "it was changed outside Setpoint since revision \(good.number)")
      }
      if let older = memory.revisions.last(where: { $0.digest == target.digest && $0.isGood }) {
        let moves = aliasMoves(since: target)
        return Reason(
          .wentBack,
          moves.isEmpty
            ? "the manifest was reverted to revision \(older.number)"
            : "\(moves), as in revision \(older.number)")
      }
    }
    return Reason(.specChanged, Self.joined(aliasMoves(since: target), stepsWords(from: step)))
  }

  /// Which of the manifest's aliases mean another version than in the revision before `target`, in words; empty where none
  /// does, or nobody has looked them up from here.
  private func aliasMoves(since target: Rollout) -> String {
    guard !endpoint.resolvedAliases.isEmpty,
      let former = memory.revisions.last(where: { $0.digest != target.digest })
    else { return "" }
    return endpoint.aliasedVersions.compactMap { now in
      former.aliases.first { $0.model == now.model && $0.alias == now.alias && $0.version != now.version }
        .map { "\(now.words) moved from version \($0.version) to \(now.version)" }
    }.joined(separator: "; ")
  }

  /// What a rollout is recorded with. Of a rollback that is the story of what it leaves.
  private func origin(held: Held?, _ reason: Reason) -> RolloutOrigin {
    guard let held else {
      return RolloutOrigin(
        sourceCommit: options.sourceCommit, aliases: endpoint.aliasedVersions, why: reason.detail,
        policy: endpoint.rollout)
    }
    return RolloutOrigin(
      sourceCommit: memory.revision(of: held.digest)?.sourceCommit ?? options.sourceCommit,
      because: held.clause(name(of: held.digest)), why: heardWords(of: held) ?? "")
  }

  /// Why it is held, with the provider's words where this machine heard them.
  func words(of held: Held) -> String {
    if held.cause == .rollback { return "a user chose \(name(of: held.target)) instead of this config" }
    return heardWords(of: held).map { "\(held.words): \($0.clause)" } ?? held.words
  }

  /// The provider's words on what is held; nil where there are none, or this machine did not hear them.
  private func heardWords(of held: Held) -> String? {
    if held.cause == .rollback || held.cause == .canceled { return nil }
    return memory.revisions.last { $0.digest == held.digest && $0.outcome.message != nil }?.outcome.message
  }

  func name(of digest: ConfigDigest?) -> String {
    guard let digest else { return "an earlier revision" }
    return memory.revision(of: digest).map { "revision \($0.number)" } ?? "the config \(digest)"
  }
}

// Drift and other writers
extension Situation {
  /// A put-back: what was established last, or was just sent, is to be sent again, because something else is live.
  /// Leaving a held config is none.
  private func correction(towards target: Rollout) -> Correction? {
    guard let active = live?.active else { return nil }
    if let held = heldInForce, isLive(held.digest) || besideLive(desired) != nil { return nil }
    // Nor is going on with a rollout, or leaving the rest of one.
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
      target: aim, next: .wait(oldest + Correction.window - now), degraded: "contested")
  }

  private var otherWriter: String? {
    guard let version = live?.active?.version, let last = memory.lastVersion, version > last,
      memory.endpointID == live?.id
    else { return nil }
    return "config version \(version) was not written by this machine, which last wrote \(last)"
  }
}

// What is said beside it
extension Situation {
  /// What the registry says of a rollback's target; nil: nobody has asked lately. Its word is told and withholds nothing: who
  /// may not see a model is told that it does not exist, and what serves now is known to be wrong.
  private func targetCheck(of target: Rollout) -> Memory.TargetCheck? {
    guard let check = memory.targetCheck, check.digest == target.digest, now < check.at + Self.checkLifetime else {
      return nil
    }
    return check
  }

  private static let checkLifetime: Duration = .seconds(600)

  /// That the manifest's steps are not taken, where somebody may wait for them.
  private func stepWarnings(
    _ target: Rollout, _ kind: Attempt.Kind, _ step: RolloutStep?, _ held: Held?
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

extension Held {
  var words: String {
    switch cause {
    case .failed: "this config failed"
    case .refused: "the provider refused this config"
    case .verification: "this config failed its verification"
    case .canceled: "the update was canceled at the provider"
    case .rollback: "another revision was chosen instead of this config"
    }
  }

  /// What happened to what is held, as a clause with a subject: "revision 3 failed".
  func clause(_ subject: String) -> String {
    switch cause {
    case .failed: "\(subject) failed"
    case .refused: "\(subject) was refused"
    case .verification: "\(subject) failed its verification"
    case .canceled: "\(subject) was canceled at the provider"
    case .rollback: "a user chose it instead of \(subject)"
    }
  }

  /// Why going back is done.
  var rollbackCode: Reason.Code {
    switch cause {
    case .failed, .refused, .canceled: .updateFailed
    case .verification: .verificationFailed
    case .rollback: .askedFor
    }
  }
}
