internal import Durations
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
    let step = isOurs ? memory.attempt.map(stepText) ?? "" : ""
    let version = live.pending.map { " to config version \($0.version)" } ?? ""
    let isRollback = isOurs && memory.attempt?.kind == .rollback
    let due = isRollback ? nil : rollbackTarget(after: coming)
    let dueText = due.map { dueRollbackText($0, version) } ?? ""
    // A rollback that is due has the reason with which it is sent afterwards.
    let code = due == nil ? .updating : activeHold?.rollbackCode ?? .updating
    let kind: PlanAction = isRollback || due != nil ? .rollback : live.active == nil ? .create : .update
    let words =
      isDesired ? update(of: live, at: step) : "an update\(version) is in progress; waiting for it to finish"
    var operations: [Operation] = []
    if let due {
      operations = [.updateConfig(name: live.name, config: due.config)]
    } else if !isDesired, !isRollback {
      operations = [.updateConfig(name: live.name, config: desired.config)]
    }
    return Decision(
      kind,
      isOverdue
        ? Reason(
          .overdue,
          Self.joined("the update\(version) is taking longer than \(DurationText.text(deadline))", dueText))
        : Reason(code, due == nil ? words : dueText),
      target: due ?? manifestTarget, blockedBy: "an update\(version) in progress",
      next: .wait(pollDelay(since: since)),
      degraded: isOverdue ? "the update\(version) is overdue" : nil,
      operations: operations)
  }

  /// Returns the config that the endpoint is rolled back to after the update, because the manifest's config is held;
  /// nil if there is none, or if the update leads to it.
  private func rollbackTarget(after coming: ObservedConfig?) -> Rollout? {
    guard activeHold != nil, let target = wanted, !(coming.map { means($0.config, target.digest) } ?? false) else {
      return nil
    }
    return target
  }

  private func dueRollbackText(_ target: Rollout, _ version: String) -> String {
    let sending = "\(name(of: target.digest)) is sent when the update\(version) ends"
    return Self.joined(activeHold.map { explanation(of: $0) } ?? "", sending)
  }

  /// Returns the step in progress and the servers' messages about it; empty if there are no steps.
  private func update(of live: ObservedEndpoint, at step: String) -> String {
    step.isEmpty ? "" : Self.joined(step, live.deploymentMessages)
  }

  /// Returns the poll interval, which grows with time from one second to ten (serving-api.md 2.6).
  func pollDelay(since: Timestamp) -> Duration {
    min(.seconds(10), max(.seconds(1), (now - since) / 10))
  }
}
