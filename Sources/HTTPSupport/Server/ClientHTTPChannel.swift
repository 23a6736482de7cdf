import Hummingbird
package import HummingbirdCore
package import Logging
package import NIOCore
import NIOHTTP1

/// An HTTP/1.1 connection that enforces its caller's limits; see ``ClientConnectionHandler``.
///
/// A handler of the server's owner, such as the gateway's, may answer requests before they reach the router.
package struct ClientHTTPChannel: ServerChildChannel {
  package typealias Value = HTTP1Channel.Value

  private let base: HTTP1Channel
  private let clients: ClientConnections
  private let makeHandler: (@Sendable () -> any ChannelDuplexHandler & Sendable)?
  private var tls: TLSIdentity?

  /// - Parameter makeHandler: makes a handler for each connection, which sees requests before the router does. It must
  ///   hold back a request until the one before it is answered, and drop it on ``IncompleteRequest``.
  package init(
    _ base: HTTP1Channel, clients: ClientConnections,
    makeHandler: (@Sendable () -> any ChannelDuplexHandler & Sendable)? = nil
  ) {
    self.base = base
    self.clients = clients
    self.makeHandler = makeHandler
  }

  /// The same, with TLS.
  func secured(by tls: TLSIdentity) -> ClientHTTPChannel {
    var copy = self
    copy.tls = tls
    return copy
  }

  package func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
    channel.eventLoop.makeCompletedFuture {
      ReadBuffer.small.apply(to: channel)
      try channel.pipeline.syncOperations.addHandler(WriteCoalescingHandler(), position: .first)
      // Added last and in front, so that what is joined is plain text, and one record of TLS.
      try tls?.addHandlers(to: channel)
    }.flatMap { base.setup(channel: channel, logger: logger) }
      .flatMapThrowing { value in
        let pipeline = channel.pipeline.syncOperations
        let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
        let connection = ClientConnectionHandler(clients, holdsRequests: makeHandler != nil)
        try pipeline.addHandler(connection, position: .after(decoder))
        if let makeHandler { try pipeline.addHandler(makeHandler(), position: .after(connection)) }
        return value
      }
  }

  package func handle(value: Value, logger: Logger) async { await base.handle(value: value, logger: logger) }
}

extension HTTPServerBuilder {
  /// A server that enforces its callers' limits.
  ///
  /// - Parameter makeHandler: makes a handler for each connection, which sees requests before the router does.
  package static func http1(
    clients: ClientConnections, makeHandler: (@Sendable () -> any ChannelDuplexHandler & Sendable)? = nil
  ) -> HTTPServerBuilder {
    HTTPServerBuilder { responder in
      ClientHTTPChannel(HTTP1Channel(responder: responder), clients: clients, makeHandler: makeHandler)
    }
  }
}
