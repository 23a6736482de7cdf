import NIOCore

/// Watches the client's side of a connection while its request waits or streams.
///
/// The server lets clients close half of a connection, so that alone ends no request; but a client that closes its half
/// is nearly always gone, and vLLM treats it as gone too.
final class ClientPresence: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private var departure: Departure?
  private var isGone = false

  /// Notifies `departure` when the client of this channel leaves. On the channel's event loop.
  static func watch(_ channel: any Channel, _ departure: Departure) {
    let pipeline = channel.pipeline.syncOperations
    if let present = try? pipeline.handler(type: ClientPresence.self) {
      present.departure = departure
      if present.isGone { departure.leave() }
      return
    }
    let handler = ClientPresence()
    handler.departure = departure
    do {
      try pipeline.addHandler(handler, position: .first)
      if !channel.isActive { departure.leave() }
    } catch {
      // The pipeline is already torn down.
      departure.leave()
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
    departure?.leave()
  }
}
