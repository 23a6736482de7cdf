/// The header fields of a response, in the order received.
package struct HTTPHeaders: Sendable, Hashable {
  /// All fields, including repeated ones.
  package var fields: [HTTPField]

  package init(_ fields: [HTTPField] = []) {
    self.fields = fields
  }

  /// The first value of a name, case-insensitive.
  package subscript(name: String) -> String? {
    fields.first { $0.name.equalsIgnoringASCIICase(name) }?.value
  }

  /// Returns all values of a name, in order.
  package func all(_ name: String) -> [String] {
    fields.filter { $0.name.equalsIgnoringASCIICase(name) }.map(\.value)
  }
}

extension String {
  /// Compares header names, which are ASCII and case-insensitive (RFC 9110, section 5.1).
  func equalsIgnoringASCIICase(_ other: String) -> Bool {
    utf8.count == other.utf8.count && zip(utf8, other.utf8).allSatisfy { $0.lowercasedASCII == $1.lowercasedASCII }
  }
}

extension UInt8 {
  fileprivate var lowercasedASCII: UInt8 {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self | 0x20 : self
  }
}
