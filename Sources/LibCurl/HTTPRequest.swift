/// A request. `HTTPClient.execute(_:)` validates and sends it.
package struct HTTPRequest: Sendable {
  /// The method, spelled as it is sent (`GET`, not `get`).
  package var method: String
  /// An absolute `http` or `https` URL, percent-encoded where necessary.
  package var url: String
  /// The header fields, in the order in which they are sent.
  package var headers: [HTTPField]
  /// The body; nil for none. `POST`, `PUT` and `PATCH` without a body send `Content-Length: 0`.
  package var body: [UInt8]?
  /// The time limits of this request; nil for the client's.
  package var timeouts: HTTPTimeouts?
  /// The path of a Unix socket to connect to instead of the URL's host, without a proxy; the URL is sent unchanged.
  package var unixSocket: String?

  package init(
    method: String = "GET", url: String, headers: [HTTPField] = [], body: [UInt8]? = nil,
    timeouts: HTTPTimeouts? = nil, unixSocket: String? = nil
  ) {
    self.method = method
    self.url = url
    self.headers = headers
    self.body = body
    self.timeouts = timeouts
    self.unixSocket = unixSocket
  }
}

/// One header field.
package struct HTTPField: Sendable, Hashable {
  /// The name; its case does not matter.
  package var name: String
  /// The value, without the whitespace around it.
  package var value: String

  package init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }
}

/// The time limits of a request. A limit that is nil is not applied.
package struct HTTPTimeouts: Sendable, Hashable {
  /// From the start until the connection is established, including name resolution, proxy and TLS handshake. Nil means
  /// libcurl's own limit of 300 s.
  package var connect: Duration?
  /// The longest silence on an established connection: before the response, and between two pieces of the body. Time in
  /// which the caller does not read does not count.
  package var idle: Duration?
  /// From the start until the last byte of the body, including the caller's pauses.
  package var total: Duration?

  package init(connect: Duration?, idle: Duration?, total: Duration?) {
    self.connect = connect
    self.idle = idle
    self.total = total
  }

  /// Ten seconds to connect, one minute of silence, and two minutes in total: a server that sends a byte per second is
  /// never silent and never finishes.
  package static let standard = HTTPTimeouts(connect: .seconds(10), idle: .seconds(60), total: .seconds(120))
}
