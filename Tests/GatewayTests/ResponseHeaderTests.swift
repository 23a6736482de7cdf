import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1
import Testing

@testable import Gateway

/// The gateway's own headers in responses to queries.
@Suite struct ResponseHeaderTests {
  private static let paths = ["/v1/chat/completions", "/serving-endpoints/chat/invocations"]

  private static func expect(
    _ answer: TestClient.ClientResponse, entity: String?, version: String?,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let headers = answer.headers
    let (entities, versions) = (entity.map { [$0] } ?? [], version.map { [$0] } ?? [])
    #expect(headers["x-request-id"] == ["my-id"], sourceLocation: sourceLocation)
    #expect(headers["served-model-name"] == entities, sourceLocation: sourceLocation)
    #expect(headers["x-setpoint-model-version"] == versions, sourceLocation: sourceLocation)
    #expect(headers["x-setpoint-queue-ms"].count == 1, sourceLocation: sourceLocation)
  }

  @Test(arguments: [200, 400])
  func `a replica's answer and its error name the version that served`(status: Int) async throws {
    let harness = GatewayHarness()
    try await ScriptedReplica().run(answer: { _ in
      // A replica's own values are replaced.
      var headers: HTTPFields = [.contentType: "application/json"]
      for name in ["x-request-id", "served-model-name", "x-setpoint-model-version", "x-setpoint-queue-ms"] {
        if let field = HTTPField.Name(name) { headers[field] = "theirs" }
      }
      return Response(
        status: .init(code: status), headers: headers, body: .init(byteBuffer: ByteBuffer(string: "{}")))
    }) { port in
      harness.ready("r1", port: port, version: "7")
      try await harness.run { client in
        for path in Self.paths {
          let answer = try await client.post(path, headers: ["x-request-id": "my-id"])
          #expect(answer.status == status)
          Self.expect(answer, entity: "m-1", version: "7")
        }
      }
    }
  }

  @Test func `the gateway's own error names the version that the request was sent to`() async throws {
    var limits = GatewayLimits()
    limits.unreachablePause = .milliseconds(5)
    let harness = GatewayHarness(limits: limits)
    harness.ready("dead", port: RetryTests.nowhere, version: "7")
    try await harness.run { client in
      let answer = try await client.post("/v1/chat/completions", headers: ["x-request-id": "my-id"])
      #expect(answer.status == 503)
      Self.expect(answer, entity: "m-1", version: "7")
    }
  }

  @Test func `a request that was refused before it was sent to a replica has no version`() async throws {
    let harness = GatewayHarness()
    harness.admission.setUnavailable(reason: "out of memory")
    try await harness.run { client in
      for path in Self.paths {
        for (body, status) in [(TestClient.hello, 503), ("{", 400)] {
          let answer = try await client.post(path, body, headers: ["x-request-id": "my-id"])
          #expect(answer.status == status)
          Self.expect(answer, entity: nil, version: nil)
        }
      }
    }
  }

  @Test(arguments: ["", "a b", String(repeating: "x", count: 129)])
  func `an ID that cannot be passed on is replaced`(given: String) async throws {
    let harness = GatewayHarness()
    try await harness.run { client in
      let answer = try await client.post("/v1/chat/completions", "{", headers: ["x-request-id": given])
      #expect(answer.headers["x-request-id"].first?.utf8.count == 32)
    }
  }

  @Test func `a stream that waited has only its ID, since its headers were sent first`() async throws {
    var limits = GatewayLimits()
    limits.heartbeat = .milliseconds(5)
    let harness = GatewayHarness(limits: limits)
    try await harness.run { client in
      try await client.connect().executeThenClose { inbound, outbound in
        try await TestClient.send(
          outbound, "/v1/chat/completions", TestClient.streamed, headers: ["x-request-id": "my-id"])
        var parts = inbound.makeAsyncIterator()
        guard case .head(let head)? = try await parts.next() else {
          Issue.record("no head")
          return
        }
        #expect(head.headers["x-request-id"] == ["my-id"])
        for name in ["served-model-name", "x-setpoint-model-version", "x-setpoint-queue-ms"] {
          #expect(!head.headers.contains(name: name))
        }
      }
    }
  }

  @Test func `a list of models is no query`() async throws {
    let harness = GatewayHarness()
    try await harness.run { client in
      let answer = try await client.post("/v1/models", "", method: .GET)
      #expect(!answer.headers.contains(name: "x-request-id"))
      #expect(!answer.headers.contains(name: "x-setpoint-queue-ms"))
    }
  }
}
