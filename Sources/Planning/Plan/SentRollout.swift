/// A rollout that was sent and has no outcome yet, as a plan shows it: what was sent, and the next step.
package struct SentRollout: Hashable, Sendable {
  /// The call as written in the serving API.
  package let call: String
  /// When the provider accepted it.
  package let at: Timestamp
  /// The number of the revision that it rolls out.
  package let revision: Int
  /// The next step, as an imperative; nil if the decision's reason says it.
  package let next: String?

  /// - Returns: nil if nothing was sent, or if the decision is to wait for a user.
  init?(of memory: Memory, on endpoint: String, hasChecks: Bool, _ decision: Decision) {
    guard let attempt = memory.attempt, let acceptance = attempt.acceptance, !decision.isSettled else { return nil }
    call = Operation.configCall(on: endpoint, isNew: attempt.base == .absent)
    at = acceptance.at
    revision = attempt.revision
    next = Self.next(attempt, hasChecks: hasChecks, decision)
  }

  private static func next(_ attempt: Attempt, hasChecks: Bool, _ decision: Decision) -> String? {
    switch decision.next {
    case .wait where decision.blockedBy != nil && decision.operations.contains(where: { $0.kind == .config }):
      return "wait until the update ends, then send the next config"
    case .wait where [.updating, .overdue, .startingUp].contains(decision.reason.code):
      if attempt.kind == .rollback { return "wait until revision \(attempt.revision) is ready" }
      let then = hasChecks ? "verify it" : attempt.isAtLastStep ? "record it as good" : "take the next step"
      return "wait until revision \(attempt.revision) is ready, then \(then)"
    case .verify: return "verify revision \(attempt.revision)"
    case .record(.closed(let end)) where end.outcome == .good: return "record revision \(attempt.revision) as good"
    case .record(.closed): return "record the outcome of revision \(attempt.revision)"
    case .wait, .record, .call, .checkTarget, .rest: return nil
    }
  }
}
