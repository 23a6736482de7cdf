import HTTPSupport
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
import Synchronization
import Testing

@testable import Gateway

/// What a client may do with one connection: send requests ahead, read nothing, use another form of HTTP.
@Suite struct PipeliningTests {
  private static let list = "GET /v1/models HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer secret\r\n\r\n"

  @Test func `thousands of requests behind a slow one are all answered, in order`() async throws {
    let (harness, replica, gate) = (GatewayHarness(), ScriptedReplica(), Gate())
    try await replica.run(answer: { _ in
      await gate.pass()
      return ScriptedReplica.completion("late")
    }) { port in
      harness.ready("r1", port: port)
      try await harness.run { client in
        let body = TestClient.hello
        let first = RawClient.post("Content-Length: \(body.utf8.count)\r\n") + body
        let last = Self.list.replacing("Host: a\r\n", with: "Host: a\r\nConnection: close\r\n")
        async let answers = RawClient(port: client.port).exchange(
          first + String(repeating: Self.list, count: 5000) + last)
        #expect(await eventually { harness.admission.snapshot.inFlight == 1 })
        gate.open()
        let text = try await answers
        #expect(text.split(separator: "HTTP/1.1 200 OK").count == 5002)
        let late = try #require(text.firstRange(of: "late"))
        let list = try #require(text.firstRange(of: #""object":"list""#))
        #expect(late.lowerBound < list.lowerBound)
      }
    }
  }

  @Test func `requests of a client that reads no responses are not answered without limit`() async throws {
    let harness = GatewayHarness()
    try await harness.run { client in
      // Refused for lack of a model, each with a record.
      let many = ByteBuffer(
        string: String(repeating: RawClient.post("Content-Length: 2\r\n") + "{}", count: 100))
      try await RawClient(port: client.port, receiveBuffer: 4096).connect().executeThenClose { _, outbound in
        try await withThrowingTaskGroup(of: Void.self) { group in
          group.addTask { for _ in 0..<600 { try await outbound.write(many) } }
          // Until the kernel's buffers are full: then nothing more is answered.
          let counts = Mutex(-1)
          let isStuck = await eventually {
            let count = harness.records.count
            let before = counts.withLock { last in
              defer { last = count }
              return last
            }
            try? await Task.sleep(for: .milliseconds(500))
            return count > 0 && count == before
          }
          #expect(isStuck && harness.records.count < 50_000, "\(harness.records.count)")
          let other = try await client.post("/v1/models", "", method: .GET)
          #expect(other.status == 200)
          group.cancelAll()
        }
      }
    }
  }

  @Test func `a target in absolute form is the same request`() async throws {
    let harness = GatewayHarness()
    try await harness.run { client in
      let answer = try await RawClient(port: client.port).exchange(
        "GET http://localhost/v1/models?x=1 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer secret\r\n"
          + "Connection: close\r\n\r\n")
      #expect(answer.hasPrefix("HTTP/1.1 200 OK") && answer.contains(#""id":"chat""#), "\(answer)")
    }
  }

  @Test func `a stream to an HTTP 1.0 client ends with its connection, and is not chunked`() async throws {
    let harness = GatewayHarness()
    try await StandIn.run { standIn in
      harness.ready("r1", port: standIn.port)
      try await harness.run { client in
        let body = TestClient.streamed
        let answer = try await RawClient(port: client.port).exchange(
          "POST /v1/chat/completions HTTP/1.0\r\nConnection: keep-alive\r\nAuthorization: Bearer secret\r\n"
            + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
        #expect(answer.hasPrefix("HTTP/1.0 200 OK") && answer.hasSuffix("data: [DONE]\n\n"), "\(answer)")
        #expect(!answer.lowercased().contains("transfer-encoding"))
      }
    }
  }

  // MARK: - After the last response

  @Test func `a query behind a response that closes the connection does not reach a replica`() async throws {
    let (harness, replica) = (GatewayHarness(), ScriptedReplica())
    try await replica.run(answer: { _ in
      Response(
        status: .ok, headers: [.contentType: "text/event-stream"],
        body: ResponseBody { writer in
          try await writer.write(ByteBuffer(string: "data: [DONE]\n\n"))
          try await writer.finish(nil)
        })
    }) { port in
      harness.ready("r1", port: port)
      try await harness.run { client in
        let body = TestClient.streamed
        // Only the end of the connection shows the end of this stream.
        let query =
          "POST /v1/chat/completions HTTP/1.0\r\nConnection: keep-alive\r\nAuthorization: Bearer secret\r\n"
          + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
        let answer = try await RawClient(port: client.port).exchange(query + query + "nonsense\r\n\r\n")
        #expect(answer.hasPrefix("HTTP/1.0 200 OK") && answer.hasSuffix("data: [DONE]\n\n"), "\(answer)")
        #expect(await eventually { harness.clients.heldBytes == 0 })
      }
    }
    #expect(replica.load.total == 1 && harness.records.count == 1)
  }

  @Test func `nothing behind a query that asks to close the connection is answered`() async throws {
    let (harness, replica) = (GatewayHarness(), ScriptedReplica())
    try await replica.run(answer: { _ in ScriptedReplica.completion("hi") }) { port in
      harness.ready("r1", port: port)
      try await harness.run { client in
        let body = TestClient.hello
        let length = "Content-Length: \(body.utf8.count)\r\n"
        let last = RawClient.post(length + "Connection: close\r\n") + body
        let answer = try await RawClient(port: client.port).exchange(last + RawClient.post(length) + body)
        #expect(answer.hasPrefix("HTTP/1.1 200 OK") && answer.ranges(of: "HTTP/1.1 ").count == 1, "\(answer)")
      }
    }
    #expect(replica.load.total == 1 && harness.records.count == 1)
  }

  @Test func `a server that is leaving answers the current query, and sends none behind it to a replica`()
    async throws
  {
    let (harness, replica, gate) = (GatewayHarness(), ScriptedReplica(), Gate())
    try await replica.run(answer: { _ in
      await gate.pass()
      return ScriptedReplica.completion("late")
    }) { port in
      harness.ready("r1", port: port)
      try await harness.run { client, server in
        let query = RawClient.post("Content-Length: \(TestClient.hello.utf8.count)\r\n") + TestClient.hello
        async let answer = RawClient(port: client.port).exchange(query + query)
        #expect(await eventually { harness.admission.snapshot.inFlight == 1 && server.requestsInProgress == 2 })
        server.stopListening()
        gate.open()
        let text = try await answer
        #expect(text.hasPrefix("HTTP/1.1 200 OK") && text.lowercased().contains("connection: close"), "\(text)")
        #expect(text.ranges(of: "HTTP/1.1 ").count == 1)
      }
    }
    #expect(replica.load.total == 1 && harness.records.count == 1)
  }

  @Test func `a refused body behind other queries costs none of them its response`() async throws {
    let (harness, replica, gate) = (GatewayHarness(), ScriptedReplica(), Gate())
    try await replica.run(answer: { _ in
      await gate.pass()
      return ScriptedReplica.completion("late")
    }) { port in
      harness.ready("r1", port: port)
      try await harness.run { client in
        let query = RawClient.post("Content-Length: \(TestClient.hello.utf8.count)\r\n") + TestClient.hello
        let broken = RawClient.post("Transfer-Encoding: chunked\r\nConnection: close\r\n") + "zz\r\n"
        async let answers = RawClient(port: client.port).exchange(query + Self.list + broken)
        #expect(await eventually { harness.admission.snapshot.inFlight == 1 })
        gate.open()
        let text = try await answers
        let statuses = text.ranges(of: "HTTP/1.1 ").map { text[$0.upperBound...].prefix(3) }
        #expect(statuses == ["200", "200", "400"], "\(text)")
        #expect(text.contains("late") && text.contains(#""object":"list""#), "\(text)")
        #expect(await eventually { harness.clients.heldBytes == 0 })
      }
    }
  }

  @Test func `requests for the router are answered in their turn`() async throws {
    let (harness, replica) = (GatewayHarness(), ScriptedReplica())
    try await replica.run(answer: { _ in ScriptedReplica.completion("hi") }) { port in
      harness.ready("r1", port: port)
      try await harness.run { client in
        let query = RawClient.post("Content-Length: \(TestClient.hello.utf8.count)\r\n") + TestClient.hello
        let other = "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n"
        let last = other.replacing("Host: a\r\n", with: "Host: a\r\nConnection: close\r\n")
        let answer = try await RawClient(port: client.port).exchange(query + other + other + query + last)
        let statuses = answer.ranges(of: "HTTP/1.1 ").map { answer[$0.upperBound...].prefix(3) }
        #expect(statuses == ["200", "404", "404", "200", "404"])
      }
    }
  }
}
