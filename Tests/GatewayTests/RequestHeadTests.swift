import CanonicalJSON
import HTTPSupport
import NIOCore
import Testing

@testable import Gateway

@Suite struct RequestHeadTests {
  static let body = #"{"model":"chat","messages":[]}"#
  static let length = "Content-Length: \(body.utf8.count)\r\n"

  static let malformed: [(String, String)] = [
    (RawClient.post(length, host: ""), "the Host header is missing"),
    (RawClient.post(length + "Host: b\r\n"), "the Host header appears 2 times"),
    (RawClient.post(length, host: "Host: a b\r\n"), "not a valid host name"),
    (RawClient.post(length, host: "Host: a/b\r\n"), "not a valid host name"),
    (RawClient.post(length, host: "Host:\r\n"), "not a valid host name"),
    (RawClient.post("Transfer-Encoding: gzip\r\n"), ""),
    (RawClient.post("Transfer-Encoding: gzip, chunked\r\n"), "Transfer-Encoding is not supported"),
    (RawClient.post("Transfer-Encoding: chunked, identity\r\n"), ""),
    (RawClient.post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), ""),
    (RawClient.post("Transfer-Encoding: xchunked\r\n"), ""),
    (RawClient.post(length + "Transfer-Encoding: chunked\r\n"), ""),
    (RawClient.post("Content-Length: 5\r\nContent-Length: 6\r\n"), ""),
    (RawClient.post("Content-Length: 5, 6\r\n"), ""), (RawClient.post("Content-Length: -1\r\n"), ""),
    ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", ""), ("nonsense\r\n\r\n", ""),
  ]

  @Test(arguments: malformed)
  func `an ambiguous head is refused with 400`(head: String, words: String) async throws {
    try await GatewayHarness().run { client in
      let answer = try await RawClient(port: client.port).exchange(head + Self.body)
      #expect(answer.hasPrefix("HTTP/1.1 400 "), "\(answer)")
      #expect(answer.lowercased().contains("connection: close"))
      #expect(answer.contains(words) && answer.contains("\"error_code\":\"MALFORMED_REQUEST\""), "\(answer)")
      // What followed the head was not read as a request.
      #expect(answer.ranges(of: "HTTP/1.1 4").count == 1)
    }
  }

  @Test func `Expect 100-continue is answered before the body is sent`() async throws {
    let (harness, replica) = (GatewayHarness(), ScriptedReplica())
    try await replica.run(answer: { _ in ScriptedReplica.completion("hi") }) { port in
      harness.ready("r1", port: port)
      try await harness.run { client in
        let head = RawClient.post(Self.length + "Connection: close\r\nExpect: 100-continue\r\n")
        let answer = try await RawClient(port: client.port).connect().executeThenClose { inbound, outbound in
          try await outbound.write(ByteBuffer(string: head))
          var pieces = inbound.makeAsyncIterator()
          let first = try await pieces.next().map { String(buffer: $0) } ?? ""
          #expect(first == "HTTP/1.1 100 Continue\r\n\r\n")
          try await outbound.write(ByteBuffer(string: Self.body))
          var text = ""
          while let bytes = try await pieces.next() { text += String(buffer: bytes) }
          return text
        }
        #expect(answer.hasPrefix("HTTP/1.1 200 OK") && answer.contains("\"hi\""))
      }
    }
  }

  @Test func `the body of a request that would be refused is not requested`() async throws {
    try await GatewayHarness().run { client in
      let raw = RawClient(port: client.port)
      let expect = "Expect: 100-continue\r\n"
      let anonymous = RawClient.post(Self.length + expect).replacing("Authorization", with: "X-Other")
      let refused = try await raw.exchange(anonymous)
      #expect(refused.hasPrefix("HTTP/1.1 401 "))
      let unknown = try await raw.exchange(RawClient.post(Self.length + "Expect: a-pony\r\n"))
      #expect(unknown.hasPrefix("HTTP/1.1 417 "))
    }
  }

  @Test
  func `an answer that is sent before the body is complete closes the connection and still arrives`() async throws {
    var limits = ClientLimits()
    limits.linger = .seconds(60)
    let harness = GatewayHarness(clients: limits)
    try await harness.run { client in
      let anonymous = RawClient.post("Content-Length: 8000000\r\n").replacing("Authorization", with: "X-Other")
      let answer = try await RawClient(port: client.port).connect().executeThenClose { inbound, outbound in
        try await outbound.write(ByteBuffer(string: anonymous))
        try? await outbound.write(ByteBuffer(repeating: 0x20, count: 4_000_000))
        return await inbound.rest()
      }
      #expect(answer.hasPrefix("HTTP/1.1 401 ") && answer.lowercased().contains("connection: close"))
      // Its body was discarded as it arrived.
      #expect(harness.clients.heldBytes == 0)
    }
  }

  @Test func `pipelined requests are answered in order`() async throws {
    let (harness, replica) = (GatewayHarness(), ScriptedReplica())
    try await replica.run(answer: { _ in ScriptedReplica.completion("hi") }) { port in
      harness.ready("r1", port: port)
      try await harness.run { client in
        let one = RawClient.post(Self.length) + Self.body
        let last = RawClient.post(Self.length + "Connection: close\r\n") + Self.body
        let answer = try await RawClient(port: client.port).exchange(one + one + one + last)
        #expect(answer.ranges(of: "HTTP/1.1 200 OK").count == 4)
        // A malformed request does not lose the answers before it.
        let mixed = try await RawClient(port: client.port).exchange(one + RawClient.post(Self.length, host: ""))
        #expect(mixed.hasPrefix("HTTP/1.1 200 OK") && mixed.contains("HTTP/1.1 400 "))
      }
    }
  }
}
