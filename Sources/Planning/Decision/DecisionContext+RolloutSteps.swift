internal import Endpoints

// Rollouts in steps, and the version kept beside a config: what an attempt means at its step, and the next step.
extension DecisionContext {
  /// Returns the config that serves `target` at a step, or all of it if the step is nil; nil if it cannot be
  /// determined.
  func config(of target: Rollout, at step: RolloutStep?) -> EndpointConfig? {
    let active = live?.active?.config
    guard let step else { return StepConfig.config(target.config, live: active) }
    let before = step.isWhole ? kept(beside: target) : previous(of: target)
    return before.flatMap { StepConfig.config(from: $0, to: target.config, share: step.traffic, live: active) }
  }

  /// Returns the config that `target` replaces step by step: the last good one. If the target's version is live beside
  /// another good one, that one, so that machines with different memories agree; and if this machine remembers no good
  /// one, whatever is live beside it.
  func previous(of target: Rollout) -> EndpointConfig? {
    let last = memory.lastGood(otherThan: target.digest)?.config
    // Only the compute of one version changes.
    if let last, last.entities.count == 1, target.config.entities.contains(where: { last.entity(like: $0) != nil }) {
      return last
    }
    let beside = besideLive(target).flatMap { isKnownNotGood($0) ? nil : $0 }
    return beside.flatMap(goodConfig) ?? last ?? beside.map { EndpointConfig(entities: [$0]) }
  }

  /// Returns the one entity that is live beside `target`'s version, with all of the traffic.
  func besideLive(_ target: Rollout) -> ServedEntity? {
    live?.active?.config.entity(beside: target.config)?.serving(100)
  }

  /// Returns the config of a good revision that serves only this entity's version; an exact match is preferred to one
  /// with other compute.
  private func goodConfig(like entity: ServedEntity) -> EndpointConfig? {
    let found = EndpointConfig(entities: [entity])
    let good = memory.revisions.filter { revision in
      revision.isGood && revision.config?.entities.count == 1 && revision.config?.entity(like: entity) != nil
    }
    return
      (good.last { $0.config?.isMet(by: found) ?? false }
      ?? good.max { $0.established ?? 0 < $1.established ?? 0 })?.config
  }

  /// Returns the version that stays beside the whole `target` without traffic: the one that it replaces, if that is
  /// live and was good. No new compute is requested only to be kept.
  private func kept(beside target: Rollout) -> EndpointConfig? {
    guard let active = live?.active?.config else { return nil }
    let previous = previous(of: target)
    if let previous, previous.entities.count == 1, let entity = previous.entities.first,
      StepConfig.config(from: previous, to: target.config, share: 100) != nil
    {
      return active.entity(like: entity) == nil || goodConfig(like: entity) == nil ? nil : previous
    }
    // Only the compute of one version changes: the version beside it stays.
    guard target.config.entities.allSatisfy({ active.entity(like: $0) != nil }) else { return nil }
    return active.entities.first { $0.traffic == 0 && target.config.entity(like: $0) == nil && !isKnownNotGood($0) }
      .map { EndpointConfig(entities: [$0.serving(100)]) }
  }

  /// Whether this machine knows the version, but not as a good one.
  private func isKnownNotGood(_ entity: ServedEntity) -> Bool {
    var isKnown = false
    for revision in memory.revisions where revision.config?.entity(like: entity) != nil {
      if revision.isGood { return false }
      isKnown = true
    }
    return isKnown
  }
}

// The step
extension DecisionContext {
  /// Returns the step at which a rollout of `target` begins: the live one, else the first; nil for all at once.
  func firstStep(of target: Rollout, _ kind: Attempt.Kind) -> RolloutStep? {
    guard kind == .update, live?.active != nil else { return nil }
    if let step = liveStep(of: target) { return step }
    if isInSteps(target), live?.readiness == .ready { return endpoint.rollout.steps.first }
    return lastStep(of: target)
  }

  /// Returns the next step; nil for the whole.
  func step(after step: RolloutStep, of target: Rollout) -> RolloutStep? {
    endpoint.rollout.steps.first { $0.traffic > step.traffic } ?? lastStep(of: target)
  }

  /// Returns the step of the whole `target` with the previous version kept; nil for the target alone.
  private func lastStep(of target: Rollout) -> RolloutStep? {
    guard endpoint.rollout.keepPrevious, config(of: target, at: .keeping) != nil else { return nil }
    return .keeping
  }

  /// Whether `target` is rolled out in steps: it is a new model version that was not good before. If nothing is
  /// serving, steps protect nothing.
  private func isInSteps(_ target: Rollout) -> Bool {
    guard let first = endpoint.rollout.steps.first, !isGood(target) else { return false }
    return config(of: target, at: first) != nil
  }

  func isGood(_ target: Rollout) -> Bool { memory.revisions.contains { $0.digest == target.digest && $0.isGood } }

  /// Returns the step of `target` that is live; nil if none is.
  func liveStep(of target: Rollout) -> RolloutStep? {
    guard let active = live?.active?.config, active.entities.count > 1, let new = target.config.entities.first,
      let share = active.entity(like: new)?.traffic,
      let step = endpoint.rollout.steps.first(where: { $0.traffic == share }), !isGood(target)
    else { return nil }
    return config(of: target, at: step)?.isMet(by: active) ?? false ? step : nil
  }

  /// Returns the calls that roll out `target` from a step on, including that step's unless it is live.
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

  /// Returns a description of the step, such as "step 2 of 3: 10% of the traffic".
  func description(of step: RolloutStep?) -> String {
    guard let step, !step.isWhole else { return "all of the traffic" }
    let steps = endpoint.rollout.steps
    let place = steps.firstIndex { $0.traffic == step.traffic }.map { "step \($0 + 1) of \(steps.count): " } ?? ""
    return "\(place)\(step.traffic)% of the traffic"
  }

  /// Returns how a rollout that begins at this step continues, as a clause; empty for a rollout without steps.
  func stepsText(from first: RolloutStep?) -> String {
    guard let first, !first.isWhole else { return "" }
    let shares = endpoint.rollout.steps.filter { $0.traffic >= first.traffic }.map { "\($0.traffic)%" }
    return "in steps: \(shares.joined(separator: ", ")), then all of the traffic"
  }
}

// What is live
extension DecisionContext {
  /// Whether the config of an attempt is live at its current step.
  func isLive(_ attempt: Attempt) -> Bool { live?.active.map { means($0.config, attempt) } ?? false }

  func means(_ config: EndpointConfig, _ attempt: Attempt) -> Bool {
    guard let step = attempt.step else { return means(config, attempt.digest) }
    let target = attempt.digest == desired.digest ? desired : rollout(of: attempt.digest)
    return target.flatMap { self.config(of: $0, at: step) }?.isMet(by: config) ?? false
  }

  /// Whether the active config is the given one with one version beside it that may stay: the manifest's previous one,
  /// or one that an earlier rollout left beside the target of a rollback.
  func isLiveWithKept(_ rollout: Rollout) -> Bool {
    guard let active = live?.active?.config, let kept = active.entity(beside: rollout.config), kept.traffic == 0,
      rollout.config.isMet(by: active.without(kept)), !isKnownNotGood(kept)
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

  /// Whether the rollout is halfway: the target has some of the traffic, but not all.
  func isHalfway(_ target: Rollout) -> Bool {
    guard let active = live?.active?.config, active.entities.count > 1, let new = target.config.entities.first,
      let share = active.entity(like: new)?.traffic, share < 100, !isGood(target)
    else { return false }
    return config(of: target, at: RolloutStep(traffic: share))?.isMet(by: active) ?? false
  }

  /// Whether an earlier rollout left a live version that is not `target`'s and that this machine knows, but not
  /// as a good one.
  func isLeftover(beside target: Rollout) -> Bool {
    guard let active = live?.active?.config, active.entities.count > 1, isBetweenRevisions else { return false }
    return active.entities.contains { target.config.entity(like: $0) == nil && isKnownNotGood($0) }
  }

  /// Whether the live config is a step between two configs that this machine knows, so that replacing it loses nothing.
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
  /// The whole new version, with the previous one kept beside it.
  static let keeping = RolloutStep(traffic: 100)
  var isWhole: Bool { traffic >= 100 }
}
