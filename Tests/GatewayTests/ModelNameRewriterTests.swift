import CanonicalJSON
import NIOCore
import Testing

@testable import Gateway

private func rewrite(_ pieces: [String], _ framing: ModelNameRewriter.Framing) -> [String] {
  var name = ModelNameRewriter("chat", framing)
  return pieces.map { String(buffer: name.rewritten(ByteBuffer(string: $0))) }
}

@Suite struct ModelNameRewriterTests {
  static let answers: [(String, String)] = [
    (#"{"id":"x","model":"/models/m","n":1}"#, #"{"id":"x","model":"chat","n":1}"#),
    (
      #"{ "a":{"model":"x","b":["model","y"]}, "model" : "m\"\\" }"#,
      #"{ "a":{"model":"x","b":["model","y"]}, "model" : "chat" }"#
    ),
    (
      #"{"text":"\"model\":\"x\"","models":"x","mode":"y","model":"m"}"#,
      #"{"text":"\"model\":\"x\"","models":"x","mode":"y","model":"chat"}"#
    ),
    (#"{"model":null,"b":1}"#, #"{"model":null,"b":1}"#),
    (#"{"model":{"model":"x"}}"#, #"{"model":{"model":"x"}}"#),
    (#"{"n":-1.5e3,"t":true,"model":""}"#, #"{"n":-1.5e3,"t":true,"model":"chat"}"#),
    ("[1,2]", "[1,2]"), ("", ""), ("{}", "{}"), ("not JSON \"model\":\"x\"", "not JSON \"model\":\"x\""),
  ]

  @Test(arguments: answers)
  func `an answer carries the endpoint's name, however it is split`(given: String, right: String) {
    for cut in 0...given.utf8.count {
      let index = given.utf8.index(given.startIndex, offsetBy: cut)
      let pieces = rewrite([String(given[..<index]), String(given[index...])], .object)
      #expect(pieces.joined() == right)
    }
  }

  @Test func `each event of a stream carries the endpoint's name, and no piece is held back`() {
    let events = [
      "data: {\"id\":\"1\",\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"a\\n\"}}]}\n\n", ": keep-alive\n\n",
      "data:{\"model\":\"m\"}\r\n\r\n", "event: x\ndata: {\"error\":{\"model\":\"m\"}}\n\n", "data: [DONE]\n\n",
    ]
    let right = [
      "data: {\"id\":\"1\",\"model\":\"chat\",\"choices\":[{\"delta\":{\"content\":\"a\\n\"}}]}\n\n",
      ": keep-alive\n\n",
      "data:{\"model\":\"chat\"}\r\n\r\n", "event: x\ndata: {\"error\":{\"model\":\"m\"}}\n\n", "data: [DONE]\n\n",
    ]
    #expect(rewrite(events, .events) == right)
    let whole = events.joined()
    for size in 1...60 {
      let bytes = Array(whole.utf8)
      let pieces = stride(from: 0, to: bytes.count, by: size).map { start in
        String(decoding: bytes[start..<min(bytes.count, start + size)], as: UTF8.self)
      }
      #expect(rewrite(pieces, .events).joined() == right.joined())
    }
  }

  @Test func `answers of a replica carry the endpoint's name, whole and streamed`() async throws {
    let harness = GatewayHarness()
    try await StandIn.run { standIn in
      harness.ready("r1", port: standIn.port)
      try await harness.run { client in
        let answer = try await client.post("/v1/chat/completions")
        #expect(answer.status == 200 && answer.json["model"] == "chat")
        let invoked = try await client.post("/serving-endpoints/chat/invocations", #"{"messages":[]}"#)
        #expect(invoked.json["model"] == "chat")
        let text = try await client.open("/v1/chat/completions") { try await $0.rest() }
        let chunks = text.split(separator: "\n\n").dropLast().map { $0.dropFirst(6) }
        #expect(!chunks.isEmpty)
        for chunk in chunks {
          let model = try JSONValue(parsing: String(chunk))["model"]
          #expect(model == "chat")
        }
      }
    }
  }
}
