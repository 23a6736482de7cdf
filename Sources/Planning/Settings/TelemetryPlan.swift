internal import Endpoints

/// The desired telemetry, and whether it is applied. The provider reports a profile's ID instead of the tables' names;
/// that they were applied is known from the tag, or from this machine's memory if the tag only claims it
/// (serving-api.md Q21).
struct TelemetryPlan {
  /// The manifest's telemetry; nil if an earlier manifest set it and this one does not.
  let wanted: TelemetrySettings?
  let live: ObservedTelemetry?
  let marked: ManagedSettings
  /// The digest that this machine applied last.
  let remembered: ConfigDigest?

  /// Whether there is nothing to send.
  var isApplied: Bool {
    guard let wanted else { return live == nil }
    guard let live, isEchoed(wanted, live) else { return false }
    guard wanted.namesTables else { return true }
    return marked.appliedTelemetry.map { $0 == wanted.digest.description } ?? (remembered == wanted.digest)
  }

  /// The telemetry's mark in the tag: a digest only of telemetry that is known to be applied. Telemetry that is about
  /// to change is only claimed first, so that no other machine trusts the old digest.
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
  /// Whether it names tables, which no provider reports.
  var namesTables: Bool { logsTable != nil || metricsTable != nil || tracesTable != nil }
}
