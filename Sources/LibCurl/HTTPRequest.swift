/// A request as a value. Sent by `HTTPClient.execute(_:)`, which also checks it.
package struct HTTPRequest: Sendable {
  /// The method, spelled as it is sent (`GET`, not `get`).
  package var method: String
  /// An absolute `http` or `https` URL, percent-encoded where that is needed.
  package var url: String
  /// Header fields in the order in which they are sent.
  package var headers: [HTTPField]
  /// The body; nil sends none. `POST`, `PUT` and `PATCH` without one say `Content-Length: 0`.
  package var body: [UInt8]?
  /// Time limits of this request; nil takes the client's.
  package var timeouts: HTTPTimeouts?
  /// The path of a Unix socket to connect to in place of the URL's host, without any proxy; the URL is sent as it is.
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
  /// The value, without the white space around it.
  package var value: String

  package init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }
}

/// How long a request may take. Each limit that is nil is not applied.
package struct HTTPTimeouts: Sendable, Hashable {
  /// From the start until the connection stands, with name look-up, proxy and TLS handshake. Nil means libcurl's own
  /// limit of 300 s.
  package var connect: Duration?
  /// The longest silence after the connection stands: while the server prepares its answer, and between two pieces of
  /// the body. Time in which the caller does not read does not count.
  package var idle: Duration?
  /// From the start until the last byte of the body, pauses of the caller included.
  package var total: Duration?

  package init(connect: Duration?, idle: Duration?, total: Duration?) {
    self.connect = connect
    self.idle = idle
    self.total = total
  }

  /// Ten seconds to connect, a minute of silence, and two minutes for the whole: a server that sends a byte a second is
  /// never silent, and never done.
  package static let standard = HTTPTimeouts(connect: .seconds(10), idle: .seconds(60), total: .seconds(120))
}
