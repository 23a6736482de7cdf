import NIOHTTP1

// The header `traceparent`: version, trace ID, parent span ID and flags, in hex digits
// (https://www.w3.org/TR/trace-context/#traceparent-header).
extension TraceContext {
  /// A span of a request with these headers: in the client's trace, or in a new one if there is none, or not exactly
  /// one.
  init(_ headers: HTTPHeaders, _ random: RandomNumbers) {
    let span = random.hexDigits(words: 1)
    let given = headers["traceparent"]
    if given.count == 1, let parent = given.first.flatMap(TraceParent.init(parsing:)) {
      self.init(traceID: parent.traceID, spanID: span, parentSpanID: parent.spanID, isSampled: parent.isSampled)
    } else {
      self.init(traceID: random.hexDigits(words: 2), spanID: span, parentSpanID: nil, isSampled: true)
    }
  }

  /// The header for the replica, whose parent is the request's own span.
  var traceparent: String { "00-\(traceID)-\(spanID)-\(isSampled ? "01" : "00")" }
}

/// The value of a `traceparent` header.
package struct TraceParent: Hashable, Sendable {
  package let traceID: String
  package let spanID: String
  package let isSampled: Bool

  /// Nil if the text is not valid. A later version of the header is read as far as it is known.
  package init?(parsing text: String) {
    let bytes = Array(text.utf8)
    guard bytes.count >= 55, [2, 35, 52].allSatisfy({ bytes[$0] == UInt8(ascii: "-") }),
      let version = Self.digits(bytes[0..<2]), let traceID = Self.digits(bytes[3..<35]),
      let spanID = Self.digits(bytes[36..<52]), let flags = Self.digits(bytes[53..<55]),
      let sampled = UInt8(flags, radix: 16).map({ $0 & 1 == 1 })
    else { return nil }
    guard version != "ff", bytes.count == 55 || version != "00" && bytes[55] == UInt8(ascii: "-") else { return nil }
    guard traceID.contains(where: { $0 != "0" }), spanID.contains(where: { $0 != "0" }) else { return nil }
    self.traceID = traceID
    self.spanID = spanID
    isSampled = sampled
  }

  /// The text, if all of it is hex digits in lower case.
  private static func digits(_ bytes: ArraySlice<UInt8>) -> String? {
    let isHexadecimal = bytes.allSatisfy {
      (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
    }
    return isHexadecimal ? String(decoding: bytes, as: UTF8.self) : nil
  }
}
