import NIOCore
import NIOHTTP1

/// Keeps one connection's entry in the ``ConnectionRegistry``, and closes it after a response with `Connection: close`.
///
/// While the server is leaving, every response says so: a connection closed without notice might be closed just before
/// a request arrives, which few clients retry.
final class ConnectionTracker: ChannelDuplexHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias InboundOut = HTTPServerRequestPart
  typealias OutboundIn = HTTPServerResponsePart
  typealias OutboundOut = HTTPServerResponsePart

  private let registry: ConnectionRegistry
  private var isLastResponse = false

  init(_ registry: ConnectionRegistry) { self.registry = registry }

  /// Adds it to a connection's pipeline, right after the HTTP/1.1 codec. On the channel's event loop.
  static func add(to channel: any Channel, _ registry: ConnectionRegistry) throws {
    let pipeline = channel.pipeline.syncOperations
    let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
    try pipeline.addHandler(ConnectionTracker(registry), position: .after(decoder))
  }

  func handlerAdded(context: ChannelHandlerContext) { registry.opened(context.channel) }

  func channelInactive(context: ChannelHandlerContext) {
    registry.closed(context.channel)
    context.fireChannelInactive()
  }

  func handlerRemoved(context: ChannelHandlerContext) { registry.closed(context.channel) }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    if case .head = unwrapInboundIn(data) { registry.begun(context.channel) }
    context.fireChannelRead(data)
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    switch unwrapOutboundIn(data) {
    case .head(var head) where !(100..<200).contains(head.status.code):
      if registry.isLeaving, !head.closesConnection {
        head.headers.replaceOrAdd(name: "connection", value: "close")
        context.fireUserInboundEventTriggered(LastResponse())
      }
      isLastResponse = head.closesConnection
      context.write(wrapOutboundOut(.head(head)), promise: promise)
    case .end:
      let channel = context.channel
      registry.answered(channel)
      guard isLastResponse else { return context.write(data, promise: promise) }
      let written = context.eventLoop.makePromise(of: Void.self)
      written.futureResult.cascade(to: promise)
      // Only our half: closing a connection with unread data from the client resets it and loses the response.
      written.futureResult.whenComplete { _ in channel.close(mode: .output, promise: nil) }
      context.writeAndFlush(data, promise: written)
    default: context.write(data, promise: promise)
    }
  }
}
