import CanonicalJSON
import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1
import Testing

@testable import Gateway

/// Streams of a `generate` route.
@Suite struct GenerateStreamTests {
  private static let path = "/serving-endpoints/chat/generate"
  private static let streamed = #"{"prompt":"Hello","stream":true}"#

  @Test func `a stream has an event for each text, and the figures last`() async throws {
    let harness = GatewayHarness()
    try await StandIn.run { standIn in
      harness.ready("r1", port: standIn.port, version: "7")
      try await harness.run { client in
        let events = try await Self.events(of: client)
        #expect(events.count == 4)
        #expect(events.compactMap { $0["text"]?.stringValue } == ["Hello", " from", " v1"])
        let figures = events.last?.objectValue ?? [:]
        #expect(Set(figures.keys) == ["model_version", "latency_ms", "request_id", "tokens_in", "tokens_out"])
        #expect(figures["model_version"] == "7" && figures["tokens_in"] == 4 && figures["tokens_out"] == 3)
        #expect(figures["request_id"]?.stringValue == harness.lastRecord?.requestID)
      }
    }
    let record = try #require(harness.lastRecord)
    #expect(record.isStream && record.status == 200 && record.promptTokens == 4 && record.completionTokens == 3)
  }

  @Test func `a stream is passed on text by text`() async throws {
    let harness = GatewayHarness()
    let gates = (0..<3).map { _ in Gate() }
    try await ScriptedReplica().run(answer: { _ in
      Response(
        status: .ok, headers: [.contentType: "text/event-stream"],
        body: ResponseBody { writer in
          for (index, gate) in gates.enumerated() {
            let chunk: JSONValue = ["choices": [["delta": ["content": .string(String(index))]]]]
            try await writer.write(ByteBuffer(string: "data: \(chunk.text())\n\n"))
            await gate.pass()
          }
          try await writer.finish(nil)
        })
    }) { port in
      harness.ready("r1", port: port)
      try await harness.run { client in
        try await client.open(Self.path, Self.streamed) { parts in
          for (index, gate) in gates.enumerated() {
            let piece = try await parts.nextText()
            #expect(piece == "data: {\"text\":\"\(index)\"}\n\n")
            gate.open()
          }
          let figures = try await parts.nextText() ?? ""
          #expect(figures.contains(#""tokens_out":null"#), "\(figures)")
        }
      }
    }
  }

  @Test(arguments: [
    ("stream_error_after_tokens", "EngineCore encountered an issue", "UPSTREAM_STREAM_ERROR"),
    ("drop_after_tokens", "response was cut off", "INTERNAL_ERROR"),
  ])
  func `a stream that fails ends with an error in the form of the route`(kind: String, words: String, code: String)
    async throws
  {
    let harness = GatewayHarness()
    try await StandIn.run(.object([kind: 2])) { standIn in
      harness.ready("r1", port: standIn.port)
      try await harness.run { client in
        let events = try await Self.events(of: client)
        #expect(events.dropLast().compactMap { $0["text"]?.stringValue } == ["Hello", " from"])
        Self.expectError(events.last, "INTERNAL_ERROR", words)
      }
    }
    #expect(harness.lastRecord?.status == 200 && harness.lastRecord?.errorCode == code)
  }

  @Test func `a stream that waited gets the reason in the form of the route if no replica comes`() async throws {
    var limits = GatewayLimits()
    limits.heartbeat = .milliseconds(5)
    let harness = GatewayHarness(limits: limits)
    try await harness.run { client in
      let text = try await client.open(Self.path, Self.streamed) { parts in
        let first = try await parts.nextText()
        #expect(first == ": waiting for a replica\n\n")
        harness.admission.setUnavailable(reason: "out of memory")
        return try await parts.rest()
      }
      Self.expectError(try Self.events(in: text).last, "TEMPORARILY_UNAVAILABLE", "cannot answer: out of memory")
    }
  }

  @Test func `an error before the stream has its own status`() async throws {
    let harness = GatewayHarness()
    harness.admission.setUnavailable(reason: "out of memory")
    try await harness.run { client in
      let answer = try await client.post(Self.path, Self.streamed)
      #expect(answer.status == 503)
      Self.expectError(answer.json, "TEMPORARILY_UNAVAILABLE", "out of memory")
    }
  }

  @Test func `a short stream that arrives whole is translated too`() async throws {
    let harness = GatewayHarness()
    let chunk = #"{"choices":[{"delta":{"content":"hi"}}]}"#
    let usage = #"{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":3}}"#
    try await ScriptedReplica().run(answer: { _ in
      let text = "data: \(chunk)\n\ndata: \(usage)\n\ndata: [DONE]\n\n"
      return Response(
        status: .ok, headers: [.contentType: "text/event-stream"],
        body: .init(byteBuffer: ByteBuffer(string: text)))
    }) { port in
      harness.ready("r1", port: port)
      try await harness.run { client in
        let events = try await Self.events(of: client)
        #expect(events.count == 2 && events.first?["text"] == "hi" && events.last?["tokens_out"] == 3)
      }
    }
  }

  @Test func `the events are the same however the pieces are cut`() {
    let chunks: [String] = [
      #"data: {"choices":[{"delta":{"role":"assistant","content":""}}]}"#, "\n\n: keep-alive\n\n",
      #"data:{"choices":[{"delta":{"content":"é\n"}}]}"#, "\r\n\r\nevent: x\n",
      #"data: {"choices":[],"usage":{"prompt_tokens":5}}"#, "\n\ndata: [DONE]\n\ndata: {\"cho",
    ]
    let right = ": keep-alive\n\ndata: {\"text\":\"é\\n\"}\n\n"
    let bytes = Array(chunks.joined().utf8)
    for size in 1...60 {
      var events = GenerateEvents(errors: .common, maxLineBytes: 100)
      var text = ""
      for start in stride(from: 0, to: bytes.count, by: size) {
        let piece = ByteBuffer(bytes: bytes[start..<min(start + size, bytes.count)])
        text += String(buffer: events.translated(piece))
      }
      #expect(text == right && events.error == nil)
    }
  }

  @Test(arguments: [
    ("data: hello\n\n", "an event is not valid JSON"),
    ("data: {\"choices\":[]}" + String(repeating: " ", count: 100), "a line is too long"),
  ])
  func `an invalid stream is an error, and nothing follows it`(stream: String, words: String) throws {
    var events = GenerateEvents(errors: .generate(requestID: "my-id"), maxLineBytes: 100)
    let text = String(buffer: events.translated(ByteBuffer(string: stream)))
    Self.expectError(try Self.events(in: text).last, "INTERNAL_ERROR", words)
    let rest = ByteBuffer(string: "\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\n")
    let later = events.translated(rest)
    #expect(later.readableBytes == 0 && events.error?.contains(words) == true)
  }

  private static func events(of client: TestClient) async throws -> [JSONValue] {
    let text = try await client.open(path, streamed) { parts in try await parts.rest() }
    return try events(in: text)
  }

  private static func events(in text: String) throws -> [JSONValue] {
    try text.split(separator: "\n\n").filter { !$0.hasPrefix(":") }
      .map { try JSONValue(parsing: String($0.dropFirst("data: ".count))) }
  }

  private static func expectError(_ event: JSONValue?, _ code: String, _ words: String) {
    let members = event?.objectValue ?? [:]
    #expect(Set(members.keys) == ["error_code", "message", "request_id"])
    #expect(members["error_code"]?.stringValue == code)
    #expect(members["message"]?.stringValue?.contains(words) == true, "\(members)")
  }
}
