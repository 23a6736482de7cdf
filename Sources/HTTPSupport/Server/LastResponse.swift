import NIOHTTP1

/// The inbound event that the response that begins is the last one of its connection, because it says
/// `Connection: close`. Requests behind it are not processed: a client may send them again elsewhere (RFC 9112, section
/// 9.6).
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
