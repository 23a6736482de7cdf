internal import Endpoints

/// Decides what to do about one endpoint. Pure and total: the same inputs always give the same decision, and every
/// combination of inputs has one. The rows are those of the table in `docs/architecture.md`; the first match wins.
package func decide(
  desired: Desired, observed: Observation, memory: Memory, now: Timestamp, options: DecisionOptions
) -> Decision {
  switch (desired, observed) {
  // Row 1: an unknown state is not acted on.
  case (.unknown(let why), _), (_, .unreadable(let why)):
    return .hold(Reason(.blocked, why))
  // Row 2
  case (.present(let endpoint, let rollout), _) where endpoint.suspend:
    return .hold(Reason(.suspended, "the manifest sets suspend: true"), target: rollout)
  case (.none, .absent):
    return forget(memory, now: now)
  case (.none, .present(let live)):
    return decideWithoutManifest(live, memory: memory, now: now, options: options)
  case (.present(let endpoint, let rollout), .absent):
    return DecisionContext(endpoint, rollout, live: nil, memory: memory, now: now, options: options).decision
  case (.present(let endpoint, let rollout), .present(let live)):
    return DecisionContext(endpoint, rollout, live: live, memory: memory, now: now, options: options).decision
  }
}

/// Closes whatever is still open if neither manifest nor endpoint exists, so that no later manifest is affected.
private func forget(_ memory: Memory, now: Timestamp) -> Decision {
  if memory.attempt != nil {
    return Decision(.none, Reason(.inSync), next: .record(.closed(.init(.superseded, at: now))))
  }
  if memory.heldWhileAbsent != nil { return Decision(.none, Reason(.inSync), next: .record(.liftedWhileAbsent)) }
  return Decision(.none, Reason(.inSync), next: .rest)
}

/// Decides row 4: an endpoint that a completely read source does not name. Endpoints of other fleets are ignored.
private func decideWithoutManifest(
  _ live: ObservedEndpoint, memory: Memory, now: Timestamp, options: DecisionOptions
) -> Decision {
  guard live.belongs(to: options.fleet) else { return Decision(.none, Reason(.notThisFleet), next: .rest) }
  if live.isRetained {
    return .hold(Reason(.retained, "its manifest was removed, and its deletion policy is Retain"))
  }
  guard options.prune else {
    return Decision(.none, Reason(.pruningOff, "it has no manifest, and pruning is off"), next: .rest)
  }
  if options.fleet == DecisionOptions.defaultFleet, memory.endpointID != live.id {
    return Decision(
      .none,
      Reason(.notRecordedHere, "it has no manifest; the default fleet prunes only what this machine recorded"),
      next: .rest)
  }
  let operation = Operation.delete(name: live.name)
  let decision = Decision(
    .delete, Reason(.manifestRemoved), next: .call(operation), operations: [operation])
  return decision.afterBackoff(memory.backoffs[.delete], now: now)
}

extension Decision {
  static func hold(
    _ reason: Reason, target: Rollout? = nil, next: Step = .rest, degraded: String? = nil
  ) -> Decision {
    Decision(.hold, reason, target: target, next: next, degraded: degraded)
  }

  /// Returns the same decision, but it waits while the call's previous failure is too recent. A refusal needs a user's
  /// attention; everything else is retried automatically.
  func afterBackoff(_ backoff: TransientFailure?, now: Timestamp) -> Decision {
    guard let backoff, now < backoff.until else { return self }
    var copy = self
    if backoff.isRefusal {
      copy.action = .hold
      copy.reason = Reason(.refused, backoff.message)
    } else {
      copy.reason = Reason(.retrying, backoff.retryText)
    }
    copy.next = .wait(backoff.until - now)
    copy.degraded = backoff.message
    return copy
  }
}

extension TransientFailure {
  var retryText: String {
    "\(message.clause) (failed \(failures == 1 ? "once" : "\(failures) times in a row"); will be retried)"
  }
}
