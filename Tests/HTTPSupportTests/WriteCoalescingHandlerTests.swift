import NIOCore
import NIOEmbedded
import Testing

@testable import HTTPSupport

@Suite struct WriteCoalescingHandlerTests {
  private let channel = EmbeddedChannel(handler: WriteCoalescingHandler())

  private func write(_ text: String, promise: EventLoopPromise<Void>? = nil) {
    channel.write(IOData.byteBuffer(ByteBuffer(string: text)), promise: promise)
  }

  private var sent: [String] {
    get throws {
      var texts: [String] = []
      while case .byteBuffer(let bytes)? = try channel.readOutbound(as: IOData.self) {
        texts.append(String(buffer: bytes))
      }
      return texts
    }
  }

  @Test func `what is written before a flush leaves as one buffer`() throws {
    write("HTTP/1.1 200 OK\r\n\r\n")
    write("5\r\n")
    write("hello")
    write("\r\n")
    #expect(try sent == [])
    channel.flush()
    #expect(try sent == ["HTTP/1.1 200 OK\r\n\r\n5\r\nhello\r\n"])
    write("0\r\n\r\n")
    channel.flush()
    #expect(try sent == ["0\r\n\r\n"])
  }

  @Test func `a long buffer passes as it is, in its order`() throws {
    let long = String(repeating: "x", count: 5 << 10)
    write("a")
    write(long)
    write("b")
    write("c")
    channel.flush()
    #expect(try sent == ["a", long, "bc"])
  }

  @Test func `many short buffers do not pile up`() throws {
    let piece = String(repeating: "y", count: 1 << 10)
    for _ in 0..<12 { write(piece) }
    channel.flush()
    let sent = try sent
    #expect(sent.joined() == String(repeating: piece, count: 12))
    #expect(sent.allSatisfy { $0.utf8.count <= 5 << 10 })
  }

  @Test func `every promise is completed when its bytes are sent`() throws {
    var completed: [Int] = []
    let promises = (0..<3).map { number in
      let promise = channel.eventLoop.makePromise(of: Void.self)
      promise.futureResult.assumeIsolated().whenSuccess { completed.append(number) }
      return promise
    }
    write("a", promise: promises[0])
    write("b")
    write("c", promise: promises[1])
    #expect(completed == [])
    channel.flush()
    #expect(completed == [0, 1])
    write("", promise: promises[2])
    channel.flush()
    #expect(completed == [0, 1, 2])
  }

  @Test func `what is not flushed is passed on before the channel closes`() throws {
    let log = OutboundLog()
    let channel = EmbeddedChannel(handlers: [log, WriteCoalescingHandler()])
    let promise = channel.eventLoop.makePromise(of: Void.self)
    channel.write(IOData.byteBuffer(ByteBuffer(string: "a")), promise: promise)
    try channel.close().wait()
    #expect(log.events == ["write a", "close"])
    #expect(throws: (any Error).self) { try promise.futureResult.wait() }
  }

  @Test func `a promise fails if the connection ends before a flush`() throws {
    let handler = WriteCoalescingHandler()
    let channel = EmbeddedChannel(handler: handler)
    let promise = channel.eventLoop.makePromise(of: Void.self)
    channel.write(IOData.byteBuffer(ByteBuffer(string: "a")), promise: promise)
    let context = try channel.pipeline.syncOperations.context(handler: handler)
    handler.handlerRemoved(context: context)
    #expect(throws: (any Error).self) { try promise.futureResult.wait() }
  }
}

/// Stands for the channel, which fails what is written and not flushed when it closes.
private final class OutboundLog: ChannelOutboundHandler {
  typealias OutboundIn = IOData

  private(set) var events: [String] = []

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    if case .byteBuffer(let bytes) = unwrapOutboundIn(data) { events.append("write \(String(buffer: bytes))") }
    promise?.fail(ChannelError.ioOnClosedChannel)
  }

  func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
    events.append("close")
    context.close(mode: mode, promise: promise)
  }
}
