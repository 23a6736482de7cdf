import NIOCore

/// Watches the client's side of a connection while its request waits or streams.
///
/// The server lets clients close half of a connection, so that alone ends no request; but a client that closes its half
/// is nearly always gone, and vLLM treats it as gone too.
final class ClientDisconnectHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private var disconnect: ClientDisconnect?
  private var isGone = false

  /// Notifies `disconnect` when the client of this channel leaves. On the channel's event loop.
  static func watch(_ channel: any Channel, _ disconnect: ClientDisconnect) {
    let pipeline = channel.pipeline.syncOperations
    if let present = try? pipeline.handler(type: ClientDisconnectHandler.self) {
      present.disconnect = disconnect
      if present.isGone { disconnect.leave() }
      return
    }
    let handler = ClientDisconnectHandler()
    handler.disconnect = disconnect
    do {
      try pipeline.addHandler(handler, position: .first)
      if !channel.isActive { disconnect.leave() }
    } catch {
      // The pipeline is already torn down.
      disconnect.leave()
    }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case .some(ChannelEvent.inputClosed) = event as? ChannelEvent { leave() }
    context.fireUserInboundEventTriggered(event)
  }

  func channelInactive(context: ChannelHandlerContext) {
    leave()
    context.fireChannelInactive()
  }

  private func leave() {
    isGone = true
    disconnect?.leave()
  }
}
