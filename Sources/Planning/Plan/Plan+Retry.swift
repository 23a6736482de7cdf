extension Plan {
  /// The plan of a retry: a config that was good before and is retried is an update, not a rollback.
  package var ofRetry: Plan {
    Plan(
      target: target, fleet: fleet, changes: changes.map(\.ofRetry), unchanged: unchanged,
      blockedDeletions: blockedDeletions)
  }
}

extension EndpointChange {
  fileprivate var ofRetry: EndpointChange {
    guard action == .rollback, reason.code == .wentBack else { return self }
    return EndpointChange(
      endpoint: endpoint, action: .update, reason: Reason(.askedFor, "the hold is lifted"), fields: fields,
      ignored: ignored, operations: operations, blockedBy: blockedBy, degraded: degraded, warnings: warnings,
      base: base, sent: sent)
  }
}
