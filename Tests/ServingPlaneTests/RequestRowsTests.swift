import CanonicalJSON
import Gateway
import NIOCore
import Telemetry
import Testing

@testable import ServingPlane

@Suite struct RequestRowsTests {
  private static let end: Int64 = 1_795_301_460_000_000_000
  private static let trace = String(repeating: "a", count: 32)

  /// A stream that was answered after a cold start.
  private static func record() -> RequestRecord {
    var record = RequestRecord(requestID: "id-1", route: "chat/completions")
    record.principal = "ci"
    record.endpoint = "chat"
    record.entity = "main"
    record.version = "7"
    record.replica = "r1"
    record.status = 200
    record.latency = .milliseconds(5000)
    record.queued = .milliseconds(2000)
    record.coldStart = .milliseconds(2000)
    record.timeToFirstToken = .milliseconds(3000)
    record.isStream = true
    record.promptTokens = 10
    record.completionTokens = 5
    record.metadata = ["team": "a"]
    record.attempts = 1
    record.bytesIn = 100
    record.bytesOut = 900
    record.finishReason = "stop"
    record.sentAfter = .milliseconds(2001)
    record.trace = TraceContext(
      traceID: trace, spanID: "00f067aa0ba902b7", parentSpanID: "1111111111111111", isSampled: true)
    return record
  }

  @Test func `a request's row has its arrival and its times in milliseconds`() {
    let row = RequestRows(Self.record(), end: Self.end).request
    #expect(row.time == Self.end / 1_000_000 - 5000)
    #expect(row.requestID == "id-1" && row.route == "chat/completions" && row.status == 200)
    #expect(row.principal == "ci" && row.endpoint == "chat" && row.entity == "main" && row.replica == "r1")
    #expect(row.modelVersion == "7")
    #expect(row.queue == 2000 && row.timeToFirstToken == 3000 && row.latency == 5000)
    #expect(row.interTokenLatency == 500, "4 tokens after the first in 2 s")
    #expect(row.tokensIn == 10 && row.tokensOut == 5 && row.finishReason == "stop")
    #expect(row.isStream && row.isColdStart && row.attempts == 1)
    #expect(row.bytesIn == 100 && row.bytesOut == 900 && row.metadata == ["team": "a"])
  }

  @Test func `a message that repeats what the caller has sent is cut off`() {
    var record = Self.record()
    record.status = 502
    record.error = "no serving endpoint \"" + String(repeating: "ü", count: 100_000)
    let rows = RequestRows(record, end: Self.end)
    #expect(rows.request.error?.hasPrefix("no serving endpoint \"üü") == true)
    #expect((rows.request.error?.utf8.count ?? 0) < 4200)
    #expect(rows.trace?.spans.allSatisfy { ($0.error?.utf8.count ?? 0) < 4200 } == true)
    record.error = "short"
    #expect(RequestRows(record, end: Self.end).request.error == "short")
  }

  @Test func `only a stream of at least two tokens has a time between tokens`() {
    for change in [{ $0.completionTokens = 1 }, { $0.isStream = false }, { $0.timeToFirstToken = nil }]
      as [(inout RequestRecord) -> Void]
    {
      var record = Self.record()
      change(&record)
      #expect(RequestRows(record, end: Self.end).request.interTokenLatency == nil)
    }
  }

  @Test func `the bodies are a row only if they are recorded`() {
    var record = Self.record()
    #expect(RequestRows(record, end: Self.end).payload == nil)
    record.payload = RecordedPayload(
      request: ByteBuffer(string: "{}"), response: ByteBuffer(string: "data"), isTruncated: true)
    let row = RequestRows(record, end: Self.end).payload
    #expect(
      row
        == PayloadRow(
          requestID: "id-1", time: Self.end / 1_000_000 - 5000, endpoint: "chat", modelVersion: "7", request: "{}",
          response: "data", isTruncated: true))
  }

  @Test func `a request's spans are itself, the queue with the cold start, and the replica's part`() throws {
    let trace = try #require(RequestRows(Self.record(), end: Self.end).trace)
    let spans = trace.spans
    #expect(trace.spanCount == spans.count)
    #expect(spans.map(\.name) == ["chat chat", "queue", "cold start", "upstream"])
    #expect(spans.map(\.kind) == [.server, .internal, .internal, .client])
    let root = try #require(spans.first)
    #expect(root.spanID == "00f067aa0ba902b7" && root.parentSpanID == "1111111111111111")
    #expect(spans.map(\.parentSpanID).dropFirst() == [root.spanID, spans[1].spanID, root.spanID])
    #expect(spans.allSatisfy { $0.traceID == Self.trace && $0.error == nil })
    #expect(Set(spans.map(\.spanID)).count == 4)
    #expect(spans.map(\.spanID.count) == [16, 16, 16, 16])
    let start = Self.end - 5_000_000_000
    #expect(spans.map { $0.startTime - start } == [0, 0, 0, 2_001_000_000])
    #expect(spans.map { $0.endTime - start } == [5_000_000_000, 2_000_000_000, 2_000_000_000, 5_000_000_000])
    #expect(root.attributes["gen_ai.operation.name"] == "chat")
    #expect(root.attributes["gen_ai.request.model"] == "chat")
    #expect(root.attributes["gen_ai.usage.input_tokens"] == 10)
    #expect(root.attributes["gen_ai.response.finish_reasons"] == ["stop"])
    #expect(root.attributes["http.response.status_code"] == 200)
    #expect(root.attributes["setpoint.principal"] == "ci")
  }

  @Test func `a request that was refused has no span of a replica, and is the client's failure`() throws {
    var record = RequestRecord(requestID: "id-2", route: "invocations")
    record.status = 404
    record.errorCode = "RESOURCE_DOES_NOT_EXIST"
    record.trace = TraceContext(traceID: Self.trace, spanID: "00f067aa0ba902b7", parentSpanID: nil, isSampled: true)
    let trace = try #require(RequestRows(record, end: Self.end).trace)
    let spans = trace.spans
    #expect(trace.spanCount == 1)
    #expect(spans.map(\.name) == ["invocations"])
    #expect(spans.first?.error == nil && spans.first?.attributes["error.type"] == "RESOURCE_DOES_NOT_EXIST")
    record.status = 503
    record.error = "no replica"
    #expect(RequestRows(record, end: Self.end).trace?.spans.first?.error == "no replica")
  }

  @Test func `a trace that the client does not want to be recorded has no spans`() {
    var record = Self.record()
    record.trace = TraceContext(traceID: Self.trace, spanID: "00f067aa0ba902b7", parentSpanID: nil, isSampled: false)
    #expect(RequestRows(record, end: Self.end).trace == nil)
    record.trace = nil
    #expect(RequestRows(record, end: Self.end).all(isTraced: true).count == 1)
  }
}
