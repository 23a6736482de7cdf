import NIOCore
import NIOPosix

/// A client that can send any bytes, and shows the response as text.
struct RawClient: Sendable {
  typealias Connection = NIOAsyncChannel<ByteBuffer, ByteBuffer>

  let port: Int
  /// In bytes; the kernel's default if nil.
  var receiveBuffer: Int?

  func connect() async throws -> Connection {
    var bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
    if let receiveBuffer { bootstrap = bootstrap.channelOption(.socketOption(.so_rcvbuf), value: receiveBuffer) }
    return
      try await bootstrap
      .connect(host: "127.0.0.1", port: port) { channel in
        channel.eventLoop.makeCompletedFuture { try Connection(wrappingChannelSynchronously: channel) }
      }
  }

  /// Sends a text, and returns everything that arrives until the server closes the connection.
  func exchange(_ text: String) async throws -> String {
    try await connect().executeThenClose { inbound, outbound in
      // A server may answer, and close, before it has read anything.
      if !text.isEmpty { try? await outbound.write(ByteBuffer(string: text)) }
      return await inbound.rest()
    }
  }

  /// The head of a POST of a query, with the token, and the given rest.
  static func post(_ headers: String = "", host: String = "Host: localhost\r\n") -> String {
    "POST /v1/chat/completions HTTP/1.1\r\n\(host)Authorization: Bearer secret\r\n\(headers)\r\n"
  }
}

extension NIOAsyncChannelInboundStream<ByteBuffer> {
  /// Everything up to the end, whatever ends it.
  func rest() async -> String {
    var text = ""
    do {
      for try await bytes in self { text += String(buffer: bytes) }
    } catch {
      // A reset is an end too.
    }
    return text
  }
}
