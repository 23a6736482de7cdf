package import NIOCore

/// Joins the short buffers that are written before a flush, such as a head, a chunk's length, the chunk and its end: one
/// buffer takes one system call and one entry in the channel's queue. Long buffers pass without being copied. Order and
/// promises are kept. Belongs next to the channel. Confined to its event loop.
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

  package init() {}

  package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    guard case .byteBuffer(let bytes) = unwrapOutboundIn(data), bytes.readableBytes <= Self.short else {
      passOn(context)
      return context.write(data, promise: promise)
    }
    append(bytes, context.channel.allocator)
    if let promise {
      if let first = self.promise { first.futureResult.cascade(to: promise) } else { self.promise = promise }
    }
    if let pending, pending.readableBytes > Self.short { passOn(context) }
  }

  private func append(_ bytes: ByteBuffer, _ allocator: ByteBufferAllocator) {
    guard var joined = pending else {
      (pending, isCopy) = (bytes, false)
      return
    }
    guard bytes.readableBytes > 0 else { return }
    // Not shared while it grows, so that appending copies nothing else.
    pending = nil
    if !isCopy {
      var copy = allocator.buffer(capacity: max(Self.capacity, joined.readableBytes + bytes.readableBytes))
      copy.writeImmutableBuffer(joined)
      joined = copy
      isCopy = true
    }
    joined.writeImmutableBuffer(bytes)
    pending = joined
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
    passOn(context)
    context.close(mode: mode, promise: promise)
  }

  package func handlerRemoved(context: ChannelHandlerContext) {
    promise?.fail(ChannelError.ioOnClosedChannel)
    (pending, promise) = (nil, nil)
  }
}
