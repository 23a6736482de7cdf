package import Telemetry

/// What a plane records in its telemetry, and for how long.
package struct TelemetryOptions: Sendable {
  /// Whether anything is recorded.
  package var isOn = true
  /// How long rows are kept.
  package var retention = TelemetryRetention.standard
  /// The size of the file that old rows are removed for, in bytes.
  package var maximumSize: Int64 = 10 << 30
  /// The interval between two reads of a replica's metrics.
  package var scrapeEvery: Duration = .seconds(15)
  /// The interval between two reads of a replica's output.
  package var collectEvery: Duration = .seconds(1)

  package init() {}
}
