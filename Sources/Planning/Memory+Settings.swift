internal import Endpoints

extension Memory {
  /// How long a call that was taken to no effect is remembered: what comes back later is counted anew.
  private static let fightWindow: Duration = .seconds(3600)

  /// What came of a change of a side setting. One that is taken and found undone at the next look waits longer each time:
  /// somebody else sets it, or the provider changes what it is sent.
  mutating func receive(_ receipt: Receipt, _ change: SettingChange, at: Timestamp, _ chance: Double) {
    let kind = change.kind
    if let former = setbacks[kind], former.digest != change.digest || former.until + Self.fightWindow < at {
      setbacks[kind] = nil
    }
    switch receipt {
    case .accepted:
      if case .telemetry(let telemetry) = change { appliedTelemetry = telemetry?.digest }
      setBack(
        kind, digest: change.digest, words: "the provider accepted it but reports a different value", .futile(at: at))
    case .refused(let words), .missing(let words):
      setBack(kind, digest: change.digest, words: words, .refusal(at: at))
    case .conflict(let words), .lost(let words), .unavailable(let words, _):
      setBack(
        kind, digest: change.digest, words: words,
        .call(at: at, retryAfter: receipt.retryAfter, chance: chance))
    }
  }

  /// Telemetry that is only claimed is about to change: what was applied before says nothing any more.
  mutating func forgetTelemetry(_ patch: TagPatch) {
    guard patch.add[FleetTags.manages] != nil else { return }
    let marks = ManagedSettings(tags: patch.add)
    if marks.appliedTelemetry == nil { appliedTelemetry = nil }
  }
}
