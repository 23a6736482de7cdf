internal import Endpoints

// Row 5: while the provider is updating, wait. An update that is merely slow is never overwritten or held.
extension DecisionContext {
  func updateInProgressDecision(of live: ObservedEndpoint) -> Decision {
    let coming = live.pending ?? live.active
    let isOurs = memory.attempt.map { attempt in coming.map { means($0.config, attempt) } ?? true } ?? false
    let began = isOurs ? memory.attempt.map { $0.acceptance?.at ?? $0.openedAt } : nil
    let since = began ?? Timestamp(milliseconds: coming?.startTime ?? live.lastUpdated)
    let deadline = endpoint.rollout.deadline(for: coming?.config ?? desired.config)
    let isOverdue = now >= since + deadline
    let isDesired =
      isOurs && memory.attempt?.digest == desired.digest || coming.map { desired.config.isMet(by: $0.config) } ?? true
    let step = isOurs ? memory.attempt.map(stepWords) ?? "" : ""
    let version = live.pending.map { " to version \($0.version)" } ?? ""
    let kind: PlanAction =
      isOurs && memory.attempt?.kind == .rollback ? .rollback : live.active == nil ? .create : .update
    return Decision(
      kind,
      isOverdue
        ? Reason(.overdue, "the update\(version) is taking longer than \(deadline.words)")
        : Reason(
          .updating,
          isDesired
            ? update(of: live, at: step)
            : "an update\(version) is in progress; waiting for it to finish"),
      target: manifestTarget, blockedBy: "an update\(version) in progress", next: .wait(pollDelay(since: since)),
      degraded: isOverdue ? "the update\(version) is overdue" : nil,
      operations: isDesired || kind == .rollback
        ? [] : [.updateConfig(name: live.name, config: desired.config)])
  }

  /// Returns the step in progress and the servers' messages about it; empty if there are no steps.
  private func update(of live: ObservedEndpoint, at step: String) -> String {
    step.isEmpty ? "" : Self.joined(step, live.deploymentWords)
  }

  /// Returns the poll interval, which grows with time from one second to ten (serving-api.md 2.6).
  func pollDelay(since: Timestamp) -> Duration {
    min(.seconds(10), max(.seconds(1), (now - since) / 10))
  }
}

extension Duration {
  /// The duration in words, such as "45 minutes" or "90 seconds".
  var words: String {
    let seconds = components.seconds
    if seconds >= 120, seconds % 60 == 0 { return "\(seconds / 60) minutes" }
    return seconds == 1 ? "1 second" : "\(seconds) seconds"
  }
}
