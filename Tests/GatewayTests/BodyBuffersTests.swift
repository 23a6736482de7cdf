import NIOCore
import Testing

@testable import Gateway

@Suite struct BodyBuffersTests {
  private static func buffer(_ capacity: Int) -> ByteBuffer? { ByteBufferAllocator().buffer(capacity: capacity) }

  @Test func `a buffer is used again, empty, for a body that fits`() {
    let buffers = BodyBuffers()
    var used = Self.buffer(256 << 10)
    used?.writeString("a body")
    buffers.put(&used)
    #expect(used == nil)
    #expect(buffers.take(300 << 10) == nil)
    // A short body would hold most of it for nothing.
    for length in [1 << 10, 100 << 10] { #expect(buffers.take(length) == nil) }
    let again = buffers.take(200 << 10)
    #expect(again?.readableBytes == 0)
    #expect(again.map { $0.storageCapacity >= 200 << 10 } == true)
    #expect(buffers.take(200 << 10) == nil)
  }

  @Test func `a buffer whose bytes are still referred to is not used again`() {
    let buffers = BodyBuffers()
    var used = Self.buffer(256 << 10)
    used?.writeString("a body")
    let slice = used?.getSlice(at: 0, length: 4)
    buffers.put(&used)
    #expect(buffers.take(200 << 10) == nil)
    #expect(slice.map { String(buffer: $0) } == "a bo")
  }

  @Test func `no more is kept than the limit, and no buffer that is short or very long`() {
    let buffers = BodyBuffers(limit: 600 << 10)
    for capacity in [1 << 10, 4 << 20, 256 << 10, 256 << 10, 256 << 10] {
      var used = Self.buffer(capacity)
      buffers.put(&used)
    }
    #expect(buffers.take(256 << 10) != nil)
    #expect(buffers.take(256 << 10) != nil)
    #expect(buffers.take(256 << 10) == nil)
  }

  @Test func `long bodies reach the replica unchanged, at once and one after the other`() async throws {
    let (harness, replica) = (GatewayHarness(), ScriptedReplica())
    let bodies = (0..<32).map { number in
      let text = String(repeating: "\(number) ", count: 30_000 + 3_000 * number)
      return #"{"messages":[{"role":"user","content":"\#(text)"}]}"#
    }
    try await replica.run(answer: { _ in ScriptedReplica.completion("hi") }) { port in
      harness.ready("r1", port: port)
      try await harness.run { client in
        try await withThrowingTaskGroup(of: Void.self) { group in
          for lane in 0..<4 {
            group.addTask {
              for index in stride(from: lane, to: bodies.count, by: 4) {
                let answer = try await client.post("/serving-endpoints/chat/invocations", bodies[index])
                #expect(answer.text == "hi")
              }
            }
          }
          try await group.waitForAll()
        }
      }
    }
    let areUnchanged = replica.bodies.sorted() == bodies.sorted()
    #expect(areUnchanged)
  }
}
