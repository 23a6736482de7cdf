internal import ArgumentParser
internal import Endpoints
internal import ServingPlane
internal import Telemetry

/// What a serving plane records about requests and replicas, and for how long.
struct TelemetryOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "How long telemetry is kept, by table; tables that are not named keep their default. (default: "
        + "requests=30d,logs=7d,metrics=30d,spans=3d,payloads=7d)", valueName: "TABLE=TIME,…"))
  var retention: String?
  @Option(
    help: ArgumentHelp(
      "The size of telemetry on disk; the oldest rows are removed beyond it.", valueName: "BYTES"))
  var telemetrySize = ByteCount(bytes: 10 << 30)
  @Flag(help: ArgumentHelp("Record no requests, logs, metrics and spans. What is already recorded is kept."))
  var noTelemetry = false

  /// A smaller file could not hold an hour of metrics.
  private static let leastSize = 16 << 20

  func validate() throws {
    if let retention {
      do throws(TelemetryOptionError) { _ = try TelemetryRetention(retention) } catch {
        throw ValidationError("--retention is invalid: \(error.message); \(error.next)")
      }
    }
    if telemetrySize.bytes < Self.leastSize {
      throw ValidationError("--telemetry-size must be at least \(ByteCountText.text(bytes: Self.leastSize))")
    }
  }

  func apply(to configuration: inout PlaneConfiguration) throws {
    configuration.telemetry.isOn = !noTelemetry
    configuration.telemetry.maximumSize = Int64(telemetrySize.bytes)
    if let retention { configuration.telemetry.retention = try TelemetryRetention(retention) }
  }
}
