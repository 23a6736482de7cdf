import CanonicalJSON
import NIOCore
import NIOHTTP1
import NIOPosix

/// A plain HTTP client that shows the bytes as they arrive.
struct TestClient: Sendable {
  struct ClientResponse: Sendable {
    let status: Int
    let headers: HTTPHeaders
    let body: String

    var json: JSONValue { (try? JSONValue(parsing: body)) ?? .null }
    var text: String? { json["choices"]?.arrayValue?.first?["message"]?["content"]?.stringValue }
  }

  typealias Connection = NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>

  let port: Int

  static let hello = #"{"model": "chat", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 8}"#
  static let streamed =
    #"{"model": "chat", "stream": true, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 8}"#

  func connect() async throws -> Connection {
    try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .connect(host: "127.0.0.1", port: port) { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHTTPClientHandlers()
          return try Connection(wrappingChannelSynchronously: channel)
        }
      }
  }

  static func head(
    _ path: String, _ headers: HTTPHeaders = [:], length: Int? = nil, token: String? = "secret",
    method: HTTPMethod = .POST
  ) -> HTTPRequestHead {
    var fields: HTTPHeaders = ["host": "localhost", "content-type": "application/json"]
    if let token { fields.add(name: "authorization", value: "Bearer \(token)") }
    if let length { fields.add(name: "content-length", value: String(length)) }
    for (name, value) in headers { fields.replaceOrAdd(name: name, value: value) }
    return HTTPRequestHead(version: .http1_1, method: method, uri: path, headers: fields)
  }

  static func send(
    _ outbound: NIOAsyncChannelOutboundWriter<HTTPClientRequestPart>, _ path: String, _ body: String,
    headers: HTTPHeaders = [:], token: String? = "secret", method: HTTPMethod = .POST
  ) async throws {
    try await outbound.write(.head(head(path, headers, length: body.utf8.count, token: token, method: method)))
    try await outbound.write(.body(.byteBuffer(ByteBuffer(string: body))))
    try await outbound.write(.end(nil))
  }

  static func receive(_ inbound: inout NIOAsyncChannelInboundStream<HTTPClientResponsePart>.AsyncIterator) async throws
    -> ClientResponse
  {
    var head: HTTPResponseHead?
    var body = ByteBuffer()
    while let part = try await inbound.next() {
      switch part {
      case .head(let received): head = received
      case .body(var bytes): body.writeBuffer(&bytes)
      case .end:
        guard let head else { throw CancellationError() }
        return ClientResponse(status: Int(head.status.code), headers: head.headers, body: String(buffer: body))
      }
    }
    throw ChannelError.eof
  }

  /// One request on its own connection.
  func post(
    _ path: String, _ body: String = hello, headers: HTTPHeaders = [:], token: String? = "secret",
    method: HTTPMethod = .POST
  ) async throws -> ClientResponse {
    try await connect().executeThenClose { inbound, outbound in
      try await Self.send(outbound, path, body, headers: headers, token: token, method: method)
      var parts = inbound.makeAsyncIterator()
      return try await Self.receive(&parts)
    }
  }

  /// Sends a request, passes the response's pieces to the closure, and closes the connection when it returns.
  func open<Value: Sendable>(
    _ path: String, _ body: String = streamed,
    _ look:
      @escaping @Sendable (inout NIOAsyncChannelInboundStream<HTTPClientResponsePart>.AsyncIterator) async throws ->
      Value
  ) async throws -> Value {
    try await connect().executeThenClose { inbound, outbound in
      try await Self.send(outbound, path, body)
      var parts = inbound.makeAsyncIterator()
      return try await look(&parts)
    }
  }
}

extension NIOAsyncChannelInboundStream<HTTPClientResponsePart>.AsyncIterator {
  /// The text of the next body piece; nil at the end.
  mutating func nextText() async throws -> String? {
    while let part = try await next() {
      switch part {
      case .head: continue
      case .body(let bytes): return String(buffer: bytes)
      case .end: return nil
      }
    }
    return nil
  }

  /// Everything up to the end.
  mutating func rest() async throws -> String {
    var text = ""
    while let piece = try await nextText() { text += piece }
    return text
  }
}
