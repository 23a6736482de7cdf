import CanonicalJSON
import FoundationEssentials
import GRDB
import Gateway
import LibCurl
import Logging
import Telemetry
import Testing

@testable import ServingPlane

/// What a whole plane records.
@Suite(.serialized)
struct PlaneTelemetryTests {
  @Test func `each request is one row, whether it was answered, refused or given up`() async throws {
    let data = TestData()
    try await withPlane(data) { plane in
      _ = try await plane.register("hello", try data.model())
      _ = try await plane.create("chat", [entity("hello", 1, name: "main")])
      _ = try await plane.waitUntilSettled("chat")
      for _ in 1...3 { _ = try await plane.chat("chat") }
      let missing = try await plane.chat("missing")
      #expect(missing.status == 404)
      let invalid = try await plane.call("POST", "/serving-endpoints/chat/invocations", ["messages": "none"])
      #expect(invalid.status >= 400)
      try await Self.giveUp(plane, data)
    }
    let rows = try await data.recorded(
      "SELECT endpoint, model_version, status, count(*), count(DISTINCT request_id) FROM requests "
        + "GROUP BY status, endpoint ORDER BY status, endpoint")
    let answered: [JSONValue] = ["chat", "1", 200, 3, 3]
    #expect(rows.first == answered, "\(rows)")
    #expect(rows.contains { $0[2] == 404 && $0[3] == 1 }, "\(rows)")
    #expect(rows.contains { $0[2] == 499 && $0[3] == 1 }, "\(rows)")
    let count = try await data.recorded("SELECT count(*) FROM requests")
    #expect(count == [[6]])
    let tokens = try await data.recorded(
      "SELECT min(tokens_out) > 0, min(latency_ms) > 0, min(principal), min(replica) IS NOT NULL FROM requests "
        + "WHERE status = 200")
    #expect(tokens == [[1, 1, "admin", 1]])
  }

  @Test func `a request without a valid token is counted and leaves no row`() async throws {
    let data = TestData()
    let store = try data.telemetryStore()
    let telemetry = PlaneTelemetry(store: store, log: Logger(label: "telemetry") { _ in SwiftLogNoOpLogHandler() })
    // A client that leaves before it is refused is anonymous too.
    for status in [401, 499] {
      var record = RequestRecord(requestID: "anonymous-\(status)", route: "chat/completions")
      record.status = status
      record.trace = TraceContext(
        traceID: String(repeating: "a", count: 32), spanID: "00f067aa0ba902b7", parentSpanID: nil, isSampled: true)
      telemetry.record(record)
    }
    var refused = RequestRecord(requestID: "known", route: "chat/completions")
    (refused.principal, refused.status) = ("ci", 404)
    telemetry.record(refused)
    #expect(try await store.rows("SELECT request_id FROM requests") == [["known"]])
    #expect(try await store.rows("SELECT count(*) FROM otel_spans") == [[0]])
    #expect(telemetry.metrics.figures.values.first?.statuses == [4: 3])
  }

  /// Sends a request that its client gives up while the replica works on it.
  private static func giveUp(_ plane: PlaneClient, _ data: TestData) async throws {
    let port = try #require(try EndpointStore(path: data.settings.storePath).replicas().first?.port)
    let endless: JSONValue = ["first_token_ms": 3_600_000]
    _ = try await plane.http.execute(
      HTTPRequest(method: "POST", url: "http://127.0.0.1:\(port)/standin", body: endless.bytes())
    ).body.collect()
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { _ = try? await plane.chat("chat") }
      try await eventually("the replica has the request") {
        let metrics = try await plane.http.execute(HTTPRequest(url: "http://127.0.0.1:\(port)/metrics")).body.collect()
        return EngineMetrics(String(decoding: metrics, as: UTF8.self)).running > 0
      }
      tasks.cancelAll()
      try await tasks.waitForAll()
    }
    try await eventually("the replica has no request") {
      let metrics = try await plane.http.execute(HTTPRequest(url: "http://127.0.0.1:\(port)/metrics")).body.collect()
      return EngineMetrics(String(decoding: metrics, as: UTF8.self)).running == 0
    }
  }

  @Test func `the output of replicas is recorded to its last line, also if its endpoint is deleted`() async throws {
    let data = TestData()
    try await withMemoryBackend { backend in
      try await withPlane(data, adjust: { $0.backend = backend }) { plane in
        _ = try await plane.register("hello", try data.model())
        for name in ["chat", "wiki"] {
          _ = try await plane.create(name, [entity("hello", 1)])
          _ = try await plane.waitUntilSettled(name)
        }
        for replica in backend.running { backend.write("the last words of \(replica)\n", as: replica) }
        _ = try await plane.call("DELETE", "/api/2.0/serving-endpoints/wiki")
        try await eventually("nothing of it is left") { backend.remaining.count == 1 && backend.logged.count == 1 }
      }
    }
    let rows = try await data.recorded("SELECT endpoint, body FROM otel_logs ORDER BY endpoint, record_id")
    #expect(rows.map(\.first) == ["chat", "chat", "wiki", "wiki"], "\(rows)")
    let starts = rows.filter { $0.last == "INFO Starting to load model m" }
    let ends = rows.filter { $0.last?.stringValue?.hasPrefix("the last words of ") == true }
    #expect(starts.count == 2 && ends.count == 2, "\(rows)")
  }

  @Test func `metrics of ready replicas are recorded`() async throws {
    let data = TestData()
    try await withMemoryBackend { backend in
      let adjust: (inout PlaneConfiguration) -> Void = {
        $0.backend = backend
        $0.telemetry.scrapeEvery = .milliseconds(50)
      }
      try await withPlane(data, adjust: adjust) { plane in
        _ = try await plane.register("hello", try data.model())
        _ = try await plane.create("chat", [entity("hello", 1)])
        _ = try await plane.waitUntilSettled("chat")
        let store = try data.telemetryStore(data.settings.telemetryPath)
        try await eventually("there is a row") {
          try await store.rows("SELECT 1 FROM otel_metrics WHERE endpoint = 'chat'").isEmpty == false
        }
      }
    }
  }

  @Test func `a plane without telemetry serves, and writes no file of it`() async throws {
    let data = TestData()
    try await withMemoryBackend { backend in
      let adjust: (inout PlaneConfiguration) -> Void = {
        $0.backend = backend
        $0.telemetry.isOn = false
      }
      try await withPlane(data, adjust: adjust) { plane in
        _ = try await plane.register("hello", try data.model())
        _ = try await plane.create("chat", [entity("hello", 1)])
        _ = try await plane.waitUntilSettled("chat")
        #expect(try await plane.chat("chat").status == 200)
      }
    }
    #expect(!FileManager.default.fileExists(atPath: data.settings.telemetryPath))
  }

  @Test func `a file of telemetry that a later version wrote does not keep a plane from serving`() async throws {
    let data = TestData()
    let output = RecordingLogHandler.Output()
    try FileManager.default.createDirectory(atPath: data.settings.dataDirectory, withIntermediateDirectories: true)
    do {
      _ = try data.telemetryStore(data.settings.telemetryPath)
      let database = try DatabaseQueue(path: data.settings.telemetryPath)
      try await database.write { try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('later')") }
      try database.close()
    }
    let log = Logger(label: "plane") { _ in RecordingLogHandler(output: output) }
    try await withPlane(data, log: log) { plane in
      let listed = try await plane.call("GET", "/api/2.0/serving-endpoints")
      let chat = try await plane.chat("missing")
      #expect(listed.status == 200 && chat.status == 404)
    }
    let message =
      "telemetry is not recorded: its file cannot be used; move it away, or free some disk space, and restart the plane"
    let facts = try #require(output.facts(of: message), "\(output.lines)")
    #expect(facts["file"] == data.settings.telemetryPath)
  }

  @Test func `a damaged file of telemetry is moved aside, and a new one is begun`() async throws {
    let data = TestData()
    let output = RecordingLogHandler.Output()
    let path = data.settings.telemetryPath
    try FileManager.default.createDirectory(atPath: data.settings.dataDirectory, withIntermediateDirectories: true)
    try Data("this is not a database".utf8).write(to: URL(filePath: path))
    let log = Logger(label: "plane") { _ in RecordingLogHandler(output: output) }
    try await withPlane(data, log: log) { plane in
      let chat = try await plane.chat("missing")
      #expect(chat.status == 404)
    }
    #expect(output.lines.contains { $0.hasPrefix("telemetry: ") && $0.contains("damaged-1") }, "\(output.lines)")
    let rows = try await data.recorded("SELECT status FROM requests")
    #expect(rows == [[404]])
  }
}
