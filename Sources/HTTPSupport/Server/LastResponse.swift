import NIOHTTP1

/// An inbound event: the response that begins now is the last one of its connection, because it has the header
/// `Connection: close`. Requests behind it are not processed: a client may send them again on another connection
/// (RFC 9112, section 9.6).
package struct LastResponse: Sendable {
  package init() {}
}

extension HTTPResponseHead {
  /// Whether the response says that its connection closes after it.
  var closesConnection: Bool {
    headers.contains(name: "connection")
      && headers[canonicalForm: "connection"].contains { $0.lowercased() == "close" }
  }
}
