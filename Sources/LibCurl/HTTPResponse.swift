/// A response whose head has arrived; its body is still to be read.
package struct HTTPResponse: Sendable {
  /// The status code.
  package let status: Int
  /// The protocol as the server named it: `HTTP/1.1` or `HTTP/2`.
  package let version: String
  /// The header fields.
  package let headers: HTTPHeaders
  /// The URL that answered, which differs from the request's if a redirect was followed. Must not be shown: it includes
  /// the query, and may include a password.
  package let effectiveURL: String
  /// The body. It can be read once.
  package let body: HTTPBody
}

/// A response's body, decompressed, in pieces as they arrive.
///
/// It can be read once, by one task. Slow reading slows the server down; dropping the body, or canceling the task that
/// reads it, ends the transfer. To keep the connection for the next request, read to the end.
package struct HTTPBody: AsyncSequence, Sendable {
  package typealias Element = [UInt8]

  private let stream: Stream

  /// - Parameter client: kept alive as long as the body, so that the end of the client does not cut off a body in use.
  init(_ transfer: Transfer, client: HTTPClient, declaredLength: Int?) {
    stream = Stream(transfer: transfer, client: client, declaredLength: declaredLength)
  }

  package func makeAsyncIterator() -> AsyncIterator {
    AsyncIterator(stream: stream)
  }

  /// Returns the whole body.
  ///
  /// - Parameter limit: the maximum number of bytes, after decompression.
  /// - Throws: `HTTPClientError`, with the code `bodyTooLarge` as soon as it is known that the body is larger.
  package func collect(upTo limit: Int) async throws -> [UInt8] {
    var body: [UInt8] = []
    if let length = stream.declaredLength {
      guard length <= limit else { throw tooLarge(limit) }
      // The length is claimed by the server; no more than this is reserved before it arrives.
      body.reserveCapacity(Swift.min(length, 1 << 20))
    }
    while let bytes = try await stream.transfer.nextBytes() {
      guard bytes.count <= limit - body.count else { throw tooLarge(limit) }
      if body.isEmpty && body.capacity < bytes.count { body = bytes } else { body += bytes }
    }
    return body
  }

  /// Returns the whole body, up to the client's `maximumBufferedBody`.
  package func collect() async throws -> [UInt8] {
    try await collect(upTo: stream.client.configuration.maximumBufferedBody)
  }

  private func tooLarge(_ limit: Int) -> HTTPClientError {
    let transfer = stream.transfer
    let message = "the response body is larger than the limit of \(limit) bytes"
    transfer.fail(.bodyTooLarge, message)
    return transfer.error(.bodyTooLarge, message)
  }

  package struct AsyncIterator: AsyncIteratorProtocol {
    fileprivate let stream: Stream

    /// Returns the next piece; nil after the last.
    ///
    /// - Throws: `HTTPClientError` if the transfer ended early, after everything that arrived was returned.
    package mutating func next() async throws -> [UInt8]? {
      try await stream.transfer.nextBytes()
    }
  }

  /// Ends the transfer when the body and its iterators are gone.
  fileprivate final class Stream: Sendable {
    let transfer: Transfer
    let client: HTTPClient
    /// `Content-Length`, if the body is not compressed.
    let declaredLength: Int?

    init(transfer: Transfer, client: HTTPClient, declaredLength: Int?) {
      self.transfer = transfer
      self.client = client
      self.declaredLength = declaredLength
    }

    deinit { transfer.cancel() }
  }
}
