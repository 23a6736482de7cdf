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
    #expect(buffers.take(100) == nil)
    #expect(slice.map { String(buffer: $0) } == "a bo")
  }

  @Test func `no more is kept than the limit, and no buffer that is short or very long`() {
    let buffers = BodyBuffers(limit: 600 << 10)
    for capacity in [1 << 10, 4 << 20, 256 << 10, 256 << 10, 256 << 10] {
      var used = Self.buffer(capacity)
      buffers.put(&used)
    }
    #expect(buffers.take(1) != nil)
    #expect(buffers.take(1) != nil)
    #expect(buffers.take(1) == nil)
  }
}
