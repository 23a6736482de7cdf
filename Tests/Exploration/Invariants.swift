internal import Endpoints
internal import Planning

/// The guarantees of the decision core, checked for every decision in every reachable world. Each returns the
/// violation, or nil.
struct Invariants {
  let world: World
  let manifest: Manifest
  let options: DecisionOptions
  let decide: Decide

  private var live: ObservedEndpoint? { world.provider.live }
  private var memory: Memory { world.memory }

  private var observed: Observation { live.map { .present($0) } ?? .absent }

  func decision() -> Decision { decide(manifest.desired, observed, memory, ModelTime.now, options) }

  func broken(by decision: Decision) -> String? {
    if case .call(let operation) = decision.next, let broken = broken(by: operation, decision) { return broken }
    if case .verify(let request) = decision.next, let broken = asksOnlyTheNew(request) { return broken }
    return idempotent(decision) ?? emptyDiffMeansInSync(decision) ?? onlyTheWorthyAreGood(decision)
      ?? ignoranceDoesNothing() ?? heldForAReason()
  }

  private func broken(by operation: Operation, _ decision: Decision) -> String? {
    neverHarmsStrangers(operation) ?? isProtected(operation) ?? neverFlaps(operation) ?? oneAtATime(operation)
      ?? neverLosesTheWayBack(operation) ?? liftsOnlyWhatIsOver(operation) ?? goesStepByStep(operation)
  }

  private func asksOnlyTheNew(_ request: VerificationRequest) -> String? {
    guard let version = memory.attempt.flatMap({ Version.of($0.digest) }) else { return nil }
    let asked = (live?.active?.config.entities ?? []).filter { request.entities.contains($0.name) }
    return asked.count == 1 && asked.allSatisfy { Version.of($0) == version }
      ? nil : "\(request.entities.joined(separator: ", ")) is verified, and not \(version.rawValue) alone"
  }

  private func neverHarmsStrangers(_ operation: Operation) -> String? {
    guard let live, live.fleet != options.fleet else { return nil }
    if case .patchTags(_, let patch) = operation, options.adopt, patch.add[FleetTags.fleet] == options.fleet,
      manifest.version != nil
    {
      return nil
    }
    return "invariant 3, never harms strangers: \(operation.call) on an endpoint of \(live.fleet ?? "nobody")"
  }

  private func isProtected(_ operation: Operation) -> String? {
    guard case .delete = operation else { return nil }
    if live?.isRetained ?? false { return "invariant 6, protected means protected: a retained endpoint is deleted" }
    if manifest.version != nil { return "invariant 7: an endpoint in the source is deleted" }
    return options.prune ? nil : "invariant 7: an endpoint is deleted while pruning is off"
  }

  private func neverFlaps(_ operation: Operation) -> String? {
    guard let config = operation.config else { return nil }
    let held = live.map { HeldTag(tags: $0.tags).held } ?? memory.heldWhileAbsent
    guard let held = held.flatMap({ Version.of($0.digest) }) else { return nil }
    return config.entities.contains { Version.of($0) == held }
      ? "invariant 2, never flaps: \(shown(config)) is sent while it is held" : nil
  }

  private func oneAtATime(_ operation: Operation) -> String? {
    guard let config = operation.config else { return nil }
    if live?.update.isUpdating ?? false {
      return "invariant 5, one at a time: \(shown(config)) is sent during an update"
    }
    let isRecorded = memory.attempt.map { attempt in
      guard let version = Version.of(attempt.digest) else { return attempt.digest == config.digest }
      return config.share(of: version) == attempt.step?.traffic ?? 100
    }
    return isRecorded ?? false ? nil : "invariant 5: \(shown(config)) is sent and not recorded first"
  }

  /// A config that is live and may be good is in the revisions before another one replaces it. A revert replaces what
  /// another client changed, and a rollback replaces what failed.
  private func neverLosesTheWayBack(_ operation: Operation) -> String? {
    guard let config = operation.config, let live, live.readiness == .ready, let active = live.active else {
      return nil
    }
    if memory.attempt?.correction != nil { return nil }
    if let held = HeldTag(tags: live.tags).held,
      active.config.entities.contains(where: { Version.of($0) == Version.of(held.digest) })
    {
      return nil
    }
    let isRecorded = active.config.entities.filter { $0.traffic > 0 }.allSatisfy { isKnown($0) { _ in true } }
    return isRecorded
      ? nil
      : "invariant 4, never loses the way back: \(shown(active.config)) is replaced by \(shown(config)) unrecorded"
  }

  private func liftsOnlyWhatIsOver(_ operation: Operation) -> String? {
    guard case .patchTags(_, let patch) = operation, patch.remove.contains(FleetTags.held), let live,
      let held = HeldTag(tags: live.tags).held, held.digest == manifest.version?.rollout.digest
    else { return nil }
    return "invariant 2: the hold on the manifest's own config is lifted"
  }

  private func idempotent(_ decision: Decision) -> String? {
    self.decision() == decision ? nil : "invariant 9, idempotent: a second decision differs"
  }

  private func emptyDiffMeansInSync(_ decision: Decision) -> String? {
    guard let version = manifest.version else { return nil }
    let isSame = live?.active.map { isMet(version, by: $0.config) } ?? false
    var manifestTarget = version.rollout.config
    // The diff is against the target config. If live state meets the manifest without being that target, a kept version
    // is not a difference.
    if isSame {
      manifestTarget =
        decision.target == version.rollout
        ? decision.target?.config ?? manifestTarget : live?.active?.config ?? manifestTarget
    }
    let isEmpty = FieldDiff.changes(from: live?.active?.config, to: manifestTarget).isEmpty
    if isSame != isEmpty { return "invariant 8: the diff is \(isEmpty ? "" : "not ")empty, wrongly" }
    let isInSync = isSame && isSettledAndOurs
    guard (decision.action == .none) != isInSync else { return nil }
    return "invariant 8, empty diff means in sync: it says \(decision.action.rawValue) and the world is "
      + (isInSync ? "in sync" : "not in sync")
  }

  /// Alone, or with the previous version kept; a version that is known to be bad is not kept.
  private func isMet(_ version: Version, by active: EndpointConfig) -> Bool {
    if version.rollout.config.isMet(by: active) { return true }
    guard manifest.keepsPrevious, active.entities.count == 2, active.share(of: version) == 100,
      let kept = active.entities.first(where: { Version.of($0) != version })
    else { return false }
    return !isKnown(kept) { _ in true } || isKnown(kept, \.isGood)
  }

  private func isKnown(_ entity: ServedEntity, _ fits: (Revision) -> Bool) -> Bool {
    memory.revisions.contains { revision in
      fits(revision) && revision.config?.entities.contains { $0.entityVersion == entity.entityVersion } ?? false
    }
  }

  private var isSettledAndOurs: Bool {
    guard let live else { return false }
    let protection = manifest.isRetained == live.isRetained
    let tag = live.tags["team"] == manifest.tag
    return live.fleet == options.fleet && live.readiness == .ready && !live.update.isUpdating
      && live.tags[FleetTags.held] == nil && memory.attempt == nil && protection && tag
  }

  private func onlyTheWorthyAreGood(_ decision: Decision) -> String? {
    guard case .record(.closed(let closing)) = decision.next, closing.outcome == .good, let attempt = memory.attempt,
      attempt.kind == .update, let version = Version.of(attempt.digest)
    else { return nil }
    if live?.active?.config.share(of: version) != 100 {
      return "\(version.rawValue) is called good before it has all of the traffic"
    }
    return [.broken, .wrong, .hanging, .fragile, .shy].contains(version)
      ? "\(version.rawValue) is called good, and it is not" : nil
  }

  /// A new version gets its shares one after another, never more than it has earned, and the rest goes only to a good
  /// version.
  private func goesStepByStep(_ operation: Operation) -> String? {
    guard let config = operation.config else { return nil }
    if Set(config.entities.map(\.name)).count < config.entities.count { return "two entities share a name" }
    if config.entities.reduce(0, { $0 + $1.traffic }) != 100 { return "the shares do not add up: \(shown(config))" }
    guard let attempt = memory.attempt, attempt.kind == .update, let version = Version.of(attempt.digest) else {
      return nil
    }
    if let other = config.entities.first(where: { Version.of($0) != version && !isKnown($0, \.isGood) }) {
      return "a half-promoted version stays: \(other.entityVersion) in \(shown(config))"
    }
    guard !manifest.steps.isEmpty, let active = live?.active?.config, live?.readiness == .ready,
      !memory.revisions.contains(where: { $0.isGood && $0.digest == attempt.digest }),
      memory.revisions.contains(where: \.isGood)
    else { return nil }
    let share = config.share(of: version) ?? 0
    let steps = manifest.steps.map(\.traffic)
    let due: Int? =
      switch version {
      case .wrong: steps.first
      case .shy: steps.first { $0 > 0 }
      default: nil
      }
    if let due, share > due { return "\(version.rawValue) gets \(share) % after it failed at \(due) %" }
    guard let before = steps.last(where: { $0 < share }) else { return nil }
    return active.share(of: version) == before || share == active.share(of: version)
      ? nil : "a step is skipped: \(shown(config)) over \(shown(active))"
  }

  /// Invariant 7, and row 1 of the table.
  private func ignoranceDoesNothing() -> String? {
    let unreadable = decide(manifest.desired, .unreadable("the provider"), memory, ModelTime.now, options)
    if unreadable.next != .rest { return "an unreadable provider is acted on: \(unreadable.next.shape)" }
    let unknown = decide(.unknown("half-read"), observed, memory, ModelTime.now, options)
    if unknown.next != .rest {
      return "invariant 7: a source that was not read whole is acted on: \(unknown.next.shape)"
    }
    let keeping = DecisionOptions(fleet: options.fleet, adopt: options.adopt, prune: false)
    let unpruned = decide(manifest.desired, observed, memory, ModelTime.now, keeping)
    if case .call(.delete) = unpruned.next { return "invariant 7: something is deleted while pruning is off" }
    return nil
  }

  /// No config is held because of another client's change.
  private func heldForAReason() -> String? {
    guard let held = live.flatMap({ HeldTag(tags: $0.tags).held }) ?? memory.heldWhileAbsent,
      let version = Version.of(held.digest)
    else { return nil }
    let isJust =
      switch held.cause {
      case .failed: version == .broken || version == .fragile
      case .verification: version == .wrong || version == .shy
      case .refused, .canceled, .rollback: true
      }
    return isJust ? nil : "\(version.rawValue) is held: \(held.cause.rawValue), wrongly"
  }

}

extension EndpointConfig {
  fileprivate func share(of version: Version) -> Int? { entities.first { Version.of($0) == version }?.traffic }
}

extension Operation {
  /// The config that it rolls out.
  var config: EndpointConfig? {
    switch self {
    case .create(_, let config, _, _), .updateConfig(_, let config): config
    case .patchTags, .delete, .changeSetting: nil
    }
  }
}
