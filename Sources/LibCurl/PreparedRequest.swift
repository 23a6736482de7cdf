/// A request that was validated and is ready for libcurl.
///
/// libcurl copies header lines and the method into the request unchanged. A line break in one of them would let its
/// author add headers or whole requests, so nothing that could end a line is accepted.
struct PreparedRequest: Sendable {
  let method: String
  let url: RequestURL
  /// Header lines in libcurl's notation.
  let headerLines: [String]
  let body: [UInt8]?
  let timeouts: HTTPTimeouts
  /// The Unix socket to connect to instead of the URL's host.
  let unixSocket: String?

  /// Whether the request may safely be repeated if its connection broke (RFC 9110, section 9.2.2).
  var isIdempotent: Bool { ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"].contains(method) }

  /// - Throws: `HTTPClientError` with the code `invalidRequest`, which names the invalid part but never its value.
  init(_ request: HTTPRequest, configuration: HTTPClientConfiguration) throws(HTTPClientError) {
    let method = request.method.isHTTPToken ? request.method : "(invalid method)"
    func refusal(_ reason: String, url: String) -> HTTPClientError {
      HTTPClientError(code: .invalidRequest, message: "invalid request: \(reason)", method: method, url: url)
    }
    do throws(RequestURL.Malformed) {
      self.url = try RequestURL(request.url)
    } catch {
      throw refusal(error.reason, url: RequestURL.unreadable)
    }
    guard request.method.isHTTPToken, method != "CONNECT" else {
      throw refusal("the method is not supported", url: url.shown)
    }
    self.method = method
    guard method != "HEAD" || request.body == nil else {
      throw refusal("a HEAD request must not have a body", url: url.shown)
    }
    if let reason = Self.objection(to: HTTPField("User-Agent", configuration.userAgent)) {
      throw refusal(reason, url: url.shown)
    }
    var lines: [String] = []
    for field in request.headers {
      if let reason = Self.objection(to: field) { throw refusal(reason, url: url.shown) }
      lines.append(Self.line(field))
    }
    // Without these two, libcurl would set a form's content type and wait a second for "100 Continue".
    for name in ["Content-Type", "Expect"]
    where !request.headers.contains(where: { $0.name.equalsIgnoringASCIICase(name) }) {
      lines.append("\(name):")
    }
    self.headerLines = lines
    self.body = request.body ?? (["POST", "PUT", "PATCH"].contains(method) ? [] : nil)
    self.timeouts = request.timeouts ?? configuration.timeouts
    self.unixSocket = request.unixSocket
  }

  private static func objection(to field: HTTPField) -> String? {
    guard field.name.isHTTPToken else { return "a header name is empty or contains an invalid character" }
    if ["Content-Length", "Transfer-Encoding"].contains(where: field.name.equalsIgnoringASCIICase) {
      return "the client sets the header \(field.name) from the body"
    }
    if let byte = field.value.utf8.first(where: { $0 < 0x20 && $0 != 0x09 || $0 == 0x7F }) {
      return "the value of the header \(field.name) contains \(byte.controlName)"
    }
    return nil
  }

  /// Returns a header line. libcurl reads `Name:` as "omit this header" and `Name;` as "send it without a value".
  private static func line(_ field: HTTPField) -> String {
    field.value.utf8.allSatisfy { $0 == 0x20 || $0 == 0x09 } ? "\(field.name);" : "\(field.name): \(field.value)"
  }
}

extension String {
  /// Whether it is a token as in RFC 9110, section 5.6.2: the syntax of methods and header names.
  var isHTTPToken: Bool {
    !isEmpty
      && utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"):
          true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
      }
  }
}

extension UInt8 {
  /// The name of a byte that is not allowed in a line of text.
  var controlName: String {
    switch self {
    case 0x00: "a NUL byte"
    case 0x0A: "a line feed"
    case 0x0D: "a carriage return"
    case 0x20: "a space"
    default: "a control character"
    }
  }
}
