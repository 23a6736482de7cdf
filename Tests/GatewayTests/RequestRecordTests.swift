import CanonicalJSON
import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore
import NIOHTTP1
import Testing

@testable import Gateway

private let traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
private let spanID = "00f067aa0ba902b7"

/// What a request's record contains beside the figures of its answer.
@Suite struct RequestRecordTests {
  private static func stream(_ pieces: [String]) -> Response {
    Response(
      status: .ok, headers: [.contentType: "text/event-stream"],
      body: ResponseBody { writer in
        for piece in pieces { try await writer.write(ByteBuffer(string: piece)) }
        try await writer.finish(nil)
      })
  }

  @Test func `the sizes, the reason of the end and the time of sending are recorded`() async throws {
    let (harness, replica) = (GatewayHarness(), ScriptedReplica())
    try await replica.run(answer: { request in
      request.head.path == "/v1/embeddings"
        ? Self.stream(["data: {\"choices\":[{\"finish_reason\": \"length\"}]}\n\n", "data: [DONE]\n\n"])
        : ScriptedReplica.completion("hi")
    }) { port in
      harness.ready("r1", port: port)
      try await harness.run { client in
        let answer = try await client.post("/v1/chat/completions")
        #expect(harness.lastRecord?.bytesOut == answer.body.utf8.count)
        let text = try await client.open("/v1/embeddings") { try await $0.rest() }
        #expect(harness.lastRecord?.bytesOut == text.utf8.count)
        let unknown = try await client.post("/v1/chat/completions", #"{"model":"none"}"#)
        #expect(harness.lastRecord?.bytesOut == unknown.body.utf8.count)
      }
    }
    let records = harness.records
    try #require(records.count == 3)
    #expect(records.map(\.bytesIn) == [TestClient.hello.utf8.count, TestClient.streamed.utf8.count, 16])
    #expect(records.map(\.finishReason) == ["stop", "length", nil])
    for record in records.prefix(2) {
      let sent = try #require(record.sentAfter)
      #expect(sent > .zero && sent <= record.latency)
    }
    #expect(records[2].sentAfter == nil)
  }

  @Test func `a request is a span of its client's trace, and the parent of what the replica reports`() async throws {
    let (harness, replica) = (GatewayHarness(), ScriptedReplica())
    try await replica.run(answer: { _ in ScriptedReplica.completion("hi") }) { port in
      harness.ready("r1", port: port)
      try await harness.run { client in
        _ = try await client.post(
          "/v1/chat/completions",
          headers: ["traceparent": "00-\(traceID)-\(spanID)-00", "tracestate": "a=b"])
        _ = try await client.post("/v1/chat/completions", headers: ["traceparent": "invalid", "tracestate": "a=b"])
      }
    }
    let traces = harness.records.compactMap(\.trace)
    try #require(traces.count == 2 && replica.heads.count == 2)
    #expect(traces[0].traceID == traceID && traces[0].parentSpanID == spanID && !traces[0].isSampled)
    #expect(traces[1].parentSpanID == nil && traces[1].isSampled && traces[1].traceID.utf8.count == 32)
    let parent = try #require(HTTPField.Name("traceparent"))
    let state = try #require(HTTPField.Name("tracestate"))
    for (head, trace) in zip(replica.heads, traces) {
      #expect(head.headerFields[parent] == trace.traceparent && trace.spanID != spanID)
    }
    #expect(traces[0].traceparent == "00-\(traceID)-\(traces[0].spanID)-00")
    #expect(replica.heads.map { $0.headerFields[state] } == ["a=b", nil])
  }

  @Test(arguments: [
    ("00-\(traceID)-\(spanID)-01", true), ("00-\(traceID)-\(spanID)-ff", true), ("00-\(traceID)-\(spanID)-02", false),
    ("cc-\(traceID)-\(spanID)-01-more", true), ("cc-\(traceID)-\(spanID)-01", true),
  ])
  func `a valid traceparent is read`(text: String, isSampled: Bool) {
    let parent = TraceParent(parsing: text)
    #expect(parent?.traceID == traceID && parent?.spanID == spanID && parent?.isSampled == isSampled)
  }

  @Test(arguments: [
    "", "00", "00-\(traceID)-\(spanID)", "00-\(traceID)-\(spanID)-01-more", "ff-\(traceID)-\(spanID)-01",
    "cc-\(traceID)-\(spanID)-01more", "00-\(traceID.uppercased())-\(spanID)-01", "00-\(traceID)-\(spanID)-0g",
    "00-\(String(repeating: "0", count: 32))-\(spanID)-01", "00-\(traceID)-\(String(repeating: "0", count: 16))-01",
    "00_\(traceID)-\(spanID)-01", "é0-\(traceID)-\(spanID)-01",
  ])
  func `an invalid traceparent is not read`(text: String) { #expect(TraceParent(parsing: text) == nil) }

  @Test func `bodies are recorded if the endpoint's settings say so, whole and streamed`() async throws {
    let (harness, replica) = (GatewayHarness(), ScriptedReplica())
    let piece = "data: {\"choices\":[{\"text\":\"a\"}]}\n\n"
    try await replica.run(answer: { request in
      request.head.path == "/v1/completions"
        ? Self.stream([piece, piece]) : ScriptedReplica.completion("hi")
    }) { port in
      harness.ready("r1", port: port)
      try await harness.run { client in
        _ = try await client.post("/v1/chat/completions")
        #expect(harness.lastRecord?.payload == nil)
        var settings = QuerySettings()
        settings.payloadSampling = 1
        harness.rules.set(settings)
        let answer = try await client.post("/v1/chat/completions")
        #expect(
          harness.lastRecord?.payload
            == RecordedPayload(
              request: ByteBuffer(string: TestClient.hello), response: ByteBuffer(string: answer.body),
              isTruncated: false))
        let streamed = #"{"model":"chat","prompt":"x","stream":true}"#
        _ = try await client.open("/v1/completions", streamed) { try await $0.rest() }
        let payload = harness.lastRecord?.payload
        #expect(payload?.request == ByteBuffer(string: streamed))
        #expect(payload?.response == ByteBuffer(string: piece + piece))
      }
    }
  }

  @Test func `of long bodies the beginning is recorded`() async throws {
    let (harness, replica) = (GatewayHarness(), ScriptedReplica())
    var settings = QuerySettings()
    settings.payloadSampling = 1
    harness.rules.set(settings)
    let body = #"{"model":"chat","messages":["\#(String(repeating: "x", count: 3 << 20))"]}"#
    try await replica.run(answer: { _ in ScriptedReplica.completion("hi") }) { port in
      harness.ready("r1", port: port)
      try await harness.run { client in _ = try await client.post("/v1/chat/completions", body) }
    }
    let payload = try #require(harness.lastRecord?.payload)
    #expect(payload.isTruncated && payload.request == ByteBuffer(string: String(body.prefix(1 << 20))))
    #expect(harness.lastRecord?.bytesIn == body.utf8.count)
  }

  @Test func `bodies that do not fit into the memory for them are not recorded, which is known`() async throws {
    var limits = GatewayLimits()
    limits.maxPayloadBytes = 100
    let rules = QueryRules()
    var settings = QuerySettings()
    settings.payloadSampling = 1
    rules.set(settings)
    let harness = GatewayHarness(limits: limits)
    let gateway = harness.makeGateway()
    func recording(_ count: Int) -> PayloadRecording? {
      PayloadRecording(ByteBuffer(repeating: UInt8(ascii: "a"), count: count), rules, gateway)
    }
    var kept = try #require(recording(60))
    var lost = try #require(recording(60))
    let nothing = lost.end()
    #expect(nothing == nil && lost.isLost && !kept.isLost)
    kept.respond(ByteBuffer(string: "0123456789"))
    let payload = kept.end()
    #expect(payload?.response == ByteBuffer(string: "0123456789"))
    var longer = try #require(recording(90))
    longer.respond(ByteBuffer(string: "01234567890"))
    let tooLong = longer.end()
    #expect(tooLong == nil && longer.isLost)
    var last = try #require(recording(100))
    let whole = last.end()
    #expect(whole != nil, "the memory is free again")
  }
}
