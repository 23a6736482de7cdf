import CanonicalJSON
import Telemetry
import Testing

@testable import ServingPlane

@Suite struct TelemetryCallTests {
  // MARK: SQL

  @Test func `a statement answers with columns and rows`() async throws {
    let harness = try TelemetryCallHarness()
    harness.add("r1", latency: 1.5, tokens: (9_007_199_254_740_993, 2))
    await harness.store.flush()
    try await harness.run { (caller) async throws -> Void in
      let response = try await caller.sql("SELECT request_id, tokens_in, latency_ms, ttft_ms FROM requests")
      #expect(response.status == 200, "\(response.text)")
      #expect(response.json["columns"] == ["request_id", "tokens_in", "latency_ms", "ttft_ms"])
      #expect(response.json["rows"] == [["r1", 9_007_199_254_740_993, 1.5, nil]])
      #expect(response.json["is_truncated"] == false && response.json["dropped"] == [])
      #expect(response.json["elapsed_ms"]?.intValue != nil)
    }
  }

  @Test func `an answer ends at its limit, and says so`() async throws {
    let harness = try TelemetryCallHarness()
    try await harness.run { (caller) async throws -> Void in
      let three = "VALUES (1), (2), (3)"
      let two = try await caller.sql(three, ["limit": 2])
      #expect(two.json["rows"] == [[1], [2]] && two.json["is_truncated"] == true)
      let all = try await caller.sql(three, ["limit": 3])
      #expect(all.json["rows"]?.arrayValue?.count == 3 && all.json["is_truncated"] == false)
    }
  }

  @Test func `an answer stays small enough to be read completely`() async throws {
    let harness = try TelemetryCallHarness()
    try await harness.run(maximumBytes: 10_000) { (caller) async throws -> Void in
      let response = try await caller.sql(
        """
        WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 60)
        SELECT hex(zeroblob(500)) FROM n
        """)
      let rows = try #require(response.json["rows"]?.arrayValue)
      #expect(response.json["is_truncated"] == true && rows.count == 9, "\(rows.count)")
    }
  }

  @Test(arguments: [
    ("SELECT 1,\n  stauts FROM requests", "line 2, column 3: no such column: stauts"),
    ("DELETE FROM requests", "line 1, column 1: DELETE is not allowed"),
    ("SELECT 1; SELECT 2", "line 1, column 11: only one statement is allowed"),
  ])
  func `an invalid statement is refused with its position`(statement: String, words: String) async throws {
    let harness = try TelemetryCallHarness()
    try await harness.run { (caller) async throws -> Void in
      let response = try await caller.sql(statement)
      #expect(response.status == 400 && response.code == "INVALID_PARAMETER_VALUE", "\(response.text)")
      #expect(response.message.hasPrefix(words), "\(response.message)")
    }
  }

  @Test func `a statement that takes too long is stopped`() async throws {
    let harness = try TelemetryCallHarness()
    try await harness.run { (caller) async throws -> Void in
      let endless = "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
      let response = try await caller.sql(endless, ["timeout_seconds": 0.25])
      #expect(response.status == 504 && response.code == "DEADLINE_EXCEEDED", "\(response.text)")
      #expect(response.message.contains("0.25s"))
    }
  }

  @Test(
    arguments: [
      (["limit": 0], "limit: expected 1 to 100000 rows, found 0"),
      (["limit": 100_001], "limit: expected"), (["timeout_seconds": 0], "timeout_seconds: expected"),
      (["timeout_seconds": 301], "timeout_seconds: expected"), (["limit": "x"], "limit: expected a whole number"),
      (["statement": 7], "statement: expected a string"), (["statement": nil], "statement is missing"),
    ] as [([String: JSONValue], String)])
  func `bounds that do not exist are refused`(members: [String: JSONValue], words: String) async throws {
    let harness = try TelemetryCallHarness()
    try await harness.run { (caller) async throws -> Void in
      let usual: [String: JSONValue] = ["statement": "SELECT 1"]
      let response = try await caller.call("POST", "/api/setpoint/sql", .object(usual.merging(members) { $1 }))
      #expect(response.status == 400 && response.message.hasPrefix(words), "\(response.text)")
    }
  }

  @Test func `without telemetry, every call says what to do`() async throws {
    let harness = try TelemetryCallHarness()
    try await harness.run(isOn: false) { (caller) async throws -> Void in
      for response in [
        try await caller.sql("SELECT 1"), try await caller.call("GET", "/api/setpoint/usage"),
        try await caller.call("GET", "/api/setpoint/serving-endpoints/chat/requests"),
      ] {
        #expect(response.status == 501 && response.message.contains("--no-telemetry"), "\(response.text)")
      }
    }
  }

  // MARK: Requests

  @Test func `requests are listed by time, by latency, and those that failed`() async throws {
    let harness = try TelemetryCallHarness()
    harness.add("old", age: 5000, latency: 90)
    harness.add("bad", age: 4000, status: 429, error: "REQUEST_LIMIT_EXCEEDED", latency: 1)
    harness.add("cut", age: 3000, error: "UPSTREAM_ERROR", latency: 20)
    harness.add("new", age: 1000, latency: 50)
    harness.add("other", endpoint: "rag")
    await harness.store.flush()
    try await harness.run { (caller) async throws -> Void in
      let now = TelemetryCallHarness.now
      #expect(try await caller.requests() == ["new", "cut", "bad", "old"])
      #expect(try await caller.requests("order=slowest") == ["old", "new", "cut", "bad"])
      #expect(try await caller.requests("order=failed") == ["cut", "bad"])
      #expect(try await caller.requests("id=bad") == ["bad"])
      #expect(try await caller.requests("id=other").isEmpty)
      #expect(try await caller.requests("since_ms=\(now - 4000)&until_ms=\(now - 3000)") == ["cut", "bad"])
      let two = try await caller.call("GET", "/api/setpoint/serving-endpoints/chat/requests?limit=2")
      #expect(two.json["requests"]?.arrayValue?.count == 2 && two.json["is_truncated"] == true)
      let row = try #require(two.json["requests"]?.arrayValue?.first)
      #expect(row["streamed"] == true && row["cold_start"] == false && row["metadata"] == ["team": "a"])
      #expect(row["time"] == .int(now - 1000) && row["ttft_ms"] == .null && row["model_version"] == "1")
    }
  }

  @Test func `who does not manage an endpoint sees only their own requests`() async throws {
    let harness = try TelemetryCallHarness()
    harness.add("own", age: 2000, principal: "ci")
    harness.add("others", age: 1000, principal: "ann")
    await harness.store.flush()
    try await harness.run { (caller) async throws -> Void in
      #expect(try await caller.requests(as: "ci") == ["own"])
      #expect(try await caller.requests("id=others", as: "ci").isEmpty)
      #expect(try await caller.requests("principal=ann", as: "ci").isEmpty)
      #expect(try await caller.requests(as: "owner") == ["others", "own"])
      #expect(try await caller.requests("principal=ann", as: "owner") == ["others"])
    }
  }

  @Test(arguments: [
    ("chat", "order=best", 400, "order: expected one of \"newest\", \"slowest\", \"failed\", found \"best\""),
    ("chat", "limit=0", 400, "limit: expected a whole number of at least 1 and at most 10000"),
    ("chat", "since_ms=-1", 400, "since_ms: expected a whole number of at least 0, found \"-1\""),
    ("absent", "", 404, "Endpoint with name 'absent' does not exist."),
  ])
  func `an invalid question about requests is refused`(
    endpoint: String, query: String, status: Int, words: String
  ) async throws {
    let harness = try TelemetryCallHarness()
    try await harness.run { (caller) async throws -> Void in
      let response = try await caller.call("GET", "/api/setpoint/serving-endpoints/\(endpoint)/requests?\(query)")
      #expect(response.status == status && response.message.hasPrefix(words), "\(response.text)")
    }
  }

  // MARK: Usage

  private static func usage() throws -> TelemetryCallHarness {
    let harness = try TelemetryCallHarness()
    harness.add("a", age: 9000, principal: "ci", version: "1", tokens: (10, 100))
    harness.add("b", age: 8000, principal: "ci", version: "2", status: 500, tokens: (1, 0))
    harness.add("c", age: 7000, principal: "ann", version: "2", tokens: (5, 50))
    harness.add("d", age: 6000, principal: "ann", endpoint: "rag", version: "2", tokens: (7, 900))
    harness.add("e", age: 5000, principal: "ci", endpoint: "rag", version: nil, status: 499)
    return harness
  }

  @Test func `usage is summed up by principal, endpoint and version`() async throws {
    let harness = try Self.usage()
    await harness.store.flush()
    try await harness.run { (caller) async throws -> Void in
      let now = TelemetryCallHarness.now
      #expect(
        try await caller.usage("") == [
          [
            "key": "ann", "requests": 2, "failed": 0, "tokens_in": 12, "tokens_out": 950, "first": .int(now - 7000),
            "last": .int(now - 6000),
          ],
          [
            "key": "ci", "requests": 3, "failed": 2, "tokens_in": 11, "tokens_out": 100, "first": .int(now - 9000),
            "last": .int(now - 5000),
          ],
        ])
      let endpoints = try await caller.usage("by=endpoint")
      #expect(Self.keys(endpoints) == ["rag", "chat"] && Self.counts(endpoints) == [2, 3])
      let versions = try await caller.usage("by=version")
      let shown = versions.map { row in JSONValue.array(["endpoint", "key", "requests"].map { row[$0] ?? .null }) }
      #expect(shown == [["rag", "2", 1], ["chat", "1", 1], ["chat", "2", 2], ["rag", nil, 1]])
      for rows in [endpoints, versions] {
        for (column, total) in [("requests", 5), ("failed", 2), ("tokens_in", 23), ("tokens_out", 1050)] {
          #expect(rows.reduce(0) { $0 + ($1[column]?.intValue ?? 0) } == Int64(total), "\(column)")
        }
      }
      #expect(try await Self.counts(caller.usage("since_ms=\(now - 6000)")) == [1, 1])
      #expect(try await Self.keys(caller.usage("by=endpoint&endpoint=chat")) == ["chat"])
    }
  }

  @Test func `usage of others is only for those who manage the endpoint`() async throws {
    let harness = try Self.usage()
    await harness.store.flush()
    try await harness.run { (caller) async throws -> Void in
      let own = try await caller.usage("", as: "ci")
      #expect(Self.keys(own) == ["ci"] && Self.counts(own) == [3])
      let managed = try await caller.usage("", as: "owner")
      #expect(Self.keys(managed) == ["ci", "ann"] && Self.counts(managed) == [2, 1])
      #expect(try await Self.keys(caller.usage("by=endpoint", as: "owner")) == ["chat"])
      #expect(try await caller.usage("by=endpoint&endpoint=rag", as: "owner").isEmpty)
      #expect(try await caller.call("GET", "/api/setpoint/usage?by=day").status == 400)
      let endless = try await caller.call("GET", "/api/setpoint/usage?timeout_seconds=301")
      #expect(endless.status == 400 && endless.message.hasPrefix("timeout_seconds: "), "\(endless.text)")
    }
  }

  private static func keys(_ rows: [JSONValue]) -> [String] { rows.compactMap { $0["key"]?.stringValue } }

  private static func counts(_ rows: [JSONValue]) -> [Int64] { rows.compactMap { $0["requests"]?.intValue } }

  // MARK: What is missing

  @Test func `answers say how many rows were dropped, and why`() async throws {
    let harness = try TelemetryCallHarness()
    for number in 0..<20_007 { harness.add("r\(number)") }
    try await harness.run { (caller) async throws -> Void in
      let minute = TelemetryCallHarness.now / 60_000 * 60_000
      let loss: JSONValue = [
        [
          "table": "requests", "cause": "buffer full", "rows": 7, "first": .int(minute), "last": .int(minute),
        ]
      ]
      // First while they are only known in memory, then from the file.
      for _ in 0..<2 {
        #expect(try await caller.call("GET", "/api/setpoint/usage").json["dropped"] == loss)
        #expect(
          try await caller.call("GET", "/api/setpoint/serving-endpoints/chat/requests").json["dropped"] == loss)
        #expect(try await caller.sql("SELECT count(*) FROM Requests").json["dropped"] == loss)
        await harness.store.flush()
      }
      #expect(try await caller.sql("SELECT count(*) FROM otel_logs").json["dropped"] == [])
      let before = TelemetryCallHarness.now - 120_000
      #expect(try await caller.call("GET", "/api/setpoint/usage?until_ms=\(before)").json["dropped"] == [])
    }
  }
}
