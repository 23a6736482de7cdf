/// Why a request got no response, or an answer stopped short. An answer with a status of 400 or above is no error.
package struct HTTPClientError: Error, Sendable {
  /// What kind of failure it was. Callers test this and never the message.
  package enum Code: Sendable, Hashable {
    /// The request cannot be sent as it is written.
    case invalidRequest
    /// The host's name could not be resolved.
    case resolve
    /// No connection could be made.
    case connect
    /// The TLS handshake failed or the server's certificate was not accepted.
    case tls
    /// A time limit ran out.
    case timeout(Timeout)
    /// The body is larger than its reader takes.
    case bodyTooLarge
    /// The connection broke after it stood; see `requestMayHaveBeenSent` and `responseBytesReceived`.
    case connectionLost
    /// The task was cancelled, or nobody wanted the body any more.
    case cancelled
    /// The proxy could not be used, or refused.
    case proxy
    /// The client was shut down.
    case shutDown
    /// The server broke the protocol, or this machine ran out of something; the message says it.
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

  /// What kind of failure it was.
  package let code: Code
  /// What happened, in words for people, with curl's own where it gave any.
  package let message: String
  /// The request's method.
  package let method: String
  /// The request's URL without user, password, query and fragment.
  package let url: String
  /// Whether the server may have seen some or all of the request. When false, sending it again is safe.
  package let requestMayHaveBeenSent: Bool
  /// How many bytes of the response, head and decompressed body together, had arrived.
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
