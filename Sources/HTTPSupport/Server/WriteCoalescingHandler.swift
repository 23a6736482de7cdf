package import NIOCore

/// Joins the short buffers that are written before a flush, such as a head, a chunk's length, the chunk and its end: one
/// buffer takes one system call and one entry in the channel's queue. Long buffers pass without being copied. Order and
/// promises are kept. Belongs next to the channel, or to its TLS handler. Confined to its event loop.
package final class WriteCoalescingHandler: ChannelOutboundHandler {
  package typealias OutboundIn = IOData
  package typealias OutboundOut = IOData

  /// Copying more than this costs more than a further buffer in the same system call.
  private static let short = 4 << 10
  private static let capacity = 1 << 10

  /// What was written since the last flush and has not been passed on.
  private var pending: ByteBuffer?
  /// Whether `pending` is a copy, which more can be appended to.
  private var isCopy = false
  private var promise: EventLoopPromise<Void>?
  private var context: ChannelHandlerContext?
  private var isClosing = false

  package init() {}

  /// Writes data as a chunk of a chunked body (RFC 9112, section 7.1), past the handlers behind this one, for which a
  /// chunk is three writes. Only while such a body is being written through them; flushed like it.
  package func writeChunk(_ data: ByteBuffer) {
    let length = data.readableBytes
    guard length > 0, !isClosing, let context else { return }
    var frame = takeCopy(adding: length <= Self.short ? length + Self.maxFrame : Self.maxFrame, context)
    frame.writeHexadecimal(length)
    frame.writeStaticString("\r\n")
    if length <= Self.short {
      frame.writeImmutableBuffer(data)
    } else {
      (pending, isCopy) = (frame, true)
      passOn(context)
      context.write(wrapOutboundOut(.byteBuffer(data)), promise: nil)
      frame = context.channel.allocator.buffer(capacity: Self.capacity)
    }
    frame.writeStaticString("\r\n")
    (pending, isCopy) = (frame, true)
    if frame.readableBytes > Self.short { passOn(context) }
  }

  /// The most bytes around the data of a chunk: 16 digits and two line breaks.
  private static let maxFrame = 20

  /// What is pending, in a buffer of its own with room for more.
  private func takeCopy(adding count: Int, _ context: ChannelHandlerContext) -> ByteBuffer {
    let joined = pending
    // Not shared while it grows.
    pending = nil
    if let joined, isCopy { return joined }
    let held = joined?.readableBytes ?? 0
    var copy = context.channel.allocator.buffer(capacity: max(Self.capacity, held + count))
    if let joined { copy.writeImmutableBuffer(joined) }
    return copy
  }

  package func handlerAdded(context: ChannelHandlerContext) { self.context = context }

  package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    guard case .byteBuffer(let bytes) = unwrapOutboundIn(data), bytes.readableBytes <= Self.short else {
      passOn(context)
      return context.write(data, promise: promise)
    }
    append(bytes, context)
    if let promise {
      if let first = self.promise { first.futureResult.cascade(to: promise) } else { self.promise = promise }
    }
    if let pending, pending.readableBytes > Self.short { passOn(context) }
  }

  private func append(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
    guard pending != nil else {
      (pending, isCopy) = (bytes, false)
      return
    }
    guard bytes.readableBytes > 0 else { return }
    var joined = takeCopy(adding: bytes.readableBytes, context)
    joined.writeImmutableBuffer(bytes)
    (pending, isCopy) = (joined, true)
  }

  private func passOn(_ context: ChannelHandlerContext) {
    guard let bytes = pending else { return }
    let promise = promise
    (pending, self.promise) = (nil, nil)
    context.write(wrapOutboundOut(.byteBuffer(bytes)), promise: promise)
  }

  package func flush(context: ChannelHandlerContext) {
    passOn(context)
    context.flush()
  }

  /// The channel fails what is written and not flushed.
  package func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
    if mode != .input { isClosing = true }
    passOn(context)
    context.close(mode: mode, promise: promise)
  }

  package func handlerRemoved(context: ChannelHandlerContext) {
    promise?.fail(ChannelError.ioOnClosedChannel)
    (pending, promise) = (nil, nil)
    self.context = nil
  }
}

extension ByteBuffer {
  /// Writes a number above zero with the digits 0 to f.
  fileprivate mutating func writeHexadecimal(_ number: Int) {
    var shift = (Int.bitWidth - 1 - number.leadingZeroBitCount) / 4 * 4
    while shift >= 0 {
      let digit = UInt8(number >> shift & 0xF)
      writeInteger(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
      shift -= 4
    }
  }
}
