import Hummingbird
import ServingAPI
import Telemetry

/// The plane's own call that returns the recorded output of an endpoint's replicas, also of those that have ended. Who may
/// call it is in ``RouteRule``.
struct LogCalls: Sendable {
  let endpoints: ServingEndpoints
  /// Nil if nothing is recorded.
  let telemetry: PlaneTelemetry?
  /// Milliseconds since 1970.
  let now: @Sendable () -> Int64

  private static let hour: Int64 = 3_600_000

  func addRoutes(to router: some RouterMethods<PlaneContext>) {
    router.get("/api/setpoint/serving-endpoints/{name}/logs") { request, context in
      Response.json(try await lines(of: context.path("name"), request).json)
    }
  }

  private func lines(of name: String, _ request: Request) async throws -> WireRecordedLines {
    let current = try await endpoints.newestVersions(of: name)
    let query = CallQuery(request)
    let after = try query.number("after", in: 0 ... .max)
    let since = try query.number("since_ms", in: 0...(1 << 50)) ?? (after == nil ? max(0, now() - Self.hour) : 0)
    let limit = try query.number("limit", in: 1...10_000) ?? 1000
    let replica = query.text("replica")
    let isPrevious = query.text("previous") == "true"
    guard let store = telemetry?.store else { throw APIError.nothingRecorded }
    let page = try await store.read { database -> RecordedLines? in
      var version: RecordedLines.Version?
      if isPrevious {
        version = try RecordedLines.previousVersion(database, of: name, except: current)
        if version == nil { return nil }
      }
      return try RecordedLines.read(
        database, of: name, since: since, after: after, replica: replica, version: version, limit: Int(limit))
    }
    guard let page else {
      throw APIError.missing(
        "no output of an earlier version of endpoint \"\(name)\" is recorded; serve --retention logs=TIME sets how long "
          + "it is kept")
    }
    return WireRecordedLines(lines: page.lines.map(Self.wire), next: page.next, isComplete: page.isComplete)
  }

  private static func wire(_ line: RecordedLines.Line) -> WireRecordedLine {
    var wire = WireRecordedLine(record: line.record, time: line.time, body: line.body)
    wire.entity = line.entity
    wire.modelVersion = line.modelVersion
    wire.replica = line.replica
    wire.severity = line.severity.isEmpty ? nil : line.severity
    return wire
  }
}
