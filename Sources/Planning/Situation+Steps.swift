internal import Endpoints

// Rollouts in steps, and what is kept beside a config: what an attempt means at its step, and which step comes next.
extension Situation {
  /// What is served when `target` is at a step, or is whole for nil; nil where that cannot be told.
  func config(of target: Rollout, at step: RolloutStep?) -> EndpointConfig? {
    let active = live?.active?.config
    guard let step else { return StepConfig.config(target.config, live: active) }
    let before = step.isWhole ? kept(beside: target) : previous(of: target)
    return before.flatMap { StepConfig.config(from: $0, to: target.config, share: step.traffic, live: active) }
  }

  /// What `target` takes the place of, step by step: what was last good. Where its version is live beside another one that
  /// was good, that one, so that machines with different memories go the same way; and where this machine remembers
  /// nothing good, whatever is beside it.
  func previous(of target: Rollout) -> EndpointConfig? {
    let last = memory.lastGood(otherThan: target.digest)?.config
    // Only the compute of one version changes.
    if let last, last.entities.count == 1, target.config.entities.contains(where: { last.entity(like: $0) != nil }) {
      return last
    }
    let beside = besideLive(target).flatMap { isNoGood($0) ? nil : $0 }
    return beside.flatMap(goodConfig) ?? last ?? beside.map { EndpointConfig(entities: [$0]) }
  }

  /// The one entity that is live beside `target`'s version, at all of the traffic.
  func besideLive(_ target: Rollout) -> ServedEntity? {
    live?.active?.config.entity(beside: target.config)?.serving(100)
  }

  /// The config of a good revision that is this one entity's version; the very same before another compute of it.
  private func goodConfig(like entity: ServedEntity) -> EndpointConfig? {
    let found = EndpointConfig(entities: [entity])
    let good = memory.revisions.filter { revision in
      revision.isGood && revision.config?.entities.count == 1 && revision.config?.entity(like: entity) != nil
    }
    return
      (good.last { $0.config?.isMet(by: found) ?? false }
      ?? good.max { $0.established ?? 0 < $1.established ?? 0 })?.config
  }

  /// What is to stay beside the whole `target` without traffic: the one version that it takes the place of, if it is there
  /// and was good. No new compute is asked for only to be kept.
  private func kept(beside target: Rollout) -> EndpointConfig? {
    guard let active = live?.active?.config else { return nil }
    let previous = previous(of: target)
    if let previous, previous.entities.count == 1, let entity = previous.entities.first,
      StepConfig.config(from: previous, to: target.config, share: 100) != nil
    {
      return active.entity(like: entity) == nil || goodConfig(like: entity) == nil ? nil : previous
    }
    // Only the compute of one version changes: what is beside it stays.
    guard target.config.entities.allSatisfy({ active.entity(like: $0) != nil }) else { return nil }
    return active.entities.first { $0.traffic == 0 && target.config.entity(like: $0) == nil && !isNoGood($0) }
      .map { EndpointConfig(entities: [$0.serving(100)]) }
  }

  /// Whether this machine knows a version, and never as good.
  private func isNoGood(_ entity: ServedEntity) -> Bool {
    var isKnown = false
    for revision in memory.revisions where revision.config?.entity(like: entity) != nil {
      if revision.isGood { return false }
      isKnown = true
    }
    return isKnown
  }
}

// Which step
extension Situation {
  /// Where a rollout of `target` begins: at the step that is live, else the first; nil: with the whole.
  func firstStep(of target: Rollout, _ kind: Attempt.Kind) -> RolloutStep? {
    guard kind == .update, live?.active != nil else { return nil }
    if let step = liveStep(of: target) { return step }
    if isInSteps(target), live?.readiness == .ready { return endpoint.rollout.steps.first }
    return lastStep(of: target)
  }

  /// What follows a step; nil: the whole.
  func step(after step: RolloutStep, of target: Rollout) -> RolloutStep? {
    endpoint.rollout.steps.first { $0.traffic > step.traffic } ?? lastStep(of: target)
  }

  /// The whole of `target` with the version before it kept; nil: the whole alone.
  private func lastStep(of target: Rollout) -> RolloutStep? {
    guard endpoint.rollout.keepPrevious, config(of: target, at: .keeping) != nil else { return nil }
    return .keeping
  }

  /// Whether `target` is rolled out in steps: a new model version, and none that was good already. Where nothing serves
  /// there is nothing that steps could spare.
  private func isInSteps(_ target: Rollout) -> Bool {
    guard let first = endpoint.rollout.steps.first, !isGood(target) else { return false }
    return config(of: target, at: first) != nil
  }

  func isGood(_ target: Rollout) -> Bool { memory.revisions.contains { $0.digest == target.digest && $0.isGood } }

  /// The step of `target` that is live; nil: none.
  func liveStep(of target: Rollout) -> RolloutStep? {
    guard let active = live?.active?.config, active.entities.count > 1, let new = target.config.entities.first,
      let share = active.entity(like: new)?.traffic,
      let step = endpoint.rollout.steps.first(where: { $0.traffic == share }), !isGood(target)
    else { return nil }
    return config(of: target, at: step)?.isMet(by: active) ?? false ? step : nil
  }

  /// The calls that bring `target` from a step on, that one's included unless it is live.
  func calls(towards target: Rollout, from first: RolloutStep?) -> [Operation] {
    guard let live else {
      return [creation(of: target.config)]
    }
    var steps = [first]
    while let last = steps.last, let step = last, !step.isWhole { steps.append(self.step(after: step, of: target)) }
    return steps.compactMap { step in
      guard let config = config(of: target, at: step) else { return nil }
      if step != nil, let active = live.active?.config, config.isMet(by: active) { return nil }
      return .updateConfig(name: live.name, config: config)
    }
  }

  /// Such as "step 2 of 3: 10 % of the traffic".
  func words(of step: RolloutStep?) -> String {
    guard let step, !step.isWhole else { return "all of the traffic" }
    let steps = endpoint.rollout.steps
    let place = steps.firstIndex { $0.traffic == step.traffic }.map { "step \($0 + 1) of \(steps.count): " } ?? ""
    return "\(place)\(step.traffic) % of the traffic"
  }

  /// How a rollout that begins at this step goes on, for people; empty for one that has no steps.
  func stepsWords(from first: RolloutStep?) -> String {
    guard let first, !first.isWhole else { return "" }
    let shares = endpoint.rollout.steps.filter { $0.traffic >= first.traffic }.map { "\($0.traffic) %" }
    return "in steps: \(shares.joined(separator: ", ")), then all of the traffic"
  }
}

// What is live
extension Situation {
  /// Whether what an attempt sends is live, at the step where it is.
  func isLive(_ attempt: Attempt) -> Bool { live?.active.map { means($0.config, attempt) } ?? false }

  func means(_ config: EndpointConfig, _ attempt: Attempt) -> Bool {
    guard let step = attempt.step else { return means(config, attempt.digest) }
    let target = attempt.digest == desired.digest ? desired : rollout(of: attempt.digest)
    return target.flatMap { self.config(of: $0, at: step) }?.isMet(by: config) ?? false
  }

  /// Whether the active config is a config with one version beside it that may stay: the manifest's previous one, or
  /// whatever a former rollout left beside what is gone back to.
  func isLiveWithKept(_ rollout: Rollout) -> Bool {
    guard let active = live?.active?.config, let kept = active.entity(beside: rollout.config), kept.traffic == 0,
      rollout.config.isMet(by: active.without(kept)), !isNoGood(kept)
    else { return false }
    return rollout.digest == desired.digest
      ? endpoint.rollout.keepPrevious : desired.config.entity(like: kept) == nil
  }

  /// Whether the manifest's config is live with a version beside it that it does not keep.
  func isKeptForNothing(_ target: Rollout) -> Bool {
    guard !endpoint.rollout.keepPrevious, let active = live?.active?.config,
      let kept = active.entity(beside: target.config), kept.traffic == 0
    else { return false }
    return target.config.isMet(by: active.without(kept))
  }

  /// Whether a rollout of the digest is on its way: some of it is live, and not all.
  func isHalfway(_ target: Rollout) -> Bool {
    guard let active = live?.active?.config, active.entities.count > 1, let new = target.config.entities.first,
      let share = active.entity(like: new)?.traffic, share < 100, !isGood(target)
    else { return false }
    return config(of: target, at: RolloutStep(traffic: share))?.isMet(by: active) ?? false
  }

  /// Whether something is live that this machine knows as no good, other than `target`'s own: a former rollout left it.
  func isLeftover(beside target: Rollout) -> Bool {
    guard let active = live?.active?.config, active.entities.count > 1, isBetweenRevisions else { return false }
    return active.entities.contains { target.config.entity(like: $0) == nil && isNoGood($0) }
  }

  /// Whether all that is live are two configs that this machine knows, the one on the way to the other: nothing of it is
  /// lost when it is replaced.
  var isBetweenRevisions: Bool {
    guard let active = live?.active?.config, active.entities.count > 1 else { return false }
    let known = memory.revisions.compactMap(\.config) + [desired.config]
    return known.contains { target in
      guard target.entities.count == 1, let new = target.entities.first, let twin = active.entity(like: new) else {
        return false
      }
      return known.contains {
        StepConfig.config(from: $0, to: target, share: twin.traffic, live: active)?.isMet(by: active) ?? false
      }
    }
  }
}

extension RolloutStep {
  /// The whole new version, with the one before it kept beside it.
  static let keeping = RolloutStep(traffic: 100)
  var isWhole: Bool { traffic >= 100 }
}
