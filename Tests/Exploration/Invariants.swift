internal import Endpoints
internal import Planning

/// The promises of the decision core, looked at for every decision in every reachable world. Each answers with what is
/// broken, or nil.
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
    return idempotent(decision) ?? emptyDiffMeansInSync(decision) ?? onlyTheWorthyAreGood(decision)
      ?? ignoranceDoesNothing() ?? heldForAReason()
  }

  private func broken(by operation: Operation, _ decision: Decision) -> String? {
    neverHarmsStrangers(operation) ?? isProtected(operation) ?? neverFlaps(operation) ?? oneAtATime(operation)
      ?? neverLosesTheWayBack(operation) ?? liftsOnlyWhatIsOver(operation)
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
    if manifest.version != nil { return "invariant 7: an endpoint is deleted that the source names" }
    return options.prune ? nil : "invariant 7: an endpoint is deleted while pruning is off"
  }

  private func neverFlaps(_ operation: Operation) -> String? {
    guard let config = operation.config else { return nil }
    let held = live.map { HeldTag(tags: $0.tags).held } ?? memory.heldWhileAbsent
    return held?.digest == config.digest
      ? "invariant 2, never flaps: \(name(config)) is sent while it is held" : nil
  }

  private func oneAtATime(_ operation: Operation) -> String? {
    guard let config = operation.config else { return nil }
    if live?.update.isUpdating ?? false {
      return "invariant 5, one at a time: \(name(config)) is sent during an update"
    }
    return memory.attempt?.digest == config.digest
      ? nil : "invariant 5: \(name(config)) is sent and not recorded first"
  }

  /// What serves and may be good is in the revisions before something else takes its place. A put-back replaces what
  /// somebody else did, and a rollback what failed.
  private func neverLosesTheWayBack(_ operation: Operation) -> String? {
    guard let config = operation.config, let live, live.readiness == .ready, let active = live.active else {
      return nil
    }
    if memory.attempt?.correction != nil { return nil }
    if HeldTag(tags: live.tags).held?.digest == active.config.digest { return nil }
    let isRecorded = memory.revisions.contains { $0.config?.isMet(by: active.config) ?? false }
    return isRecorded
      ? nil
      : "invariant 4, never loses the way back: \(name(active.config)) is replaced by \(name(config)) unrecorded"
  }

  private func liftsOnlyWhatIsOver(_ operation: Operation) -> String? {
    guard case .patchTags(_, let patch) = operation, patch.remove.contains(FleetTags.held), let live,
      let held = HeldTag(tags: live.tags).held, held.digest == manifest.version?.rollout.digest
    else { return nil }
    return "invariant 2: the hold of what the manifest still says is lifted"
  }

  private func idempotent(_ decision: Decision) -> String? {
    self.decision() == decision ? nil : "invariant 9, idempotent: deciding again decides otherwise"
  }

  private func emptyDiffMeansInSync(_ decision: Decision) -> String? {
    guard let version = manifest.version else { return nil }
    let config = version.rollout.config
    let isSame = live?.active.map { config.isMet(by: $0.config) } ?? false
    let isEmpty = FieldDiff.changes(from: live?.active?.config, to: config).isEmpty
    if isSame != isEmpty { return "invariant 8: the diff is \(isEmpty ? "" : "not ")empty, wrongly" }
    let isInSync = isSame && isSettledAndOurs
    guard (decision.action == .none) != isInSync else { return nil }
    return "invariant 8, empty diff means in sync: it says \(decision.action.rawValue) and the world is "
      + (isInSync ? "in sync" : "not in sync")
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
    return [.broken, .wrong, .hanging].contains(version)
      ? "\(version.rawValue) is called good, and it is not" : nil
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

  /// Nobody is held for what somebody else did.
  private func heldForAReason() -> String? {
    guard let held = live.flatMap({ HeldTag(tags: $0.tags).held }) ?? memory.heldWhileAbsent,
      let version = Version.of(held.digest)
    else { return nil }
    let isJust =
      switch held.cause {
      case .failed: version == .broken
      case .verification: version == .wrong
      case .refused, .canceled, .rollback: true
      }
    return isJust ? nil : "\(version.rawValue) is held: \(held.cause.rawValue), wrongly"
  }

  private func name(_ config: EndpointConfig) -> String { Version.of(config)?.rawValue ?? "?" }
}

extension Operation {
  /// What it rolls out.
  var config: EndpointConfig? {
    switch self {
    case .create(_, let config, _, _), .updateConfig(_, let config): config
    case .patchTags, .delete, .changeSetting: nil
    }
  }
}
