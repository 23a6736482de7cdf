internal import Endpoints

/// Where telemetry is to go, and whether it does. The provider answers a profile's id and not the tables' names, so that
/// they were applied is known from the tag, or from this machine's memory where the tag only claims it
/// (serving-api.md Q21).
struct TelemetryPlan {
  /// Nil: a former manifest set it and this one does not.
  let wanted: TelemetrySettings?
  let live: ObservedTelemetry?
  let marked: ManagedSettings
  /// What this machine applied last.
  let remembered: ConfigDigest?

  /// Whether nothing is to be sent.
  var isApplied: Bool {
    guard let wanted else { return live == nil }
    guard let live, isEchoed(wanted, live) else { return false }
    guard wanted.namesTables else { return true }
    return marked.appliedTelemetry.map { $0 == wanted.digest.description } ?? (remembered == wanted.digest)
  }

  /// What the tag is to say of it: a digest only of what was seen to be applied. What is about to change is only claimed
  /// first, so that no other machine takes the old digest for the truth.
  var mark: String? {
    guard let wanted else { return marked.appliedTelemetry }
    let word = wanted.digest.description
    return isApplied || marked.appliedTelemetry == word ? word : nil
  }

  private func isEchoed(_ wanted: TelemetrySettings, _ live: ObservedTelemetry) -> Bool {
    if let profile = wanted.profileID, profile != live.profileID { return false }
    if let fraction = wanted.samplingFraction, fraction != live.samplingFraction { return false }
    if let table = wanted.logsTable, let told = live.logsTable, table != told { return false }
    return true
  }
}

extension TelemetrySettings {
  /// Whether it has what no provider answers.
  var namesTables: Bool { logsTable != nil || metricsTable != nil || tracesTable != nil }
}
