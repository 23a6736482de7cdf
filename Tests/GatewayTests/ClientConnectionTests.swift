import CanonicalJSON
import HTTPSupport
import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1
import NIOPosix
import Scheduling
import Synchronization
import Testing

@testable import Gateway

@Suite struct ClientConnectionTests {
  /// Deadlines of a tenth of a second.
  static var short: ClientLimits {
    var limits = ClientLimits()
    limits.idleTimeout = .milliseconds(100)
    limits.headerTimeout = .milliseconds(100)
    limits.bodyTimeout = .milliseconds(100)
    limits.answerTimeout = .milliseconds(100)
    limits.linger = .milliseconds(100)
    return limits
  }

  @Test func `a client that sends nothing, or only half a head, is disconnected`() async throws {
    try await GatewayHarness(clients: Self.short).run { client in
      let raw = RawClient(port: client.port)
      let nothing = try await raw.exchange("")
      #expect(nothing == "")
      // Bytes that a busy machine delivers too late belong to a client that sent nothing in time.
      let isTold = try await eventually {
        let half = try await raw.exchange("GET /v1/models HTTP/1.1\r\nHost: a\r\nX")
        return half.hasPrefix("HTTP/1.1 408 ") && half.contains("the request headers did not arrive within 0.1s")
      }
      #expect(isTold)
    }
  }

  @Test func `a connection that is idle after a request is closed, and not before`() async throws {
    var limits = Self.short
    limits.headerTimeout = .seconds(60)
    try await GatewayHarness(clients: limits).run { client in
      let answer = try await RawClient(port: client.port).exchange(
        "GET /v1/models HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer secret\r\n\r\n")
      #expect(answer.hasPrefix("HTTP/1.1 200 OK") && !answer.lowercased().contains("connection: close"))
    }
  }

  @Test(arguments: ["Content-Length: 1000\r\n", "Transfer-Encoding: chunked\r\n"])
  func `a body that does not arrive is answered with 408, and its bytes are released`(framing: String) async throws {
    var limits = Self.short
    // A busy machine may take longer to deliver the head.
    limits.headerTimeout = .seconds(30)
    let harness = GatewayHarness(clients: limits)
    try await harness.run { client in
      let answer = try await RawClient(port: client.port).exchange(RawClient.post(framing) + "3e8\r\n{\"model\":")
      #expect(answer.hasPrefix("HTTP/1.1 408 "), "\(answer)")
      #expect(answer.contains("at least 1024 bytes per second are required over 0.1s"))
      #expect(await eventually { harness.clients.heldBytes == 0 && harness.records.count == 1 })
    }
    #expect(harness.lastRecord?.status == 408)
  }

  @Test func `an answer that nobody reads frees its place`() async throws {
    var limits = ClientLimits()
    limits.answerTimeout = .milliseconds(200)
    let (harness, replica) = (GatewayHarness(clients: limits), ScriptedReplica())
    let piece = ByteBuffer(repeating: 0x78, count: 1 << 16)
    let answer = Response(
      status: .ok, headers: [.contentType: "text/event-stream"],
      body: ResponseBody { writer in
        // Much more than the kernel's buffers hold.
        for _ in 0..<8192 { try await writer.write(piece) }
        try await writer.finish(nil)
      })
    try await replica.run(answer: { _ in answer }) { port in
      harness.ready("r1", port: port, capacity: 1)
      try await harness.run { client in
        try await RawClient(port: client.port).connect().executeThenClose { inbound, outbound in
          let body = TestClient.streamed
          try await outbound.write(
            ByteBuffer(string: RawClient.post("Content-Length: \(body.utf8.count)\r\n") + body))
          #expect(await eventually { harness.admission.snapshot.inFlight == 1 })
          // Nothing is read here, and the connection stays open.
          #expect(await eventually { harness.admission.snapshot.inFlight == 0 })
          withExtendedLifetime(inbound) {}
        }
      }
    }
    #expect(harness.lastRecord?.status == 499)
  }

  @Test func `a connection that waits for an answer is not idle`() async throws {
    var limits = Self.short
    // Long enough for the request to arrive in time on a busy machine.
    (limits.headerTimeout, limits.bodyTimeout) = (.seconds(2), .seconds(10))
    let (harness, replica, gate) = (GatewayHarness(clients: limits), ScriptedReplica(), Gate())
    try await replica.run(answer: { _ in
      await gate.pass()
      return ScriptedReplica.completion("late")
    }) { port in
      harness.ready("r1", port: port)
      try await harness.run { client in
        async let answer = client.post("/v1/chat/completions")
        #expect(await eventually { harness.admission.snapshot.inFlight == 1 })
        // Meanwhile idle connections are closed, one after another.
        for _ in 0..<2 { #expect(try await RawClient(port: client.port).exchange("") == "") }
        gate.open()
        let text = try await answer.text
        #expect(text == "late")
      }
    }
  }

  /// Connections that the server has closed.
  private final class Closed: Sendable {
    let count = Mutex(0)
  }

  @Test
  func `at the connection limit, the longest idle connection closes, and a new client is answered`() async throws {
    var limits = ClientLimits()
    limits.maxConnections = 8
    let harness = GatewayHarness(clients: limits)
    let closed = Closed()
    try await harness.run { client in
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 1...40 {
          group.addTask {
            _ = try? await RawClient(port: client.port).exchange("")
            closed.count.withLock { $0 += 1 }
          }
          // Otherwise those that are still arriving would close the connections of the new client below.
          #expect(await eventually { harness.clients.admitted == min(number, 8) })
          #expect(await eventually { closed.count.withLock { $0 } == max(0, number - 8) })
        }
        for _ in 0..<20 {
          let answer = try await client.post("/v1/models", "", method: .GET)
          #expect(answer.status == 200)
        }
        #expect(harness.clients.admitted <= 8)
        group.cancelAll()
      }
    }
  }

  @Test func `if all connections are busy, a new client is refused with the reason`() async throws {
    var limits = ClientLimits()
    limits.maxConnections = 2
    let (harness, replica, gate) = (GatewayHarness(clients: limits), ScriptedReplica(), Gate())
    try await replica.run(answer: { _ in
      await gate.pass()
      return ScriptedReplica.completion("hi")
    }) { port in
      harness.ready("r1", port: port)
      try await harness.run { client in
        async let first = client.post("/v1/chat/completions")
        async let second = client.post("/v1/chat/completions")
        #expect(await eventually { harness.admission.snapshot.inFlight == 2 })
        let third = try await RawClient(port: client.port).exchange("GET /v1/models HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(third.hasPrefix("HTTP/1.1 503 ") && third.lowercased().contains("retry-after: 1"))
        gate.open()
        let statuses = try await [first.status, second.status]
        #expect(statuses == [200, 200])
      }
    }
  }

  @Test func `incomplete bodies hold no more than the budget, and a new client is answered`() async throws {
    var limits = ClientLimits()
    limits.requestMemory = 1 << 20
    let (harness, replica) = (GatewayHarness(clients: limits), ScriptedReplica())
    try await replica.run(answer: { _ in ScriptedReplica.completion("hi") }) { port in
      harness.ready("r1", port: port)
      try await harness.run { client in
        let most = Mutex(0)
        let refused = try await withThrowingTaskGroup(of: String.self) { group in
          for _ in 0..<60 {
            group.addTask {
              try await RawClient(port: client.port).connect().executeThenClose { inbound, outbound in
                // 240 of 256 KiB.
                try? await outbound.write(ByteBuffer(string: RawClient.post("Content-Length: 262144\r\n")))
                for _ in 0..<15 { try? await outbound.write(ByteBuffer(repeating: 0x20, count: 16384)) }
                return await inbound.rest()
              }
            }
          }
          var refused = 0
          // Those that fit wait forever.
          while refused < 56, let answer = try await group.next() {
            #expect(answer.hasPrefix("HTTP/1.1 503 ") && answer.lowercased().contains("retry-after: 2"), "\(answer)")
            refused += 1
            most.withLock { $0 = max($0, harness.clients.heldBytes) }
          }
          let answer = try await client.post("/v1/chat/completions")
          #expect(answer.status == 200)
          group.cancelAll()
          return refused
        }
        #expect(refused == 56 && most.withLock { $0 } <= 1 << 20)
      }
      #expect(await eventually { harness.clients.heldBytes == 0 })
    }
  }

  @Test func `a body that finds a free replica stays in the request memory, which bounds the bodies at replicas`()
    async throws
  {
    let size = TestClient.hello.utf8.count
    var limits = ClientLimits()
    limits.requestMemory = size * 3 / 2
    let held = HeldBytes(limit: 1 << 20)
    let (harness, replica, gate) = (GatewayHarness(clients: limits, heldBytes: held), ScriptedReplica(), Gate())
    try await replica.run(answer: { _ in
      await gate.pass()
      return ScriptedReplica.completion("late")
    }) { port in
      harness.ready("r1", port: port)
      try await harness.run { client in
        async let first = client.post("/v1/chat/completions")
        #expect(await eventually { harness.admission.snapshot.inFlight == 1 })
        #expect(harness.clients.heldBytes == size && held.held == 0)
        let second = try await client.post("/v1/chat/completions")
        #expect(second.status == 503 && second.body.contains("memory for request bodies is full"), "\(second.body)")
        gate.open()
        let text = try await first.text
        #expect(text == "late" && harness.clients.heldBytes == 0 && held.held == 0)
      }
    }
  }

  @Test func `a body that a replica refused leaves the request memory while it waits for another one`() async throws {
    var limits = GatewayLimits()
    limits.unreachablePause = .seconds(3600)
    let held = HeldBytes(limit: 1 << 20)
    let (harness, replica) = (GatewayHarness(limits: limits, heldBytes: held), ScriptedReplica())
    try await replica.run(answer: { _ in ScriptedReplica.completion("hi") }) { port in
      harness.ready("dead", port: RetryTests.nowhere)
      try await harness.run { client in
        async let answer = client.post("/v1/chat/completions")
        #expect(await eventually { harness.admission.snapshot.waiting == 1 && harness.clients.heldBytes == 0 })
        #expect(held.held == TestClient.hello.utf8.count)
        harness.ready("alive", port: port)
        let text = try await answer.text
        #expect(text == "hi")
        #expect(await eventually { held.held == 0 })
      }
    }
  }

  @Test func `bodies of queued requests count until their replica answers, also after a comment to the client`()
    async throws
  {
    var limits = GatewayLimits()
    limits.heartbeat = .milliseconds(5)
    let held = HeldBytes(limit: 1 << 20)
    let (harness, replica, gate) = (GatewayHarness(limits: limits, heldBytes: held), ScriptedReplica(), Gate())
    try await replica.run(answer: { _ in
      await gate.pass()
      return ScriptedReplica.completion("hi")
    }) { port in
      try await harness.run { client in
        try await client.open("/v1/chat/completions", TestClient.streamed) { parts in
          let size = TestClient.streamed.utf8.count
          let comment = try await parts.nextText()
          #expect(comment?.hasPrefix(": waiting for a replica") == true)
          #expect(held.held == size)
          // They no longer use the memory for bodies that are being received.
          #expect(harness.clients.heldBytes == 0)
          harness.ready("r1", port: port)
          #expect(await eventually { harness.admission.snapshot.inFlight == 1 && held.held == size })
          gate.open()
          let rest = try await parts.rest()
          #expect(rest.contains("hi") && held.held == 0)
        }
      }
    }
  }

  @Test func `a client that does not read the last response delays the end of the server only briefly`() async throws {
    var limits = ClientLimits()
    (limits.linger, limits.answerTimeout) = (.milliseconds(100), .seconds(3600))
    var gatewayLimits = GatewayLimits()
    gatewayLimits.maxBufferedResponse = 64 << 20
    let harness = GatewayHarness(limits: gatewayLimits, clients: limits)
    let (replica, gate) = (ScriptedReplica(), Gate())
    try await replica.run(answer: { _ in
      await gate.pass()
      // More than the kernel's buffers hold.
      return Response(
        status: .ok, headers: [.contentType: "text/plain"],
        body: ResponseBody(byteBuffer: ByteBuffer(repeating: 0x78, count: 32 << 20)))
    }) { port in
      harness.ready("r1", port: port)
      let connection = try await harness.run { client, server -> any Channel in
        let connection = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
          .channelOption(.autoRead, value: false).channelOption(.socketOption(.so_rcvbuf), value: 4096)
          .connect(host: "127.0.0.1", port: client.port).get()
        let body = TestClient.hello
        try await connection.writeAndFlush(
          ByteBuffer(string: RawClient.post("Content-Length: \(body.utf8.count)\r\n") + body))
        #expect(await eventually { harness.admission.snapshot.inFlight == 1 })
        server.stopListening()
        gate.open()
        #expect(await eventually { harness.records.count == 1 })
        // Until the event loop that made the record has written the response too.
        for loop in MultiThreadedEventLoopGroup.singleton.makeIterator() { try await loop.submit {}.get() }
        #expect(server.requestsInProgress == 1)
        return connection
      }
      // The server has ended: before, it would have waited for as long as its client reads nothing.
      #expect(await eventually { harness.clients.admitted == 0 })
      try? await connection.close()
    }
  }
}
