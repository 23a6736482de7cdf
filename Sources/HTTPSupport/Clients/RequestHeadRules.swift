import NIOHTTP1

/// Rules for a request's head, so that no proxy on the way can interpret it differently than this server does.
enum RequestHeadRules {
  /// Why a head is refused; nil if it is well formed.
  static func refusal(of head: HTTPRequestHead) -> RequestError? {
    let fields = Fields(head.headers)
    return host(head, fields.host) ?? framing(head, fields.length, fields.encoding) ?? expectation(fields.expectation)
  }

  /// A header: its first value, and how often it appears.
  private struct Field {
    private(set) var first: String?
    private(set) var count = 0

    mutating func note(_ value: String) {
      if count == 0 { first = value }
      count += 1
    }
  }

  /// The headers with rules, collected in one pass.
  private struct Fields {
    var host = Field()
    var length = Field()
    var encoding = Field()
    var expectation = Field()

    init(_ headers: HTTPHeaders) {
      for (name, value) in headers {
        // Only a name of the right length is compared.
        switch name.utf8.count {
        case 4 where name.lowercased() == "host": host.note(value)
        case 14 where name.lowercased() == "content-length": length.note(value)
        case 17 where name.lowercased() == "transfer-encoding": encoding.note(value)
        case 6 where name.lowercased() == "expect": expectation.note(value)
        default: break
        }
      }
    }
  }

  private static func host(_ head: HTTPRequestHead, _ hosts: Field) -> RequestError? {
    guard hosts.count <= 1 else { return .malformedHead("the Host header appears \(hosts.count) times; send it once") }
    guard let host = hosts.first else {
      return head.version != .http1_1 ? nil : .malformedHead("the Host header is missing, which HTTP/1.1 requires")
    }
    let isValid = !host.isEmpty && host.utf8.allSatisfy(isHostByte)
    return isValid ? nil : .malformedHead("the Host header is not a valid host name")
  }

  /// Letters, digits and the other characters of names, ports and IPv6 addresses. The name itself is not checked here.
  private static func isHostByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    case UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: ":"), UInt8(ascii: "["),
      UInt8(ascii: "]"), UInt8(ascii: "%"), UInt8(ascii: "~"), UInt8(ascii: "@"):
      true
    default: false
    }
  }

  private static func framing(_ head: HTTPRequestHead, _ lengths: Field, _ encodings: Field) -> RequestError? {
    guard lengths.count <= 1 else {
      return .malformedHead("the Content-Length header appears \(lengths.count) times; send it once")
    }
    if let length = lengths.first, length.isEmpty || !length.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
      return .malformedHead("the Content-Length header is not a number")
    }
    guard let encoding = encodings.first else { return nil }
    guard lengths.count == 0 else {
      return .malformedHead("the request has both Content-Length and Transfer-Encoding; send one of them")
    }
    guard encodings.count == 1, encoding.lowercased() == "chunked", head.version == .http1_1 else {
      return .malformedHead("this Transfer-Encoding is not supported; use \"chunked\", once, or Content-Length")
    }
    return nil
  }

  private static func expectation(_ expectations: Field) -> RequestError? {
    guard let expectation = expectations.first else { return nil }
    guard expectations.count == 1, expectation.lowercased() == "100-continue" else {
      return RequestError(
        417, "BAD_REQUEST", "invalid_request_error", "this Expect header is not supported; only \"100-continue\" is")
    }
    return nil
  }
}
