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
  @Option(
    help: ArgumentHelp(
      "Export logs, metrics and traces to this OTLP/HTTP receiver too, such as http://127.0.0.1:4318. Header fields come "
        + "from OTEL_EXPORTER_OTLP_HEADERS.", valueName: "URL"))
  var otlp: String?

  /// A smaller file could not hold an hour of metrics.
  private static let leastSize = 16 << 20

  func validate() throws {
    if let otlp {
      do throws(TelemetryOptionError) { _ = try OTLPTarget(otlp, environment: [:]) } catch {
        throw ValidationError("--otlp is invalid: \(error.message); \(error.next)")
      }
      if noTelemetry { throw ValidationError("--otlp and --no-telemetry cannot be combined") }
    }
    if let retention {
      do throws(TelemetryOptionError) { _ = try TelemetryRetention(retention) } catch {
        throw ValidationError("--retention is invalid: \(error.message); \(error.next)")
      }
    }
    if telemetrySize.bytes < Self.leastSize {
      throw ValidationError("--telemetry-size must be at least \(ByteCountText.text(bytes: Self.leastSize))")
    }
  }

  /// - Parameter environment: has the header fields of the export, and possibly addresses of single signals.
  func apply(to configuration: inout PlaneConfiguration, environment: [String: String]) throws {
    if let otlp {
      do throws(TelemetryOptionError) {
        configuration.telemetry.otlp = try OTLPTarget(otlp, environment: environment)
      } catch {
        throw ErrorReport("telemetry cannot be exported: \(error.message)", next: error.next)
      }
    }
    configuration.telemetry.isOn = !noTelemetry
    configuration.telemetry.maximumSize = Int64(telemetrySize.bytes)
    if let retention { configuration.telemetry.retention = try TelemetryRetention(retention) }
  }
}
