import CanonicalJSON
import FoundationEssentials
import LibCurl
import ServingAPI
import Synchronization
import TestKit
import Testing

/// `metrics`, `top`, and `logs` of what a plane has recorded.
@Suite struct MeasurementCommandTests {
  /// The commands' present.
  private static let now = TestTiming().timing.secondsSince1970() * 1000

  /// A plane that answers calls by the ends of their paths, each with its answers in turn; the last one is repeated.
  private final class Plane: Sendable {
    private let answers: Mutex<[String: [JSONValue]]>
    private let requests = Mutex<[String]>([])

    init(_ answers: [String: [JSONValue]]) {
      let usual: [String: [JSONValue]] = [
        "/.well-known/databricks-config": [["served_by": "setpoint"]],
        "/serving-endpoints/chat": [["name": "chat", "state": ["ready": "READY", "config_update": "NOT_UPDATING"]]],
      ]
      self.answers = Mutex(usual.merging(answers) { $1 })
    }

    /// The calls' URLs, from their paths on.
    var calls: [String] { requests.withLock { $0 } }

    var transport: Transport {
      { request in
        let url = request.url.replacing("https://workspace.example.com", with: "")
        self.requests.withLock { $0.append(url) }
        let path = url.prefix { $0 != "?" }
        let answer = self.answers.withLock { answers -> JSONValue? in
          guard let key = answers.keys.first(where: { path.hasSuffix($0) }), let first = answers[key]?.first else {
            return nil
          }
          if answers[key]?.count ?? 0 > 1 { answers[key]?.removeFirst() }
          return first
        }
        let missing: JSONValue = ["error_code": "ENDPOINT_NOT_FOUND", "message": "No API found"]
        let status = answer == nil ? 404 : Int(answer?["status"]?.intValue ?? 200)
        return APIResponse(
          status: status, headers: HTTPHeaders([]), effectiveURL: request.url,
          body: ByteStream([(answer ?? missing).bytes()]))
      }
    }
  }

  private static let recordsNothing: JSONValue = [
    "status": 501, "error_code": "NOT_IMPLEMENTED", "message": "this serving plane records no telemetry",
  ]

  private static func series(_ name: String, version: String, _ values: [JSONValue]) -> JSONValue {
    let points = values.enumerated().map { index, value -> JSONValue in
      [.int(now - 3_600_000 + Int64(index) * 600_000), value]
    }
    return ["name": .string(name), "version": .string(version), "points": .array(points)]
  }

  private static func figures(_ latency: [JSONValue]) -> JSONValue {
    [
      "from": .int(now - 3_600_000), "to": .int(now), "step_seconds": 600,
      "figures": [
        ["name": "latency", "unit": "ms", "series": .array(latency)],
        ["name": "queue", "unit": "ms", "series": []],
      ],
    ]
  }

  // MARK: metrics

  @Test func `two versions are in one chart, named`() async {
    let plane = Plane([
      "/figures": [
        Self.figures([
          Self.series("p95", version: "7", [10, 12, nil, 11]), Self.series("p95", version: "8", [nil, nil, 30, 31]),
        ])
      ]
    ])
    let run = await CommandRun(["metrics", "chat"], transport: plane.transport)
    #expect(run.code == 0, "\(run)")
    #expect(run.lines.first == "latency (ms)")
    #expect(run.lines.last == "  ● p95, version 7   ▲ p95, version 8")
    #expect(!run.output.contains("queue"), "a figure without values is not shown: \(run)")
    let call = "/api/setpoint/serving-endpoints/chat/figures?since_ms=\(Self.now - 3_600_000)&until_ms=\(Self.now)"
    #expect(plane.calls.last == call)
  }

  @Test func `a terminal without Unicode gets ASCII`() async {
    let plane = Plane(["/figures": [Self.figures([Self.series("p95", version: "7", [10, 12])])]])
    var environment = CommandRun.environment
    environment["LC_ALL"] = "C"
    let run = await CommandRun(["metrics", "chat"], environment: environment, transport: plane.transport)
    #expect(run.code == 0 && run.output.utf8.allSatisfy { $0 < 128 }, "\(run)")
    #expect(run.lines.last == "  * p95", "one version needs no name")
  }

  @Test func `figures that are asked for are shown without values too, and unknown ones are refused`() async {
    let plane = Plane(["/figures": [Self.figures([])]])
    let run = await CommandRun(["metrics", "chat", "--figure", "queue"], transport: plane.transport)
    #expect(run.lines == ["time in the queue (ms)", "  no data"], "\(run)")
    let unknown = await CommandRun(["metrics", "chat", "--figure", "speed"], transport: plane.transport)
    #expect(unknown.code == 1)
    #expect(unknown.notes.contains("error: \"speed\" is not a figure"), "\(unknown)")
    #expect(unknown.notes.contains("use one of latency, queue"), "\(unknown)")
    let nothing = await CommandRun(["metrics", "chat"], transport: plane.transport)
    #expect(nothing.code == 0 && nothing.output == "", "\(nothing)")
    #expect(nothing.notes.contains("no requests or metrics of chat are recorded in this time"), "\(nothing)")
  }

  @Test func `programs get points, and a file gets the drawing`() async throws {
    let plane = Plane(["/figures": [Self.figures([Self.series("p95", version: "7", [10, nil])])]])
    let file = FileManager.default.temporaryDirectory.appending(path: "setpoint-\(UUID().uuidString).svg").path
    defer { try? FileManager.default.removeItem(atPath: file) }
    let run = await CommandRun(["metrics", "chat", "-o", "json", "--svg", file], transport: plane.transport)
    #expect(run.code == 0, "\(run)")
    let json = try JSONValue(parsing: run.output)
    #expect(json["kind"] == "EndpointMetrics" && json["stepSeconds"] == 600)
    let points = json["figures"]?.arrayValue?.first?["series"]?.arrayValue?.first?["points"]
    #expect(points == [[.int(Self.now - 3_600_000), 10], [.int(Self.now - 3_000_000), nil]])
    let svg = try String(contentsOfFile: file, encoding: .utf8)
    #expect(svg.hasPrefix("<svg ") && svg.contains("latency (ms)"))
    #expect(run.notes.contains("wrote 1 chart to \(file)"), "\(run)")
    let nowhere = await CommandRun(["metrics", "chat", "--svg", "/nonexistent/x.svg"], transport: plane.transport)
    #expect(nowhere.code == 1 && nowhere.notes.contains("error: cannot write /nonexistent/x.svg"), "\(nowhere)")
  }

  @Test(arguments: [
    (["metrics", "chat", "--since", "1h", "--until", "2h"], "--since must be longer ago than --until"),
    (["metrics", "chat", "--since", "9223372036854775807"], "--since must be at most 400d"),
    (["top", "--every", "0s"], "--every must be at least 1s"),
    (["logs", "chat", "--grep", "("], "the value of --grep is not a valid regular expression"),
    (["logs", "chat", "--build", "--since", "1h"], "--build and --since cannot be combined"),
    (["logs", "chat", "--previous", "-f"], "--previous and --follow cannot be combined"),
  ])
  func `impossible options are usage errors`(arguments: [String], words: String) async {
    let run = await CommandRun(arguments, transport: Plane([:]).transport)
    #expect(run.code == 64 && run.notes.contains(words), "\(run)")
  }

  @Test(arguments: [["metrics", "chat"], ["top"], ["logs", "chat", "--since", "1h"]])
  func `planes without telemetry, earlier planes and workspaces are told apart`(arguments: [String]) async {
    let off = Plane(
      ["/figures": [Self.recordsNothing], "/top": [Self.recordsNothing], "/chat/logs": [Self.recordsNothing]])
    let without = await CommandRun(arguments, transport: off.transport)
    #expect(without.code == 1 && without.notes.contains(" records no telemetry\n"), "\(without)")
    let earlier = await CommandRun(arguments, transport: Plane([:]).transport)
    #expect(earlier.code == 1 && earlier.notes.contains(" does not have this call\n"), "\(earlier)")
    let workspace = Plane(["/.well-known/databricks-config": [["oidc_endpoint": "x"]]])
    let other = await CommandRun(arguments, transport: workspace.transport)
    #expect(other.code == 1 && other.notes.contains("is not a serving plane"), "\(other)")
  }

  // MARK: top

  private static func load(_ name: String, _ state: String, _ more: [String: JSONValue] = [:]) -> JSONValue {
    .object(["name": .string(name), "state": .string(state)].merging(more) { $1 })
  }

  private static let loads: JSONValue = [
    "at": .int(now),
    "endpoints": [
      load("calm", "ready", ["replicas_ready": 2, "replicas_desired": 2, "ttft_p50_ms": 120.4, "kv_cache": 0.25]),
      load("full", "ready", ["kv_cache": 0.97]), load("busy", "ready", ["queued": 3, "waiting": 4]),
      load("errors", "ready", ["errors_per_minute": 0.4]), load("starting", "not ready"),
      load("broken", "failed", ["problem": "out of memory"]), load("asleep", "scaled to zero"),
    ],
  ]

  @Test func `endpoints in trouble are listed first`() async throws {
    let plane = Plane(["/top": [Self.loads]])
    let run = await CommandRun(["top"], transport: plane.transport)
    #expect(run.code == 0, "\(run)")
    let names = run.lines.dropFirst().compactMap { $0.split(separator: " ").first.map { String($0) } }
    #expect(names == ["broken", "starting", "errors", "busy", "full", "asleep", "calm"])
    let calm = run.lines.last { $0.hasPrefix("calm") } ?? ""
    #expect(calm.contains("2/2") && calm.contains("120ms") && calm.contains("25%"), "\(calm)")
    #expect(run.lines.contains { $0.hasPrefix("busy") && $0.contains(" 7 ") }, "in engines and for a replica: \(run)")
    let json = try JSONValue(parsing: await CommandRun(["top", "-o", "json"], transport: plane.transport).output)
    #expect(json["items"]?.arrayValue?.first?["problem"] == "out of memory")
  }

  @Test func `on a terminal the table is redrawn until an interruption, also while the plane does not answer`() async {
    let plane = Plane(["/top": [Self.loads, Self.recordsNothing, Self.loads]])
    let (draws, drawn) = AsyncStream.makeStream(of: Void.self)
    let pauses = Mutex(0)
    var timing = TestTiming().timing
    timing.sleep = { _ in
      try Task.checkCancellation()
      let count = pauses.withLock { pauses -> Int in
        pauses += 1
        return pauses
      }
      if count == 3 { drawn.yield() }
      await Task.yield()
    }
    let run = await CommandRun(
      ["top"], transport: plane.transport, followed: timing, isOutputTerminal: true, isLive: true,
      interruption: {
        for await _ in draws { return true }
        return false
      })
    #expect(run.code == 0, "\(run)")
    #expect(run.output == "")
    #expect(run.notes.contains("\u{1B}[8F\u{1B}[J"), "eight lines are replaced: \(run)")
    #expect(run.notes.contains("no new figures: "), "\(run)")
  }

  // MARK: logs

  private static func page(_ bodies: [String], next: Int64, isComplete: Bool) -> JSONValue {
    let lines = bodies.map { body -> JSONValue in
      [
        "record_id": 1, "time": .int(now), "entity": "main", "replica": "r1", "model_version": "3",
        "body": .string(body),
      ]
    }
    return ["lines": .array(lines), "next": .int(next), "is_complete": .bool(isComplete)]
  }

  @Test func `recorded lines are read to the last page, and filtered here`() async throws {
    let pages = [
      Self.page(["INFO one", "ERROR two"], next: 10, isComplete: false),
      Self.page(["ERROR three"], next: 20, isComplete: true),
    ]
    let plane = Plane(["/chat/logs": pages])
    let run = await CommandRun(["logs", "chat", "--since", "2h", "--grep", "^ERROR"], transport: plane.transport)
    #expect(run.code == 0, "\(run)")
    #expect(run.lines == ["[r1] ERROR two", "[r1] ERROR three"], "\(run)")
    let call = "/api/setpoint/serving-endpoints/chat/logs?since_ms=\(Self.now - 7_200_000)&limit=2000"
    #expect(plane.calls.suffix(2) == [call, call + "&after=10"])
  }

  @Test func `a replica and the previous version are asked for`() async throws {
    let plane = Plane(["/chat/logs": [Self.page(["x"], next: 1, isComplete: true)]])
    let run = await CommandRun(
      ["logs", "chat", "--replica", "r1", "--previous", "-o", "json"], transport: plane.transport)
    #expect(run.code == 0, "\(run)")
    let line = try JSONValue(parsing: run.output)
    #expect(line["line"] == "x" && line["version"] == "3" && line["replica"] == "r1")
    #expect(plane.calls.last?.contains("replica=r1&previous=true") == true, "\(plane.calls)")
  }

  @Test func `a plane that makes no progress does not hold the command`() async {
    let plane = Plane(["/chat/logs": [Self.page(["x"], next: 5, isComplete: false)]])
    let run = await CommandRun(["logs", "chat", "--since", "1h"], transport: plane.transport)
    #expect(run.lines == ["[r1] x", "[r1] x"], "the page of the cursor once more, and then no further")
  }

  @Test func `a pattern alone works with a workspace's logs`() async throws {
    let workspace = WorkspaceDouble()
    try await workspace.serve("support-chat")
    let all = await CommandRun(["logs", "support-chat"], workspace: workspace)
    let first = try #require(all.lines.first, "\(all)")
    let escaped = first.map { $0.isLetter || $0.isNumber || $0 == " " ? "\($0)" : "." }.joined()
    let one = await CommandRun(["logs", "support-chat", "--grep", "^" + escaped + "$"], workspace: workspace)
    #expect(one.code == 0 && one.lines.contains(first), "\(one)")
    let none = await CommandRun(["logs", "support-chat", "--grep", "no such line"], workspace: workspace)
    #expect(none.code == 0 && none.output == "", "\(none)")
  }
}
