import CanonicalJSON
import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1
import Scheduling
import Testing

@testable import Gateway

/// `POST /serving-endpoints/NAME/generate`: one form of requests, answers and errors for every chat model.
@Suite struct GenerateRouteTests {
  private static let path = "/serving-endpoints/chat/generate"
  private static let hello = #"{"prompt":"Hello"}"#

  @Test(arguments: [
    "/serving-endpoints/chat/generate", "/serving-endpoints/chat/generate/",
    "/serving-endpoints/chat/served-models/m-1/generate",
  ])
  func `a prompt is sent as a chat, and answered with its text and figures`(path: String) async throws {
    let (harness, replica) = (GatewayHarness(), ScriptedReplica())
    try await replica.run(answer: { _ in ScriptedReplica.completion("hi") }) { port in
      harness.ready("r1", port: port, version: "7")
      try await harness.run { client in
        let body = """
          {"prompt":"Hello","system_message":"Be brief.","max_tokens":8,"temperature":0.5,"metadata":{"team":"a"}}
          """
        let answer = try await client.post(
          path, body, headers: ["x-request-id": "my-id", "content-type": "application/x-www-form-urlencoded"])
        #expect(answer.status == 200 && answer.headers["content-type"] == ["application/json"])
        #expect(answer.headers["x-setpoint-model-version"] == ["7"])
        var members = answer.json.objectValue ?? [:]
        let latency = members.removeValue(forKey: "latency_ms")?.intValue ?? -1
        #expect(latency >= 0)
        let others: [String: JSONValue] = [
          "generated_text": "hi", "model_version": "7", "request_id": "my-id", "tokens_in": 5, "tokens_out": 3,
        ]
        #expect(members == others)
      }
    }
    let head = try #require(replica.heads.first)
    #expect(head.path == "/v1/chat/completions" && head.headerFields[.contentType] == "application/json")
    let sent = try JSONValue(parsing: replica.bodies.first ?? "")
    let expected: JSONValue = [
      "messages": [["role": "system", "content": "Be brief."], ["role": "user", "content": "Hello"]],
      "max_tokens": 8, "temperature": 0.5,
    ]
    #expect(sent == expected)
    let record = try #require(harness.lastRecord)
    #expect(record.route == "generate" && record.metadata == ["team": "a"] && record.version == "7")
    #expect(record.promptTokens == 5 && record.completionTokens == 3 && !record.isStream)
  }

  @Test func `what is omitted or null is left to the engine`() async throws {
    let (harness, replica) = (GatewayHarness(), ScriptedReplica())
    let nulls = """
      {"prompt":"Hello","system_message":null,"max_tokens":null,"temperature":null,"metadata":null,"stream":null}
      """
    try await replica.run(answer: { _ in ScriptedReplica.completion("hi") }) { port in
      harness.ready("r1", port: port)
      try await harness.run { client in
        for body in [Self.hello, nulls] {
          let answer = try await client.post(Self.path, body)
          #expect(answer.json["generated_text"] == "hi")
        }
      }
    }
    for body in replica.bodies { #expect(body == #"{"messages":[{"content":"Hello","role":"user"}]}"#) }
  }

  static let refusals: [(String, String)] = [
    ("{}", #""prompt" is missing: it must be a non-empty string"#),
    (#"{"prompt":""}"#, #""prompt" must be a non-empty string"#),
    (#"{"prompt":["Hello"]}"#, #""prompt" must be a non-empty string"#),
    (#"{"prompt":"x","system_message":1}"#, #""system_message" must be a string"#),
    (#"{"prompt":"x","max_tokens":0}"#, #""max_tokens" must be an integer from 1 to 9223372036854775807"#),
    (
      #"{"prompt":"x","max_tokens":99999999999999999999999}"#,
      #""max_tokens" must be an integer from 1 to 9223372036854775807"#
    ),
    (#"{"prompt":"x","max_tokens":1.5}"#, #""max_tokens" must be an integer from 1 to 9223372036854775807"#),
    (#"{"prompt":"x","max_tokens":"8"}"#, #""max_tokens" must be an integer from 1 to 9223372036854775807"#),
    (#"{"prompt":"x","temperature":-0.1}"#, #""temperature" must be a number from 0 to 2"#),
    (#"{"prompt":"x","temperature":2.1}"#, #""temperature" must be a number from 0 to 2"#),
    (#"{"prompt":"x","temperature":"hot"}"#, #""temperature" must be a number from 0 to 2"#),
    (#"{"prompt":"x","metadata":["a"]}"#, #""metadata" must be an object of strings"#),
    (#"{"prompt":"x","metadata":{"a":1}}"#, #""metadata" must be an object of strings"#),
    (
      #"{"prompt":"x","metadata":{"a":"\#(String(repeating: "x", count: 513))"}}"#,
      #""metadata" must be an object of strings"#
    ),
    (#"{"prompt":"x","adapter":""}"#, #""adapter" must be the name of a LoRA adapter"#),
    (#"{"prompt":"x","stream":"yes"}"#, #""stream" must be true or false"#),
    (#"{"prompt":"x","model":"m"}"#, #"unknown field "model"; known fields: "prompt", "system_message", "max_tokens""#),
    (
      #"{"messages":[],"max_tokens":0,"top_p":1}"#,
      #""prompt" is missing: it must be a non-empty string; "max_tokens" must be an integer from 1 to "#
        + #"9223372036854775807; unknown fields "messages", "top_p"; known fields: "prompt""#
    ),
  ]

  @Test(arguments: refusals)
  func `a refusal names each invalid field, and what is right`(body: String, words: String) async throws {
    let harness = GatewayHarness()
    harness.ready("r1", port: RetryTests.nowhere)
    try await harness.run { client in
      let answer = try await client.post(Self.path, body)
      let message = Self.message(of: answer, 400, "INVALID_PARAMETER_VALUE")
      #expect(message.contains(words), "\(message)")
    }
    #expect(harness.lastRecord?.status == 400 && harness.lastRecord?.attempts == 0)
  }

  @Test(arguments: [
    "", "[]", #"{"prompt":"#, #"{"prompt":01}"#, #"{"prompt":"a","prompt":"b"}"#,
    #"{"prompt":"a","max_tokens":1,"max_tokens":2}"#, #"{"prompt":"a","metadata":{"a"}}"#,
  ])
  func `a body that is not a JSON object is refused, with a place in the body`(body: String) async throws {
    let harness = GatewayHarness()
    try await harness.run { client in
      let answer = try await client.post(Self.path, body)
      let message = Self.message(of: answer, 400, "BAD_REQUEST")
      #expect(message.contains("at byte "), "\(message)")
    }
  }

  @Test func `a long value of the wrong kind is refused, and a long prompt is not`() async throws {
    let (harness, replica) = (GatewayHarness(), ScriptedReplica())
    let numbers = "[" + String(repeating: "0,", count: 50_000) + "0]"
    let prompt = String(repeating: "word ", count: 50_000)
    try await replica.run(answer: { _ in ScriptedReplica.completion("hi") }) { port in
      harness.ready("r1", port: port)
      try await harness.run { client in
        let refused = try await client.post(Self.path, #"{"prompt":"x","metadata":\#(numbers)}"#)
        let message = Self.message(of: refused, 400, "INVALID_PARAMETER_VALUE")
        #expect(message.hasPrefix(#""metadata" must be an object of strings"#), "\(message)")
        let answer = try await client.post(Self.path, #"{"prompt":"\#(prompt)"}"#)
        #expect(answer.json["generated_text"] == "hi")
      }
    }
    let isWhole = replica.bodies == [#"{"messages":[{"content":"\#(prompt)","role":"user"}]}"#]
    #expect(isWhole)
  }

  @Test func `the gateway's own errors have the form of the route`() async throws {
    let harness = GatewayHarness(policy: AdmissionPolicy(maxWaiting: 0))
    let gate = Gate()
    try await ScriptedReplica().run(answer: { _ in
      await gate.pass()
      return ScriptedReplica.completion("late")
    }) { port in
      try await harness.run { client in
        let anonymous = try await client.post(Self.path, Self.hello, token: nil)
        _ = Self.message(of: anonymous, 401, "UNAUTHENTICATED")
        let unknown = try await client.post("/serving-endpoints/nope/generate", Self.hello)
        #expect(Self.message(of: unknown, 404, "RESOURCE_DOES_NOT_EXIST").contains("no serving endpoint \"nope\""))
        let entity = try await client.post("/serving-endpoints/chat/served-models/m-9/generate", Self.hello)
        #expect(Self.message(of: entity, 404, "RESOURCE_DOES_NOT_EXIST").contains("no served entity \"m-9\""))
        harness.admission.setUnavailable(reason: "out of memory")
        let failed = try await client.post(Self.path, Self.hello)
        #expect(Self.message(of: failed, 503, "TEMPORARILY_UNAVAILABLE").contains("out of memory"))
        #expect(failed.headers["retry-after"] == ["10"])
        harness.ready("r1", port: port, capacity: 1)
        async let first = client.post(Self.path, Self.hello)
        #expect(await eventually { harness.admission.snapshot.inFlight == 1 })
        let full = try await client.post(Self.path, Self.hello)
        #expect(Self.message(of: full, 429, "REQUEST_LIMIT_EXCEEDED").contains("is at its limit"))
        #expect(full.headers["retry-after"] == ["1"])
        gate.open()
        let text = try await first.json["generated_text"]
        #expect(text == "late")
      }
    }
  }

  @Test(arguments: [
    (400, #"{"error":{"message":"max_tokens is too large","type":"BadRequestError","code":400}}"#, "BAD_REQUEST"),
    (404, #"{"detail":"Not Found"}"#, "RESOURCE_DOES_NOT_EXIST"),
    (500, "the engine failed", "INTERNAL_ERROR"), (429, "", "REQUEST_LIMIT_EXCEEDED"),
  ])
  func `a replica's error has the form of the route, and keeps its message`(status: Int, body: String, code: String)
    async throws
  {
    let harness = GatewayHarness()
    try await ScriptedReplica().run(answer: { _ in
      Response(
        status: .init(code: status), headers: [.contentType: "text/plain"],
        body: .init(byteBuffer: ByteBuffer(string: body)))
    }) { port in
      harness.ready("r1", port: port)
      try await harness.run { client in
        let answer = try await client.post(Self.path, Self.hello)
        let message = Self.message(of: answer, status, code)
        #expect(body.isEmpty ? message == "the replica returned HTTP 429" : body.contains(message), "\(message)")
        #expect(answer.headers["content-type"] == ["application/json"])
      }
    }
    #expect(harness.lastRecord?.errorCode == "UPSTREAM_\(status)")
  }

  @Test(arguments: [#"{"object":"list","data":[]}"#, #"{"choices":[]}"#, "hello", ""])
  func `an answer that is not a chat completion is an error`(body: String) async throws {
    let harness = GatewayHarness()
    try await ScriptedReplica().run(answer: { _ in
      Response(
        status: .ok, headers: [.contentType: "application/json"],
        body: .init(byteBuffer: ByteBuffer(string: body)))
    }) { port in
      harness.ready("r1", port: port)
      try await harness.run { client in
        let answer = try await client.post(Self.path, Self.hello)
        #expect(Self.message(of: answer, 502, "INTERNAL_ERROR").contains("is not a chat completion"))
        #expect(answer.headers["x-should-retry"] == ["false"])
      }
    }
    #expect(harness.admission.snapshot.inFlight == 0)
  }

  @Test(arguments: [1 << 20, 1000])
  func `an answer without a length is read up to a bound`(bound: Int) async throws {
    var limits = GatewayLimits()
    limits.maxBufferedResponse = bound
    let harness = GatewayHarness(limits: limits)
    let text = String(repeating: "long ", count: 1000)
    try await ScriptedReplica().run(answer: { _ in
      let json: JSONValue = ["choices": [["message": ["role": "assistant", "content": .string(text)]]]]
      return Response(
        status: .ok, headers: [.contentType: "application/json"],
        body: ResponseBody { writer in
          try await writer.write(ByteBuffer(bytes: json.bytes()))
          try await writer.finish(nil)
        })
    }) { port in
      harness.ready("r1", port: port)
      try await harness.run { client in
        let answer = try await client.post(Self.path, Self.hello)
        if bound == 1000 {
          #expect(Self.message(of: answer, 502, "INTERNAL_ERROR").contains("it is larger than 1000 bytes"))
        } else {
          #expect(answer.json["generated_text"]?.stringValue == text && answer.json["tokens_in"] == .null)
        }
      }
    }
    #expect(harness.admission.snapshot.inFlight == 0 && harness.records.count == 1)
  }

  /// Checks that an error has the form of the route. Returns its message.
  private static func message(of answer: TestClient.ClientResponse, _ status: Int, _ code: String) -> String {
    #expect(answer.status == status, "\(answer.body)")
    #expect(Set((answer.json.objectValue ?? [:]).keys) == ["error_code", "message", "request_id"], "\(answer.body)")
    #expect(answer.json["error_code"]?.stringValue == code)
    #expect(answer.json["request_id"]?.stringValue == answer.headers["x-request-id"].first)
    return answer.json["message"]?.stringValue ?? ""
  }
}
