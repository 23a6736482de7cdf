package import Endpoints
internal import History
package import Planning
internal import ServingAPI

extension Reconciler {
  /// Executes `rollback NAME [--to N]`: records that the present config is held, and the target revision. The next
  /// reconciliation rolls back.
  ///
  /// - Parameter number: the revision's; nil: the newest good one that is not live.
  /// - Returns: the target revision.
  /// - Throws: `CommandRefusal` if that is not possible, `ServingError` if the endpoint cannot be read or tagged.
  @discardableResult
  package func rollBack(_ name: String, to number: Int?) async throws -> RollbackGoal? {
    let edit = try await rollback(name, to: number).edit
    try await carryOut(edit, name)
    return edit.goal
  }

  /// Returns the plan of `rollback NAME [--to N]`; nothing is written.
  ///
  /// - Throws: as ``rollBack(_:to:)``.
  package func rollbackPlan(_ name: String, to number: Int?) async throws -> Plan {
    try await plan(of: rollbackItem(name, to: number))
  }

  /// Returns what `rollback NAME [--to N]` reconciles once it has recorded its request; nothing is written.
  ///
  /// - Throws: as ``rollBack(_:to:)``.
  package func rollbackItem(_ name: String, to number: Int?) async throws -> PlanItem {
    let (edit, live, memory) = try await rollback(name, to: number)
    var held = live
    if case .patchTags(_, let patch) = edit.operation { held.tags = patch.applied(to: live.tags) }
    let after = memory.applying(edit.change)
    return PlanItem(
      name: name, desired: after.standing(of: held, name: name), observed: .present(held), memory: after)
  }

  /// Returns the digest of the config that `rollback NAME [--to N]` holds. Nothing is written.
  ///
  /// - Throws: as ``rollBack(_:to:)``.
  package func digestHeld(byRollbackOf name: String, to number: Int?) async throws -> ConfigDigest? {
    guard case .patchTags(_, let patch) = try await rollback(name, to: number).edit.operation else { return nil }
    return HeldTag(tags: patch.add).held?.digest
  }

  /// Returns the plan of `retry NAME`; nothing is written. Nil if this machine does not have the held config.
  package func retryPlan(_ name: String) async throws -> Plan? {
    guard let item = try await retryItem(name) else { return nil }
    return try await plan(of: item).ofRetry
  }

  /// Returns what `retry NAME` reconciles once it has lifted the hold; nothing is written. Nil if this machine does not
  /// have the held config.
  package func retryItem(_ name: String) async throws -> PlanItem? {
    let (edit, live, memory) = try await retryEdit(name)
    guard var freed = live, case .present(let wanted, let rollout) = memory.standing(of: freed, name: name) else {
      return nil
    }
    if case .patchTags(_, let patch) = edit.operation { freed.tags = patch.applied(to: freed.tags) }
    return PlanItem(
      name: name, desired: .present(wanted, rollout), observed: .present(freed), memory: memory.applying(edit.change))
  }

  private func plan(of item: PlanItem) async throws -> Plan {
    Plan.make(
      target: provider.target.url, items: try await asked([item]), now: now(),
      options: PlanOptions(options, isSourceWhole: false))
  }

  private func rollback(
    _ name: String, to number: Int?
  ) async throws -> (edit: MemoryEdit, live: ObservedEndpoint, memory: Memory) {
    guard case .present(let live) = try await provider.observe(name) else { throw noSuchEndpoint(name) }
    let memory = try await history.memory(of: key(name), values: [live.active?.config].compactMap(\.self)).memory
    return (try memory.rollback(to: number, live: live, fleet: options.fleet), live, memory)
  }

  /// Executes `retry NAME`: lifts the hold and all delays. The next reconciliation retries.
  ///
  /// - Throws: `CommandRefusal` if there is nothing to retry, `ServingError` if the endpoint cannot be read or tagged.
  package func retry(_ name: String) async throws { try await carryOut(try await retryEdit(name).edit, name) }

  private func retryEdit(_ name: String) async throws -> (edit: MemoryEdit, live: ObservedEndpoint?, memory: Memory) {
    var live: ObservedEndpoint?
    if case .present(let endpoint) = try await provider.observe(name) { live = endpoint }
    let values = [live?.active?.config].compactMap(\.self)
    let recorded = try await history.memory(of: key(name), values: values)
    guard live != nil || recorded.version > 0 else { throw noSuchEndpoint(name) }
    return (try recorded.memory.retry(name: name, live: live, fleet: options.fleet), live, recorded.memory)
  }

  func noSuchEndpoint(_ name: String) -> NoSuchEndpoint { NoSuchEndpoint(name: name, target: provider.target.url) }

  /// Sends the call first, so that the local record never says more than what everyone can see.
  private func carryOut(_ edit: MemoryEdit, _ name: String) async throws {
    if case .patchTags(let endpoint, let patch) = edit.operation {
      try await provider.patchTags(endpoint, set: patch.add, remove: patch.remove.sorted())
    }
    try await history.record([edit.change], of: key(name), fleet: options.fleet, at: now())
  }
}

/// The error for a command that names an endpoint that the provider does not have.
package struct NoSuchEndpoint: Error, Hashable, Sendable, CustomStringConvertible {
  package let name: String
  package let target: String

  package init(name: String, target: String) {
    self.name = name
    self.target = target
  }

  package var description: String {
    "endpoint \(name) not found at \(target); \"setpoint get\" lists the endpoints there"
  }
}
