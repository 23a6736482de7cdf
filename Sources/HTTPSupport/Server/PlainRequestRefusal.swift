internal import Logging
internal import NIOCore
internal import NIOSSL

/// Answers a request without TLS on a port with TLS: otherwise its sender would only see the connection end. Sits next
/// to the channel, before TLS. Confined to its event loop.
final class PlainRequestRefusal: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private enum Kind { case unknown, secure, plain }

  private var kind = Kind.unknown
  private let log: Logger

  init(_ log: Logger) { self.log = log }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    if kind == .unknown { decide(context, unwrapInboundIn(data)) }
    // What still arrives after the refusal is dropped; the connection's own timeouts end it.
    if kind == .secure { context.fireChannelRead(data) }
  }

  private func decide(_ context: ChannelHandlerContext, _ bytes: ByteBuffer) {
    guard let first = bytes.readableBytesView.first else { return }
    // TLS begins with a record of type 22, a request with a method in capitals.
    guard (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(first) else {
      kind = .secure
      return
    }
    kind = .plain
    log.debug("refused a request without TLS")
    context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: Self.response)), promise: nil)
    context.close(mode: .output, promise: nil)
  }

  private static let response: String = {
    let body = #"{"error_code":"BAD_REQUEST","message":"this port speaks TLS; use https:// instead of http://"}"#
    return "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n"
      + "Connection: close\r\n\r\n\(body)"
  }()
}

/// Logs why clients did not get past the handshake, such as that they do not trust the certificate. Sits behind TLS.
/// Confined to its event loop.
final class TLSFailureLog: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  private let log: Logger

  init(_ log: Logger) { self.log = log }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if let failure = error as? NIOSSLError, case .handshakeFailed(let reason) = failure {
      log.debug("a TLS handshake failed", metadata: ["reason": "\(reason)"])
    }
    context.fireErrorCaught(error)
  }
}
