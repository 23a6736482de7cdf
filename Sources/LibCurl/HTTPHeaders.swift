/// The header fields of a response, in the order in which they came.
package struct HTTPHeaders: Sendable, Hashable {
  /// All fields, repeated ones included.
  package var fields: [HTTPField]

  package init(_ fields: [HTTPField] = []) {
    self.fields = fields
  }

  /// The first value of that name, in whatever case the server wrote it.
  package subscript(name: String) -> String? {
    fields.first { $0.name.equalsIgnoringASCIICase(name) }?.value
  }

  /// Every value of that name, in order.
  package func all(_ name: String) -> [String] {
    fields.filter { $0.name.equalsIgnoringASCIICase(name) }.map(\.value)
  }
}

extension String {
  /// Header names are ASCII, and compared without regard to case (RFC 9110, section 5.1).
  func equalsIgnoringASCIICase(_ other: String) -> Bool {
    utf8.count == other.utf8.count && zip(utf8, other.utf8).allSatisfy { $0.lowercasedASCII == $1.lowercasedASCII }
  }
}

extension UInt8 {
  fileprivate var lowercasedASCII: UInt8 {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self | 0x20 : self
  }
}
