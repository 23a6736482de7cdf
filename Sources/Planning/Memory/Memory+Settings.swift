internal import Endpoints

extension Memory {
  /// How long a call that was accepted without effect is remembered. A later recurrence starts a new count.
  private static let fightWindow: Duration = .seconds(3600)

  /// Records the result of changing a side setting. Each time a change is accepted but found undone at the next check,
  /// the wait grows: something else sets it, or the provider alters what it receives.
  mutating func receive(_ callResult: CallResult, _ change: SettingChange, at: Timestamp, _ chance: Double) {
    let kind = change.kind
    if let former = backoffs[kind], former.digest != change.digest || former.until + Self.fightWindow < at {
      backoffs[kind] = nil
    }
    switch callResult {
    case .accepted:
      if case .telemetry(let telemetry) = change { appliedTelemetry = telemetry?.digest }
      recordBackoff(
        kind, digest: change.digest, message: "the provider accepted it but reports a different value", .futile(at: at))
    case .refused(let words), .missing(let words):
      recordBackoff(kind, digest: change.digest, message: words, .refusal(at: at))
    case .conflict(let words), .lost(let words), .unavailable(let words, _, _):
      recordBackoff(
        kind, digest: change.digest, message: words,
        .call(at: at, retryAfter: callResult.retryAfter, chance: chance))
    }
  }

  /// Forgets the telemetry applied before when a tag only claims it: it is about to change.
  mutating func forgetTelemetry(_ patch: TagPatch) {
    guard patch.add[FleetTags.manages] != nil else { return }
    let marks = ManagedSettings(tags: patch.add)
    if marks.appliedTelemetry == nil { appliedTelemetry = nil }
  }
}
