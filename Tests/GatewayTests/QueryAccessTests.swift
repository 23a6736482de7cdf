import CanonicalJSON
import HTTPSupport
import NIOCore
import NIOHTTP1
import Synchronization
import Testing

@testable import Gateway

/// What a caller may query, and what it learns about the other endpoints.
@Suite struct QueryAccessTests {
  /// A caller with these levels on endpoints.
  private struct Levels: Authorizer {
    let levels: [String: EndpointLevel]

    func principal(authorization: String?) -> Principal { Principal(name: "ci") }

    func level(of principal: Principal, on endpoint: String) -> EndpointLevel? { levels[endpoint] }
  }

  /// Knows every token until it is told otherwise.
  private final class RevocableToken: Authorizer {
    let isRevoked = Atomic<Bool>(false)

    func principal(authorization: String?) throws(AccessTokenDigest.Refusal) -> Principal {
      if isRevoked.load(ordering: .relaxed) { throw .wrong }
      return Principal(name: "ci")
    }

    func level(of principal: Principal, on endpoint: String) -> EndpointLevel? { .query }
  }

  @Test func `a request whose token is revoked before its body has arrived is refused`() async throws {
    let token = RevocableToken()
    let (harness, replica) = (GatewayHarness(authorizer: token), ScriptedReplica())
    try await replica.run(answer: { _ in ScriptedReplica.completion("hi") }) { port in
      harness.ready("r1", port: port)
      try await harness.run { client in
        let length = "Content-Length: \(Self.chat.utf8.count)\r\n"
        let head = RawClient.post(length + "Connection: close\r\nExpect: 100-continue\r\n")
        let answer = try await RawClient(port: client.port).connect().executeThenClose { inbound, outbound in
          try await outbound.write(ByteBuffer(string: head))
          var pieces = inbound.makeAsyncIterator()
          // The head has been accepted.
          _ = try await pieces.next()
          token.isRevoked.store(true, ordering: .relaxed)
          try await outbound.write(ByteBuffer(string: Self.chat))
          var text = ""
          while let bytes = try await pieces.next() { text += String(buffer: bytes) }
          return text
        }
        #expect(answer.hasPrefix("HTTP/1.1 401 "), "\(answer)")
      }
    }
    #expect(replica.load.total == 0)
  }

  private func makeHarness(_ levels: [String: EndpointLevel]) -> GatewayHarness {
    let harness = GatewayHarness(authorizer: Levels(levels: levels))
    for name in ["wiki", "hidden"] {
      harness.table.insert(QueryableEndpoint(name: name, created: 1_700_000_000, admission: harness.admission))
    }
    return harness
  }

  private static let chat = TestClient.hello
  private static let prompt = #"{"prompt": "Hi"}"#

  private static let queries = [
    ("/serving-endpoints/chat/invocations", chat), ("/serving-endpoints/chat/served-models/m-1/invocations", chat),
    ("/v1/chat/completions", chat), ("/v1/chat/completions", #"{"model": "chat:tone", "messages": []}"#),
    ("/serving-endpoints/chat/generate", prompt), ("/serving-endpoints/chat/served-models/m-1/generate", prompt),
  ]

  @Test(arguments: queries)
  func `a caller that may only see an endpoint is refused in the form of the route`(path: String, body: String)
    async throws
  {
    let (harness, replica) = (makeHarness(["chat": .view]), ScriptedReplica())
    try await replica.run(answer: { _ in ScriptedReplica.completion("hi") }) { port in
      harness.ready("r1", port: port)
      try await harness.run { client in
        let answer = try await client.post(path, body)
        #expect(answer.status == 403, "\(answer.body)")
        #expect(answer.json["error_code"] == "PERMISSION_DENIED")
        let words = answer.json["message"]?.stringValue ?? ""
        #expect(words.hasPrefix("principal \"ci\" may see endpoint \"chat\" but not query it: CAN_QUERY is required"))
        let isGenerate = path.hasSuffix("/generate")
        #expect((answer.json["request_id"] != nil) == isGenerate)
        #expect((answer.json["error"]?["type"] == "permission_error") == !isGenerate)
      }
    }
    #expect(replica.load.total == 0)
    #expect(harness.lastRecord?.status == 403 && harness.lastRecord?.principal == "ci")
  }

  @Test(arguments: queries)
  func `an endpoint that a caller may not see does not exist for it`(path: String, body: String) async throws {
    let (harness, replica) = (makeHarness(["wiki": .query]), ScriptedReplica())
    try await replica.run(answer: { _ in ScriptedReplica.completion("hi") }) { port in
      harness.ready("r1", port: port)
      try await harness.run { client in
        let answer = try await client.post(path, body)
        #expect(answer.status == 404, "\(answer.body)")
        let words = answer.json["message"]?.stringValue ?? ""
        #expect(words.hasPrefix("no serving endpoint \"chat") && words.hasSuffix("; available: \"wiki\""), "\(words)")
      }
    }
    #expect(replica.load.total == 0)
  }

  @Test(arguments: [EndpointLevel.query, .manage])
  func `a caller that may query an endpoint or change it gets answers`(level: EndpointLevel) async throws {
    let (harness, replica) = (makeHarness(["chat": level]), ScriptedReplica())
    try await replica.run(answer: { _ in ScriptedReplica.completion("hi") }) { port in
      harness.ready("r1", port: port)
      try await harness.run { client in
        let answer = try await client.post("/serving-endpoints/chat/invocations", Self.chat)
        #expect(answer.status == 200 && answer.text == "hi")
      }
    }
  }

  @Test func `a list of models has only the endpoints that the caller may see`() async throws {
    let harness = makeHarness(["chat": .view, "wiki": .manage])
    try await harness.run { client in
      for root in ["/v1", "/serving-endpoints"] {
        let list = try await client.post("\(root)/models", "", method: .GET)
        let names = (list.json["data"]?.arrayValue ?? []).compactMap { $0["id"]?.stringValue }
        #expect(names == ["chat", "wiki"])
        let one = try await client.post("\(root)/models/chat", "", method: .GET)
        #expect(one.status == 200 && one.json["id"] == "chat")
        let hidden = try await client.post("\(root)/models/hidden", "", method: .GET)
        #expect(hidden.status == 404)
        #expect(
          hidden.json["message"] == "no serving endpoint \"hidden\"; available: \"chat\", \"wiki\"", "\(hidden.body)")
      }
    }
  }
}
