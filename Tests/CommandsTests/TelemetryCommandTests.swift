import CanonicalJSON
import LibCurl
import ServingAPI
import TestKit
import Testing

@Suite struct TelemetryCommandTests {
  private typealias Response = ScriptedTransport.ScriptedResponse

  private static let plane = Response.json(["served_by": "setpoint"])
  /// The commands' present, in milliseconds since 1970: 2026-01-01.
  private static let now = TestTiming().timing.secondsSince1970() * 1000

  private static func result(
    _ columns: [String], _ rows: JSONValue, isTruncated: Bool = false, dropped: JSONValue = []
  ) -> Response {
    .json([
      "columns": .array(columns.map { .string($0) }), "rows": rows, "is_truncated": .bool(isTruncated),
      "elapsed_ms": 3, "dropped": dropped,
    ])
  }

  private func ask(_ arguments: [String], _ answers: Response..., input: String = "") async -> (CommandRun, JSONValue?)
  {
    let network = ScriptedTransport([Self.plane] + answers)
    let run = await CommandRun(arguments, input: input, transport: network.transport)
    let body = network.requests.last?.body.flatMap { try? JSONValue(parsing: $0) }
    return (run, body)
  }

  /// The cells of a table's rows.
  private func cells(_ run: CommandRun) -> [String] {
    run.lines.map { line in
      line.split(separator: "  ").map { part in String(part.drop { $0 == " " }) }.joined(separator: "|")
    }
  }

  // MARK: SQL

  @Test func `the rows of a statement are a table, in which nothing can control the terminal`() async {
    let (run, body) = await ask(
      ["sql", "SELECT 1", "--limit", "5", "--timeout", "2m"],
      Self.result(
        ["request_id", "error", "n"],
        [
          ["r1", "\u{1B}[2Jgone\nnext \"setpoint get\"", 1.5], ["r2", nil, 2],
          ["r3", .string(String(repeating: "x", count: 300)), 3],
        ]))
    #expect(run.code == 0, "\(run)")
    #expect(body == ["statement": "SELECT 1", "limit": 5, "timeout_seconds": 120])
    #expect(
      cells(run) == [
        "request_id|error|n", "r1|\\u{1b}[2Jgone next \"setpoint get\"|1.5", "r2|null|2",
        "r3|\(String(repeating: "x", count: 199))…|3",
      ], "\(run)")
  }

  @Test func `JSON is an array of objects, and columns of one name are kept apart`() async {
    let (run, _) = await ask(
      ["sql", "SELECT 1", "-o", "json"],
      Self.result(["n", "n", "n_2", "t"], [[1, 2, 3, nil], [4, 5, 6, "\u{1B}"]]))
    #expect(
      (try? JSONValue(parsing: run.output)) == [
        ["n": 1, "n_3": 2, "n_2": 3, "t": nil], ["n": 4, "n_3": 5, "n_2": 6, "t": "\u{1B}"],
      ], "\(run)")
    #expect(!run.output.contains("\u{1B}"))
  }

  @Test func `CSV quotes what has to be quoted, and keeps null and empty text apart`() async {
    let (run, _) = await ask(
      ["sql", "SELECT 1", "-o", "csv"],
      Self.result(
        ["a", "b,c"], [["x", 1], ["say \"hi\"", nil], ["two\nlines", ""], ["cr\r", 0.25], ["plain text", -7]]))
    #expect(
      run.output
        == "a,\"b,c\"\r\nx,1\r\n\"say \"\"hi\"\"\",\r\n\"two\nlines\",\"\"\r\n\"cr\r\",0.25\r\nplain text,-7\r\n",
      "\(run)")
  }

  @Test func `a statement can come from standard input`() async {
    let (run, body) = await ask(["sql", "-"], Self.result(["n"], [[1]]), input: "SELECT\n1")
    #expect(run.code == 0, "\(run)")
    #expect(body?["statement"] == "SELECT\n1")
  }

  @Test(arguments: [
    ("SELECT 1,\n  stauts FROM requests", "line 2, column 3: no such column: stauts", "  stauts FROM requests", 2),
    ("SELECT", "line 1, column 7: incomplete input", "SELECT", 6),
    ("\tSELEC 1", "line 1, column 2: near \"SELEC\"", "\\tSELEC 1", 2),
  ])
  func `the place of an error has a caret under it`(
    statement: String, message: String, line: String, column: Int
  ) async {
    let (run, _) = await ask(["sql", statement], .error(400, "INVALID_PARAMETER_VALUE", message))
    #expect(run.code == 1 && run.output.isEmpty, "\(run)")
    #expect(run.notes.contains("error: the plane refused the statement (line "), "\(run)")
    let caret = String(repeating: " ", count: 9 + column) + "^"
    #expect(run.notes.contains("  where: \(line)\n\(caret)\n  why:   "), "\(run)")
  }

  @Test func `of a long line, the part around the place is shown`() async {
    let (before, after) = (String(repeating: "y", count: 150), String(repeating: "z", count: 150))
    let (run, _) = await ask(
      ["sql", "\(before) ! \(after)"], .error(400, "INVALID_PARAMETER_VALUE", "line 1, column 152: no"))
    let line = "…\(before.prefix(49)) ! \(after.prefix(48))…"
    let caret = String(repeating: " ", count: 9 + 51) + "^"
    #expect(run.notes.contains("  where: \(line)\n\(caret)\n  why:   no\n"), "\(run)")
  }

  @Test(arguments: ["no position", "line 9, column 1: beyond the end", "line x, column 1: no number"])
  func `an error without a place is shown with its call`(message: String) async {
    let (run, _) = await ask(["sql", "SELECT 1"], .error(400, "INVALID_PARAMETER_VALUE", message))
    #expect(run.notes.contains("  where: POST /api/setpoint/sql\n  why:   "), "\(run)")
    #expect(run.notes.contains(message.suffix(8)), "\(run)")
  }

  @Test func `what is cut off and what is missing is said`() async {
    let dropped: JSONValue = [
      ["table": "requests", "cause": "disk full", "rows": 12, "first": .int(Self.now), "last": .int(Self.now)],
      ["table": "otel_logs", "cause": "killed", "rows": 1, "first": .int(Self.now), "last": .int(Self.now)],
    ]
    let (run, _) = await ask(
      ["sql", "SELECT 1", "--limit", "1"], Self.result(["n"], [[1]], isTruncated: true, dropped: dropped))
    #expect(run.code == 0, "\(run)")
    #expect(run.notes.contains("only the first 1 rows are shown; set --limit, or select fewer rows\n"), "\(run)")
    #expect(
      run.notes.contains(
        "12 requests of this plane since 2026-01-01T00:00:00Z are missing: telemetry was dropped (disk full)\n"
          + "1 row of otel_logs since 2026-01-01T00:00:00Z is missing: telemetry was dropped (killed)\n"), "\(run)")
    let (large, _) = await ask(["sql", "SELECT 1"], Self.result(["n"], [[1]], isTruncated: true))
    #expect(large.notes.contains("the result is too large; select fewer columns or rows\n"), "\(large)")
    let (none, _) = await ask(["sql", "SELECT 1"], Self.result(["n"], [], isTruncated: true))
    #expect(none.notes.contains("no rows are shown: the first one is too large; select fewer columns"), "\(none)")
  }

  @Test(arguments: [["sql", "SELECT 1"], ["requests", "chat"], ["usage"]])
  func `what has no telemetry says what to do`(arguments: [String]) async {
    let workspace = await CommandRun(arguments, transport: ScriptedTransport([.json([:])]).transport)
    #expect(workspace.code == 1 && workspace.notes.contains("is not a serving plane"), "\(workspace)")
    #expect(workspace.notes.contains("system.serving.endpoint_usage"), "\(workspace)")
    let (off, _) = await ask(arguments, .error(501, "NOT_IMPLEMENTED", "restart it without --no-telemetry"))
    #expect(off.notes.contains("error: the plane at https://workspace.example.com records no telemetry\n"), "\(off)")
    #expect(off.notes.contains("why:   restart it without --no-telemetry\n"), "\(off)")
    let (old, _) = await ask(arguments, .error(404, "ENDPOINT_NOT_FOUND", "No API found"))
    #expect(old.notes.contains("why:   it is an earlier version of Setpoint\n"), "\(old)")
  }

  @Test(arguments: [
    ["sql", "SELECT 1", "--limit", "0"], ["sql", "SELECT 1", "--timeout", "6m"], ["sql", "x", "-o", "yaml"],
    ["requests", "chat", "--slowest", "--failed"], ["requests", "chat", "--id", "r1", "--failed"],
    ["requests", "chat", "--limit", "10001"], ["usage", "--by", "day"], ["requests"], ["sql"],
  ])
  func `options without a meaning are usage errors`(arguments: [String]) async {
    let (run, _) = await ask(arguments, .json([:]))
    #expect(run.code == 64, "\(run)")
  }

  // MARK: Requests

  private static let failure: JSONValue = [
    "time": .int(now - 1000), "request_id": "r1", "principal": "ci", "endpoint": "chat", "model_version": "3",
    "status": 503, "error_code": "QUEUE_FULL", "error": "the queue is full", "queue_ms": 0.44, "ttft_ms": nil,
    "latency_ms": 61_000, "tokens_in": nil, "tokens_out": nil, "streamed": false, "metadata": ["a": "b,c"],
  ]
  private static let answer: JSONValue = [
    "time": .int(now), "request_id": "r2", "principal": nil, "endpoint": "chat", "model_version": "3", "status": 200,
    "queue_ms": 0, "ttft_ms": 41.6, "latency_ms": 1250.4, "tokens_in": 12, "tokens_out": 345, "streamed": true,
  ]

  @Test func `requests are a table with their times and tokens`() async {
    let network = ScriptedTransport([
      Self.plane, .json(["requests": [Self.answer, Self.failure], "is_truncated": true]),
    ])
    let run = await CommandRun(
      ["requests", "chat", "--slowest", "--since", "1h", "--limit", "2", "--principal", "a b"],
      transport: network.transport)
    #expect(run.code == 0, "\(run)")
    #expect(
      network.requests.last?.url
        == "https://workspace.example.com/api/setpoint/serving-endpoints/chat/requests?since_ms=\(Self.now - 3_600_000)"
        + "&order=slowest&principal=a%20b&limit=2")
    #expect(
      cells(run) == [
        "TIME|ID|PRINCIPAL|VERSION|STATUS|QUEUE|TTFT|LATENCY|IN|OUT|ERROR",
        "2026-01-01T00:00:00Z|r2|-|3|200|0ms|42ms|1.25s|12|345",
        "2025-12-31T23:59:59Z|r1|ci|3|503|0.4ms|-|1m01s|-|-|the queue is full",
      ], "\(run)")
    #expect(run.notes.contains("only the first 2 are shown; set --limit or --since\n"), "\(run)")
  }

  @Test func `one request is shown with everything that is known of it`() async {
    let network = ScriptedTransport([Self.plane, .json(["requests": [Self.failure]])])
    let run = await CommandRun(["requests", "chat", "--id", "r1"], transport: network.transport)
    #expect(network.requests.last?.url.hasSuffix("/requests?order=newest&id=r1&limit=50") == true)
    #expect(run.lines.first?.hasPrefix("time:") == true, "\(run)")
    #expect(run.lines.contains("error:         the queue is full"), "\(run)")
    #expect(run.lines.contains("streamed:      no") && run.lines.contains("latency_ms:    1m01s"), "\(run)")
    #expect(!run.output.contains("ttft_ms"), "what is not known is left out")
    let none = await CommandRun(
      ["requests", "chat", "--id", "r9"], transport: ScriptedTransport([Self.plane, .json(["requests": []])]).transport)
    #expect(none.code == 1 && none.notes.contains("error: request r9 to chat not found\n"), "\(none)")
  }

  @Test func `requests for programs have every column`() async throws {
    let answer = Response.json(["requests": [Self.failure]])
    let (json, _) = await ask(["requests", "chat", "--failed", "-o", "json"], answer)
    let document = try JSONValue(parsing: json.output)
    #expect(document["kind"] == "RequestList" && document["endpoint"] == "chat")
    #expect(document["items"] == [Self.failure])
    let (csv, _) = await ask(["requests", "chat", "-o", "csv"], answer)
    let lines = csv.output.split(separator: "\r\n")
    #expect(lines.first?.hasPrefix("time,request_id,principal,") == true, "\(csv)")
    #expect(lines.last?.hasSuffix(",\"{\"\"a\"\":\"\"b,c\"\"}\"") == true, "\(csv)")
  }

  @Test func `an unknown endpoint is reported with the closest one`() async {
    let network = ScriptedTransport([
      Self.plane, .error(404, "RESOURCE_DOES_NOT_EXIST", "Endpoint with name 'caht' does not exist."),
      .json(["endpoints": [["name": "chat", "id": "1"]]]),
    ])
    let run = await CommandRun(["requests", "caht"], transport: network.transport)
    #expect(run.code == 1 && run.notes.contains("endpoint caht not found"), "\(run)")
    #expect(run.notes.contains("did you mean \"chat\"?"), "\(run)")
  }

  // MARK: Usage

  private static let used: JSONValue = [
    "by": "principal",
    "rows": [
      [
        "key": "ci", "requests": 7, "failed": 2, "tokens_in": 900, "tokens_out": 41, "first": .int(now - 1000),
        "last": .int(now),
      ],
      ["key": nil, "requests": 3, "failed": 3, "tokens_in": 0, "tokens_out": 1, "first": .int(now), "last": .int(now)],
    ],
  ]

  @Test func `usage ends with a total that is the sum of its rows`() async throws {
    let network = ScriptedTransport([Self.plane, .json(Self.used)])
    let run = await CommandRun(["usage", "--endpoint", "chat"], transport: network.transport)
    #expect(run.code == 0, "\(run)")
    #expect(
      network.requests.last?.url
        == "https://workspace.example.com/api/setpoint/usage?by=principal&since_ms=\(Self.now - 604_800_000)"
        + "&endpoint=chat&timeout_seconds=10")
    #expect(
      cells(run) == [
        "PRINCIPAL|REQUESTS|FAILED|TOKENS IN|TOKENS OUT|FIRST|LAST",
        "ci|7|2|900|41|2025-12-31T23:59:59Z|2026-01-01T00:00:00Z",
        "-|3|3|0|1|2026-01-01T00:00:00Z|2026-01-01T00:00:00Z", "total|10|5|900|42",
      ], "\(run)")
    let (json, _) = await ask(["usage", "-o", "json"], .json(Self.used))
    let document = try JSONValue(parsing: json.output)
    #expect(document["total"] == ["requests": 10, "failed": 5, "tokens_in": 900, "tokens_out": 42])
    #expect(document["items"]?.arrayValue?.first?["principal"] == "ci")
  }

  @Test func `usage by version names the endpoint, and CSV has no total`() async {
    let rows: JSONValue = [
      [
        "key": "3", "endpoint": "chat", "requests": 1, "failed": 0, "tokens_in": 2, "tokens_out": 3, "first": 4,
        "last": 5,
      ]
    ]
    let (run, _) = await ask(["usage", "--by", "version"], .json(["by": "version", "rows": rows]))
    #expect(cells(run).first == "ENDPOINT|VERSION|REQUESTS|FAILED|TOKENS IN|TOKENS OUT|FIRST|LAST", "\(run)")
    #expect(run.lines.last?.split(separator: " ") == ["total", "1", "0", "2", "3"], "\(run)")
    let (csv, _) = await ask(
      ["usage", "--by", "version", "-o", "csv"], .json(["by": "version", "rows": rows]))
    #expect(
      csv.output == "endpoint,version,requests,failed,tokens_in,tokens_out,first,last\r\nchat,3,1,0,2,3,4,5\r\n",
      "\(csv)")
  }

  @Test func `no usage is no error`() async {
    let (run, _) = await ask(["usage", "--since", "2d"], .json(["by": "principal", "rows": []]))
    #expect(run.code == 0 && run.output.isEmpty)
    #expect(run.notes.contains("no requests in the last 2d\n"), "\(run)")
  }

  // MARK: Completion

  @Test(arguments: [
    ["requests", "--", "name", "2", "0", "setpoint", "requests", ""],
    ["usage", "--", "--endpoint", "3", "0", "setpoint", "usage", "--endpoint", ""],
  ])
  func `endpoints are completed`(words: [String]) async throws {
    let workspace = WorkspaceDouble()
    try await workspace.serve("chat")
    let run = await CommandRun(["---completion"] + words, workspace: workspace)
    #expect(run.output.split(separator: "\n") == ["chat"], "\(run)")
  }
}
