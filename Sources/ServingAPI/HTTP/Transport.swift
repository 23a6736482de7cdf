package import LibCurl

/// Sends one request. The boundary between the client and the network: libcurl in production, a script in tests.
///
/// - Throws: `HTTPClientError` if there is no response; a response with a status of 400 or above is not an error here.
package typealias Transport = @Sendable (HTTPRequest) async throws -> APIResponse

/// A response whose body has not been read yet.
package struct APIResponse: Sendable {
  package let status: Int
  package let headers: HTTPHeaders
  /// The URL that responded; it differs from the requested one if a redirect was followed.
  package let effectiveURL: String
  package let body: any AsyncSequence<[UInt8], any Error> & Sendable

  package init(
    status: Int, headers: HTTPHeaders = HTTPHeaders(), effectiveURL: String = "",
    body: any AsyncSequence<[UInt8], any Error> & Sendable
  ) {
    self.status = status
    self.headers = headers
    self.effectiveURL = effectiveURL
    self.body = body
  }

  var isSuccess: Bool { ServingError.Kind.of(status: status) == nil }

  /// Reads the body. If it exceeds `limit`, the rest is left unread and `isCut` is true.
  func collect(upTo limit: Int) async throws -> (bytes: [UInt8], isCut: Bool) {
    var bytes: [UInt8] = []
    for try await piece in body {
      guard bytes.count + piece.count <= limit else { return (bytes + piece.prefix(limit - bytes.count), true) }
      bytes += piece
    }
    return (bytes, false)
  }
}
