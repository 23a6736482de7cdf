package import Endpoints

// What the provider may be doing for the open attempt, for messages.
extension Memory {
  /// Whether the open attempt's config was sent and may have been accepted although nothing confirms it: no response
  /// came, or the provider failed while it handled the call.
  package var isConfigUncertain: Bool {
    // A back-off that ended before the attempt was opened is another attempt's.
    guard let attempt, attempt.acceptance == nil, let backoff = backoffs[.config], backoff.digest == attempt.digest,
      backoff.until > attempt.openedAt
    else { return false }
    return attempt.refusal?.mayHaveArrived ?? true
  }

  /// Returns the share of the traffic that the open update's version has in an earlier step; nil if no step of it is
  /// live.
  package func shareOfEarlierStep(on live: ObservedEndpoint) -> Int? {
    guard let attempt, attempt.kind == .update,
      !revisions.contains(where: { $0.digest == attempt.digest && $0.isGood }),
      let target = rollout(of: attempt.digest)?.config, target.entities.count == 1, let new = target.entities.first,
      let active = live.active?.config, active.entities.count > 1
    else { return nil }
    return active.entity(like: new)?.traffic
  }
}
