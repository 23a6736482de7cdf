import CanonicalJSON
import Gateway
import Telemetry

@testable import ServingPlane

extension TestData {
  /// A telemetry store of its own file, or that of the plane.
  func telemetryStore(_ path: String? = nil) throws -> TelemetryStore {
    try TelemetryStore(
      path: path ?? self.path + "/telemetry.sqlite", retention: .standard, maximumSize: 1 << 30,
      now: PlaneTelemetry.wallClock)
  }

  /// What a plane on this data that has ended, or was killed, has recorded.
  func recorded(_ statement: String) async throws -> [[JSONValue]] {
    try await telemetryStore(settings.telemetryPath).rows(statement)
  }
}

extension TelemetryStore {
  /// The rows of a query, after everything that was added is written.
  func rows(_ statement: String) async throws -> [[JSONValue]] {
    await flush()
    return try await query(statement, limit: 10_000, timeout: .seconds(60)).rows
  }
}

/// A replica for a collector.
func collected(
  _ id: String, environment: [String: String] = [:], isReady: Bool = true, ended: Int64? = nil, port: Int = 0,
  directory: String? = nil
) -> CollectedReplica {
  let handle = directory.map { ProcessHandle(directory: $0, temporary: $0, workingDirectory: $0).stored }
  let launch = LaunchConfig(model: "hello", version: 3, workloadType: "CPU", environment: environment)
  var record = ReplicaRecord(
    id: id, endpoint: "endpoint-id", launch: launch, configVersion: 1,
    placement: ReplicaPlacement(
      address: .tcp(host: "127.0.0.1", port: port), devices: [], handle: handle ?? ReplicaHandle()), created: 0)
  record.ended = ended
  return CollectedReplica(
    record: record,
    resource: TelemetryResource(
      endpoint: "chat", entity: "main", model: "hello", modelVersion: "3", replica: id), isReady: isReady)
}
