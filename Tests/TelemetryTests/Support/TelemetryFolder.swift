import CanonicalJSON
import FoundationEssentials
import Synchronization
import Telemetry

/// A time that tests set, in nanoseconds since 1970.
final class TestTime: Sendable {
  private let nanoseconds: Mutex<Int64>

  init(days: Int64 = 20_000) { nanoseconds = Mutex(days * 86_400_000_000_000) }

  var now: Int64 { nanoseconds.withLock { $0 } }
  var milliseconds: Int64 { now / 1_000_000 }

  func advance(_ duration: Duration) {
    nanoseconds.withLock { $0 += duration.components.seconds * 1_000_000_000 }
  }
}

/// A folder for the store of one test.
struct TelemetryFolder {
  let path: String
  let time = TestTime()

  var file: String { path + "/telemetry.sqlite" }

  func store(
    _ retention: TelemetryRetention = .standard, maximumSize: Int64 = 1 << 30, busyTimeout: Duration = .seconds(5)
  ) throws -> TelemetryStore {
    let time = time
    return try TelemetryStore(
      path: file, retention: retention, maximumSize: maximumSize, busyTimeout: busyTimeout, now: { time.now })
  }

  func request(_ number: Int, version: String? = "1", age: Duration = .zero) -> TelemetryRow {
    var row = RequestRow(
      requestID: "r\(number)", time: time.milliseconds - age.components.seconds * 1000, route: "invocations",
      status: 200)
    row.endpoint = "support"
    row.modelVersion = version
    row.latency = 12.5
    return .request(row)
  }

  func log(_ body: String, age: Duration = .zero) -> LogRow {
    LogRow(
      observedTime: time.now - age.components.seconds * 1_000_000_000, time: nil, severityNumber: 9,
      severityText: "INFO", body: body, resource: resource)
  }

  func metric(_ value: MetricRow.Value, attributes: [String: String] = [:]) -> TelemetryRow {
    .metric(
      MetricRow(
        time: time.now, name: "vllm:num_requests_running", value: value, attributes: attributes, resource: resource))
  }

  var resource: TelemetryResource {
    TelemetryResource(endpoint: "support", entity: "main", model: "qwen", modelVersion: "3", replica: "a1")
  }
}

func withTelemetryFolder(_ body: (TelemetryFolder) async throws -> Void) async throws {
  let path = FileManager.default.temporaryDirectory.appending(path: "setpoint-telemetry-\(UUID().uuidString)").path
  try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: path) }
  try await body(TelemetryFolder(path: path))
}

extension TelemetryStore {
  /// The rows of a statement.
  func rows(_ statement: String) async throws -> [[JSONValue]] {
    try await query(statement, limit: 1000, timeout: .seconds(30)).rows
  }

  /// The only value of a statement.
  func value(_ statement: String) async throws -> JSONValue? { try await rows(statement).first?.first }
}
