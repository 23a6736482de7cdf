extension Plan {
  /// The plan of a retry: what was good before and is tried again comes back after a rollback, and nothing goes back.
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
      world: world)
  }
}
