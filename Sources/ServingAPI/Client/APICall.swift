package import CanonicalJSON
package import LibCurl

/// One call of the API, as a value.
package struct APICall: Sendable {
  package let method: String
  /// The path as sent, such as `/api/2.0/serving-endpoints/x`; parts from outside are percent-encoded.
  package let path: String
  package var query: [(name: String, value: String)] = []
  package var body: JSONValue?
  package var retries: RetryPolicy.Mode
  /// Nil uses the client's timeouts.
  package var timeouts: HTTPTimeouts?
  /// Texts in the body that no message may repeat, such as environment values.
  package var secrets: [String] = []

  /// - Parameter retries: reads and idempotent calls are repeatable; a `POST` is not.
  package init(
    _ method: String, _ path: APIPath, query: [(name: String, value: String)] = [], body: JSONValue? = nil,
    retries: RetryPolicy.Mode? = nil
  ) {
    self.method = method
    self.path = path.text
    self.query = query
    self.body = body
    self.retries = retries ?? (method == "POST" ? .whenNotApplied : .repeatable)
  }

  /// The call in messages, with the original names in its path.
  package var description: String { "\(method) \(PercentEncoding.decode(path))" }

  var pathAndQuery: String {
    guard !query.isEmpty else { return path }
    return path + "?"
      + query.map { "\(PercentEncoding.encode($0.name))=\(PercentEncoding.encode($0.value))" }
      .joined(separator: "&")
  }
}

/// A path whose variable parts are percent-encoded: `"/api/2.0/serving-endpoints/\(name)"`.
package struct APIPath: Sendable, ExpressibleByStringInterpolation {
  package let text: String

  package init(stringLiteral value: String) { text = value }
  package init(stringInterpolation: Interpolation) { text = stringInterpolation.text }

  package struct Interpolation: StringInterpolationProtocol {
    var text = ""

    package init(literalCapacity: Int, interpolationCount: Int) { text.reserveCapacity(literalCapacity) }
    package mutating func appendLiteral(_ literal: String) { text += literal }
    package mutating func appendInterpolation(_ value: String) { text += PercentEncoding.encodeSegment(value) }
    package mutating func appendInterpolation(_ value: Int64) { text += String(value) }
  }
}

package enum PercentEncoding {
  /// Encodes everything except the unreserved characters of RFC 3986.
  static func encode(_ text: String) -> String {
    var encoded = ""
    for byte in text.utf8 {
      if isUnreserved(byte) {
        encoded.unicodeScalars.append(Unicode.Scalar(byte))
      } else {
        encoded += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
      }
    }
    return encoded
  }

  /// Encodes one segment of a path. `.` and `..` would be path steps, so their dots are encoded.
  static func encodeSegment(_ text: String) -> String {
    text == "." || text == ".." ? text.map { _ in "%2E" }.joined() : encode(text)
  }

  /// Decodes a path or an address for display; parts that are not encoded UTF-8 are kept.
  package static func decode(_ text: String) -> String {
    guard text.utf8.contains(UInt8(ascii: "%")) else { return text }
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let first = rest.popFirst() {
      guard first == UInt8(ascii: "%") else {
        bytes.append(first)
        continue
      }
      let digits = rest.prefix(2)
      guard digits.count == 2, digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
        let byte = UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
      else { return text }
      bytes.append(byte)
      rest = rest.dropFirst(2)
    }
    return String(validating: bytes, as: UTF8.self) ?? text
  }

  private static func isUnreserved(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: true
    default: false
    }
  }
}
