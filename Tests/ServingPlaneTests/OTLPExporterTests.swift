import CanonicalJSON
import LibCurl
import Logging
import Scheduling
import ServingAPI
import Synchronization
import Telemetry
import Testing

@testable import ServingPlane

/// What reaches an OTLP receiver, and what happens if it does not take it.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct OTLPExporterTests {
  private let output = RecordingLogHandler.Output()
  private var log: Logger { Logger(label: "otlp") { [output] _ in RecordingLogHandler(output: output) } }

  /// A receiver that responds with these answers, in turn, and then takes everything; its requests, and the pauses
  /// before them.
  private final class Receiver: Sendable {
    struct Answer: Sendable {
      var status = 200
      var body = ""
      var headers: [HTTPField] = []
      /// Whether there is no response.
      var isLost = false
    }

    let answers: Mutex<[Answer]>
    let requests = Mutex<[HTTPRequest]>([])
    let pauses = Mutex<[Duration]>([])

    init(_ answers: [Answer] = []) { self.answers = Mutex(answers) }

    func respond(_ request: HTTPRequest) throws -> APIResponse {
      requests.withLock { $0.append(request) }
      let answer = answers.withLock { $0.isEmpty ? Answer() : $0.removeFirst() }
      if answer.isLost { throw HTTPClientError(code: .connect, message: "no connection", method: "POST", url: "") }
      let bytes = Array(answer.body.utf8)
      return APIResponse(
        status: answer.status, headers: HTTPHeaders(answer.headers),
        body: AsyncThrowingStream<[UInt8], any Error> { stream in
          stream.yield(bytes)
          stream.finish()
        })
    }

    var timing: Timing {
      Timing(
        elapsed: { .zero }, secondsSince1970: { 0 }, sleep: { pause in self.pauses.withLock { $0.append(pause) } },
        jitter: { 0.5 })
    }

    /// The requests for a path.
    func received(_ path: String) -> [HTTPRequest] {
      requests.withLock { $0.filter { $0.url.hasSuffix(path) } }
    }
  }

  private func exporter(
    _ receiver: Receiver, adjust: (inout OTLPExporter.Limits) -> Void = { _ in }
  ) throws -> OTLPExporter {
    var limits = OTLPExporter.Limits()
    limits.interval = .milliseconds(1)
    adjust(&limits)
    let target = try OTLPTarget(
      "http://collector:4318", environment: ["OTEL_EXPORTER_OTLP_HEADERS": "authorization=hunter2"])
    return OTLPExporter(
      target, limits: limits, transport: { try receiver.respond($0) }, timing: receiver.timing, log: log)
  }

  /// Runs an exporter until everything that waits is exported or dropped.
  private func run(_ exporter: OTLPExporter) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await exporter.run() }
      await exporter.flush(within: .seconds(60))
      group.cancelAll()
      try await group.waitForAll()
    }
  }

  private static func line(_ body: String) -> TelemetryRow {
    .log(
      LogRow(
        observedTime: 1, time: nil, severityNumber: 9, severityText: "INFO", body: body,
        resource: TelemetryResource(endpoint: "chat")))
  }

  @Test func `each signal goes to its path, in batches, with the header fields`() async throws {
    let receiver = Receiver()
    let exporter = try exporter(receiver) { $0.batch = 2 }
    for number in 1...3 { exporter.add(Self.line("line \(number)")) }
    exporter.add(
      .metric(
        MetricRow(time: 1, name: "a", value: .gauge(1), resource: TelemetryResource(endpoint: "chat"))))
    exporter.add(.request(RequestRow(requestID: "r", time: 0, route: "invocations", status: 200)))
    try await run(exporter)
    let logs = receiver.received("/v1/logs")
    #expect(logs.count == 2 && receiver.received("/v1/metrics").count == 1 && receiver.received("/v1/traces").isEmpty)
    let texts = logs.map { String(decoding: $0.body ?? [], as: UTF8.self) }
    #expect(texts.first?.contains("line 2") == true && texts.last?.contains("line 3") == true)
    #expect(
      logs.allSatisfy {
        $0.headers == [HTTPField("Content-Type", "application/json"), HTTPField("authorization", "hunter2")]
      })
    #expect(exporter.counters.exported == [.logs: 3, .metrics: 1] && exporter.counters.dropped.isEmpty)
  }

  @Test func `a full batch is sent at once, and what is left when the plane ends`() async throws {
    let receiver = Receiver()
    let exporter = try exporter(receiver) { ($0.batch, $0.interval) = (2, .seconds(600)) }
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await exporter.run() }
      for number in 1...2 { exporter.add(Self.line("line \(number)")) }
      try await eventually("the full batch is sent") { exporter.counters.exported == [.logs: 2] }
      exporter.add(Self.line("line 3"))
      await exporter.flush(within: .seconds(60))
      #expect(exporter.counters.exported == [.logs: 3])
      group.cancelAll()
      try await group.waitForAll()
    }
    #expect(receiver.received("/v1/logs").count == 2)
  }

  @Test func `a busy or unreachable receiver is tried again, and asked when it said so`() async throws {
    let receiver = Receiver([
      Receiver.Answer(status: 503), Receiver.Answer(isLost: true),
      Receiver.Answer(status: 429, headers: [HTTPField("Retry-After", "20")]),
    ])
    let exporter = try exporter(receiver)
    exporter.add(Self.line("a"))
    try await run(exporter)
    #expect(receiver.pauses.withLock { $0 } == [.seconds(1), .seconds(2), .seconds(20)])
    #expect(exporter.counters.exported == [.logs: 1])
  }

  @Test func `rows that a receiver refuses are dropped at once, and counted`() async throws {
    let receiver = Receiver([Receiver.Answer(status: 400)])
    let exporter = try exporter(receiver)
    exporter.add(Self.line("a"))
    try await run(exporter)
    #expect(receiver.requests.withLock(\.count) == 1)
    #expect(exporter.counters.dropped == [.logs: [.refused: 1]] && exporter.counters.exported.isEmpty)
    #expect(output.facts(of: "OTLP: rows dropped")?["error"] == "the receiver returned 400")
  }

  @Test func `a receiver that never answers costs its rows after the last attempt, and no secret is logged`()
    async throws
  {
    let receiver = Receiver(Array(repeating: Receiver.Answer(isLost: true), count: 3))
    let exporter = try exporter(receiver) { $0.tries = 3 }
    exporter.add(Self.line("a"))
    try await run(exporter)
    #expect(exporter.counters.dropped == [.logs: [.unreachable: 1]])
    let facts = try #require(output.facts(of: "OTLP: rows dropped"))
    #expect(facts["error"] == "no connection" && facts["rows"] == "1")
    #expect(!output.lines.contains { $0.contains("hunter2") } && !facts.values.contains { $0.contains("hunter2") })
  }

  @Test func `a partial success is counted and logged`() async throws {
    let body = #"{"partialSuccess": {"rejectedLogRecords": "1", "errorMessage": "too long"}}"#
    let receiver = Receiver([Receiver.Answer(body: body)])
    let exporter = try exporter(receiver)
    for _ in 1...3 { exporter.add(Self.line("a")) }
    try await run(exporter)
    #expect(exporter.counters.exported == [.logs: 2] && exporter.counters.dropped == [.logs: [.refused: 1]])
    #expect(output.facts(of: "OTLP: the receiver did not take everything")?["message"] == "too long")
  }

  @Test func `what does not fit is dropped and counted`() async throws {
    let receiver = Receiver()
    let exporter = try exporter(receiver) { $0.rows = 2 }
    for number in 1...5 { exporter.add(Self.line("line \(number)")) }
    #expect(exporter.counters.dropped == [.logs: [.bufferFull: 3]])
    try await run(exporter)
    #expect(exporter.counters.exported == [.logs: 2])
    let bounded = try self.exporter(receiver) { $0.bytes = 1000 }
    bounded.add(Self.line(String(repeating: "x", count: 900)))
    #expect(bounded.counters.dropped == [.logs: [.bufferFull: 1]])
  }
}
