/// Why a request got no response or an incomplete one. A response with a status of 400 or above is not an error.
package struct HTTPClientError: Error, Sendable {
  /// The kind of failure. Callers check this, never the message.
  package enum Code: Sendable, Hashable {
    /// The request cannot be sent as it is written.
    case invalidRequest
    /// The host's name could not be resolved.
    case resolve
    /// No connection could be made.
    case connect
    /// The TLS handshake failed or the server's certificate was not accepted.
    case tls
    /// A time limit expired.
    case timeout(Timeout)
    /// The body is larger than its reader accepts.
    case bodyTooLarge
    /// An established connection broke; see `requestMayHaveBeenSent` and `responseBytesReceived`.
    case connectionLost
    /// The task was canceled, or the body is no longer wanted.
    case cancelled
    /// The proxy could not be used, or refused the request.
    case proxy
    /// The client was shut down.
    case shutDown
    /// The server violated the protocol, or this machine ran out of a resource; see the message.
    case other
  }

  /// Which of the time limits.
  package enum Timeout: String, Sendable, Hashable {
    /// `HTTPTimeouts.connect`.
    case connect
    /// `HTTPTimeouts.idle`.
    case idle
    /// `HTTPTimeouts.total`.
    case total
  }

  /// The kind of failure.
  package let code: Code
  /// A description for people, including curl's own words if there are any.
  package let message: String
  /// The request's method.
  package let method: String
  /// The request's URL without user, password, query and fragment.
  package let url: String
  /// Whether the server may have seen some or all of the request. When false, sending it again is safe.
  package let requestMayHaveBeenSent: Bool
  /// The number of bytes of the response that had arrived: head and decompressed body.
  package let responseBytesReceived: Int

  package init(
    code: Code, message: String, method: String, url: String, requestMayHaveBeenSent: Bool = false,
    responseBytesReceived: Int = 0
  ) {
    self.code = code
    self.message = message
    self.method = method
    self.url = url
    self.requestMayHaveBeenSent = requestMayHaveBeenSent
    self.responseBytesReceived = responseBytesReceived
  }
}

extension HTTPClientError: CustomStringConvertible {
  package var description: String { "\(method) \(url): \(message)" }
}
