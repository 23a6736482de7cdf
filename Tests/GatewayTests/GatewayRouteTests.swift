import CanonicalJSON
import HTTPSupport
import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1
import Scheduling
import Synchronization
import Testing

@testable import Gateway

@Suite struct GatewayRouteTests {
  @Test(arguments: [
    ("/serving-endpoints/chat/invocations", "/v1/chat/completions"),
    ("/serving-endpoints/chat/invocations/", "/v1/chat/completions"),
    ("/serving-endpoints/chat/served-models/m-1/invocations", "/v1/chat/completions"),
    ("/serving-endpoints/chat/completions", "/v1/chat/completions"),
    ("/serving-endpoints/chat/completions/", "/v1/chat/completions"),
    ("/serving-endpoints/completions", "/v1/completions"),
    ("/serving-endpoints/embeddings", "/v1/embeddings"),
    ("/v1/chat/completions", "/v1/chat/completions"),
    ("/v1/completions", "/v1/completions"),
    ("/v1/embeddings/", "/v1/embeddings"),
  ])
  func `every query path reaches the replica with the replica's own model name`(path: String, upstream: String)
    async throws
  {
    let (harness, replica) = (GatewayHarness(), ScriptedReplica())
    try await replica.run(answer: { _ in ScriptedReplica.completion("hi") }) { port in
      harness.ready("r1", port: port)
      try await harness.run { client in
        let answer = try await client.post(path, headers: ["x-request-id": "my-req-42", "cookie": "private"])
        #expect(answer.status == 200 && answer.text == "hi")
        #expect(answer.headers["served-model-name"] == ["m-1"])
        #expect(answer.headers["x-request-id"] == ["my-req-42"])
      }
    }
    let head = try #require(replica.heads.first)
    #expect(head.path == upstream)
    let requestID = try #require(HTTPField.Name("x-request-id"))
    #expect(head.headerFields[requestID] == "my-req-42")
    // The plane's token and the client's cookies are not passed to the replica.
    #expect(head.headerFields[.authorization] == nil && head.headerFields[.cookie] == nil)
    let sent = try JSONValue(parsing: replica.bodies.first ?? "")
    #expect(sent["model"] == "m" && sent["max_tokens"] == 8)
  }

  @Test func `the body's shape determines the type of an invocation`() async throws {
    let (harness, replica) = (GatewayHarness(), ScriptedReplica())
    try await replica.run(answer: { _ in ScriptedReplica.completion("hi") }) { port in
      harness.ready("r1", port: port, modelName: nil)
      try await harness.run { client in
        for body in [#"{"model":"chat","prompt":"x"}"#, #"{"input":"x"}"#, #"{"inputs":[1]}"#] {
          _ = try await client.post("/serving-endpoints/chat/invocations", body)
        }
      }
    }
    #expect(replica.heads.map(\.path) == ["/v1/completions", "/v1/embeddings", "/invocations"])
    #expect(replica.bodies.first == #"{"prompt":"x"}"#)
  }

  @Test func `the list of models is the list of endpoints`() async throws {
    let harness = GatewayHarness()
    try await harness.run { client in
      for path in ["/v1/models", "/serving-endpoints/models", "/v1/models/"] {
        let answer = try await client.post(path, "", method: .GET)
        #expect(answer.json["data"]?.arrayValue?.map { $0["id"] } == ["chat"])
      }
      for path in ["/v1/models/chat", "/serving-endpoints/models/chat"] {
        let one = try await client.post(path, "", method: .GET)
        #expect(one.status == 200 && one.json["id"] == "chat" && one.json["object"] == "model")
      }
      let unknown = try await client.post("/v1/models/nope", "", method: .GET)
      #expect(unknown.status == 404 && unknown.json["error"]?["message"]?.stringValue?.contains("\"nope\"") == true)
      for path in ["/v1/models", "/v1/models/chat", "/v1/models/nope"] {
        let refused = try await client.post(path, "", token: nil, method: .GET)
        #expect(refused.status == 401)
      }
    }
  }

  @Test func `one connection carries many requests`() async throws {
    let (harness, replica) = (GatewayHarness(), ScriptedReplica())
    try await replica.run(answer: { _ in ScriptedReplica.completion("hi") }) { port in
      harness.ready("r1", port: port)
      try await harness.run { client in
        try await client.connect().executeThenClose { inbound, outbound in
          var parts = inbound.makeAsyncIterator()
          for _ in 0..<5 {
            try await TestClient.send(outbound, "/v1/chat/completions", TestClient.hello)
            #expect(try await TestClient.receive(&parts).status == 200)
          }
        }
      }
    }
    #expect(harness.records.count == 5)
  }

  struct Refusal: Sendable, CustomTestStringConvertible {
    var path = "/v1/chat/completions"
    var body = TestClient.hello
    var token: String? = "secret"
    var headers: HTTPHeaders = [:]
    let status: Int
    let code: String
    let words: String
    var testDescription: String { "\(status) \(words)" }
  }

  @Test(arguments: [
    Refusal(token: nil, status: 401, code: "UNAUTHENTICATED", words: "a valid token is required"),
    Refusal(token: "wrong", status: 401, code: "UNAUTHENTICATED", words: "a valid token is required"),
    Refusal(
      path: "/serving-endpoints/nope/invocations", status: 404, code: "RESOURCE_DOES_NOT_EXIST",
      words: "no serving endpoint \"nope\"; available: \"chat\""),
    Refusal(body: #"{"model":"nope"}"#, status: 404, code: "RESOURCE_DOES_NOT_EXIST", words: "\"nope\""),
    Refusal(
      path: "/serving-endpoints/chat/served-models/m-9/invocations", status: 404, code: "RESOURCE_DOES_NOT_EXIST",
      words: "no served entity \"m-9\""),
    // LoRA adapters that no replica has are refused, and never answered by the base model.
    Refusal(
      body: #"{"model":"chat:tone"}"#, status: 404, code: "RESOURCE_DOES_NOT_EXIST",
      words: "\"chat\" does not serve a model or adapter named \"tone\"; available: \"chat\", \"m-1\""),
    Refusal(
      path: "/serving-endpoints/chat/invocations", body: #"{"model":"tone","messages":[]}"#, status: 404,
      code: "RESOURCE_DOES_NOT_EXIST", words: "does not serve a model or adapter named \"tone\""),
    Refusal(
      path: "/serving-endpoints/chat/served-models/m-1/invocations", body: #"{"model":"chat:tone","prompt":"x"}"#,
      status: 404, code: "RESOURCE_DOES_NOT_EXIST", words: "does not serve a model or adapter named \"tone\""),
    Refusal(
      body: TestClient.hello, headers: ["x-amzn-sagemaker-adapter-identifier": "tone"], status: 404,
      code: "RESOURCE_DOES_NOT_EXIST", words: "does not serve a model or adapter named \"tone\""),
    Refusal(body: #"{"messages":[]}"#, status: 400, code: "INVALID_PARAMETER_VALUE", words: "\"model\" is missing"),
    Refusal(body: #"{"model":"#, status: 400, code: "BAD_REQUEST", words: "at byte 9"),
    Refusal(
      body: "hello", status: 400, code: "BAD_REQUEST",
      words: "the request body cannot be read: it must be a JSON object, at byte 0"),
  ])
  func `a refusal explains the problem in the form of both clients`(refusal: Refusal) async throws {
    let harness = GatewayHarness()
    harness.ready("r1", port: RetryTests.nowhere, models: ["m"])
    try await harness.run { client in
      let answer = try await client.post(
        refusal.path, refusal.body, headers: refusal.headers, token: refusal.token)
      #expect(answer.status == refusal.status)
      #expect(answer.json["error_code"]?.stringValue == refusal.code)
      #expect(answer.json["message"]?.stringValue?.contains(refusal.words) == true, "\(answer.body)")
      #expect(answer.json["error"]?["message"] == answer.json["message"])
      #expect(answer.json["error"]?["code"]?.intValue == Int64(refusal.status))
      #expect(answer.headers["x-request-id"].first?.count == 32)
    }
    #expect(harness.lastRecord?.status == refusal.status && harness.lastRecord?.errorCode == refusal.code)
  }

  @Test func `curl's basic user token is accepted`() async throws {
    let harness = GatewayHarness()
    try await harness.run { client in
      let answer = try await client.post(
        "/v1/chat/completions", #"{"model":"x"}"#, headers: ["authorization": "Basic dG9rZW46c2VjcmV0"])
      #expect(answer.status == 404)
    }
  }

  @Test func `a body beyond the limit is refused, whether its length is announced or not`() async throws {
    var limits = GatewayLimits()
    limits.maxBodyBytes = 1000
    let harness = GatewayHarness(limits: limits)
    let long = #"{"model":"chat","x":"\#(String(repeating: "x", count: 1000))"}"#
    try await harness.run { client in
      let announced = try await client.post("/v1/chat/completions", long)
      #expect(announced.status == 413 && announced.json["error_code"] == "BAD_REQUEST")
      let chunked = try await client.connect().executeThenClose { inbound, outbound in
        try await outbound.write(.head(TestClient.head("/v1/chat/completions", ["transfer-encoding": "chunked"])))
        try await outbound.write(.body(.byteBuffer(ByteBuffer(string: long))))
        try await outbound.write(.end(nil))
        var parts = inbound.makeAsyncIterator()
        return try await TestClient.receive(&parts)
      }
      #expect(chunked.status == 413)
    }
  }

  @Test(arguments: [(16 << 20, "16 MiB"), (1000, "1000 bytes")])
  func `a refusal of a large body names the limit`(limit: Int, words: String) {
    let message = "the request body is larger than \(words), the limit of this server"
    #expect(GatewayError.tooLarge(limit).message == message)
  }

  @Test func `a large body arrives whole`() async throws {
    let (harness, replica) = (GatewayHarness(), ScriptedReplica())
    let text = String(repeating: "long ", count: 1_000_000)
    try await replica.run(answer: { _ in ScriptedReplica.completion(text) }) { port in
      harness.ready("r1", port: port)
      try await harness.run { client in
        let answer = try await client.post("/v1/chat/completions", #"{"messages":["\#(text)"],"model":"chat"}"#)
        #expect(answer.text == text)
      }
    }
    #expect(replica.bodies.first == #"{"messages":["\#(text)"],"model":"m"}"#)
  }

  @Test func `a replica's error keeps its message and gains an error code`() async throws {
    let harness = GatewayHarness()
    try await StandIn.run { standIn in
      harness.ready("r1", port: standIn.port)
      try await harness.run { client in
        let answer = try await client.post("/v1/chat/completions", #"{"model":"chat","messages":[],"max_tokens":0}"#)
        #expect(answer.status == 400)
        #expect(answer.json["error_code"] == "BAD_REQUEST")
        #expect(answer.json["message"] == "max_tokens must be at least 1, got 0.")
        #expect(answer.json["error"]?["param"] == "max_tokens")
        #expect(harness.lastRecord?.error == "max_tokens must be at least 1, got 0.")
        let missing = try await client.post("/v1/embeddings", #"{"model":"chat","input":"x"}"#)
        #expect(missing.status == 404 && missing.json["detail"] == "Not Found")
        #expect(missing.json["error_code"] == "RESOURCE_DOES_NOT_EXIST" && missing.json["message"] == "Not Found")
      }
    }
  }

  @Test(arguments: [400, 500, 503], [true, false])
  func `a replica's error is passed on without its secrets`(status: Int, isWhole: Bool) async throws {
    var limits = GatewayLimits()
    limits.busyPause = .milliseconds(1)
    let harness = GatewayHarness(limits: limits) { text, replica in
      text.replacing("vault-\(replica)", with: "[redacted]")
    }
    let body = ByteBuffer(string: #"{"error":{"message":"no access with vault-r1 to the hub"}}"#)
    try await ScriptedReplica().run(answer: { _ in
      let stream = ResponseBody { writer in
        // In the middle of the secret.
        try await writer.write(body.slice(0..<39))
        try await writer.write(body.slice(39..<body.readableBytes))
        try await writer.finish(nil)
      }
      return Response(
        status: .init(code: status), headers: [.contentType: "application/json"],
        body: isWhole ? ResponseBody(byteBuffer: body) : stream)
    }) { port in
      harness.ready("r1", port: port)
      try await harness.run { client in
        let answer = try await client.post("/v1/chat/completions")
        #expect(answer.status == status)
        #expect(answer.body.contains("no access with [redacted] to the hub"), "\(answer.body)")
        #expect(!answer.body.contains("vault"))
        #expect(harness.lastRecord?.error?.contains("[redacted]") == true)
      }
    }
  }

  @Test func `an error that a replica sends as a success is passed on without its secrets`() async throws {
    let harness = GatewayHarness(redact: { text, replica in text.replacing("vault-\(replica)", with: "[redacted]") })
    try await ScriptedReplica().run(answer: { _ in
      Response(
        status: .ok, headers: [.contentType: "application/json"],
        body: ResponseBody(byteBuffer: ByteBuffer(string: #" { "error": {"message": "no access with vault-r1"}}"#)))
    }) { port in
      harness.ready("r1", port: port)
      try await harness.run { client in
        let answer = try await client.post("/v1/chat/completions")
        #expect(answer.status == 200)
        #expect(answer.body.contains("no access with [redacted]") && !answer.body.contains("vault"), "\(answer.body)")
      }
    }
  }

  @Test func `an error too long to be a message is replaced by its status`() async throws {
    var limits = GatewayLimits()
    limits.maxBufferedResponse = 100
    let harness = GatewayHarness(limits: limits)
    try await ScriptedReplica().run(answer: { _ in
      Response(
        status: .badRequest, headers: [.contentType: "text/plain"],
        body: ResponseBody(byteBuffer: ByteBuffer(string: String(repeating: "long ", count: 100))))
    }) { port in
      harness.ready("r1", port: port)
      try await harness.run { client in
        let answer = try await client.post("/v1/chat/completions")
        #expect(answer.status == 400)
        #expect(answer.json["message"] == "the replica returned HTTP 400", "\(answer.body)")
      }
    }
  }

  @Test func `each request leaves one record`() async throws {
    let harness = GatewayHarness()
    try await StandIn.run { standIn in
      harness.ready("r1", port: standIn.port, version: "7")
      try await harness.run { client in
        _ = try await client.post("/v1/chat/completions", headers: ["x-request-id": "a"])
        _ = try await client.open(
          "/serving-endpoints/chat/invocations",
          #"{"stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"a b"}]}"#
        ) { try await $0.rest() }
      }
    }
    let records = harness.records
    try #require(records.count == 2)
    #expect(records.map(\.status) == [200, 200] && records.map(\.isStream) == [false, true])
    #expect(records[0].requestID == "a" && records[0].endpoint == "chat" && records[0].entity == "m-1")
    #expect(records.map(\.principal) == ["tester", "tester"])
    #expect(records[0].version == "7" && records[0].replica == "r1" && records[0].route == "chat/completions")
    #expect(records[0].completionTokens == 3 && records[1].promptTokens == 5 && records[1].completionTokens == 3)
    for record in records {
      let first = try #require(record.timeToFirstToken)
      #expect(first > .zero && first <= record.latency && record.attempts == 1 && record.error == nil)
    }
  }
}
