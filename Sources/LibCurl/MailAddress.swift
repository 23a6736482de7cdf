/// An email address that may be written into a mail's header and into a command to its server: `local@domain` in ASCII,
/// without quotes, comments and line breaks.
package struct MailAddress: Hashable, Sendable {
  package let text: String
  /// The part after the `@`.
  package let domain: String

  /// - Throws: `Malformed`, which does not repeat the text.
  package init(_ text: String) throws(Malformed) {
    let parts = text.split(separator: "@", omittingEmptySubsequences: false)
    guard text.utf8.count <= Self.longest, parts.count == 2, let local = parts.first, let domain = parts.last,
      Self.isDotted(local, allowed: Self.isLocal), Self.isDotted(domain, allowed: Self.isDomain)
    else { throw Malformed() }
    self.text = text
    self.domain = String(domain)
  }

  /// Whether the domain has more than one part: an address that other machines can send to.
  package var isFullyQualified: Bool { domain.contains(".") }

  /// The error for a text that is not an email address.
  package struct Malformed: Error {}

  private static let longest = 254

  /// Whether a text consists of parts between dots, none of which is empty, of allowed characters.
  private static func isDotted(_ text: Substring, allowed: (UInt8) -> Bool) -> Bool {
    text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { part in
      !part.isEmpty && part.utf8.allSatisfy(allowed)
    }
  }

  /// Whether a byte may be in an unquoted local part (RFC 5322, atext).
  private static func isLocal(_ byte: UInt8) -> Bool {
    isAlphanumeric(byte) || "!#$%&'*+-/=?^_`{|}~".utf8.contains(byte)
  }

  private static func isDomain(_ byte: UInt8) -> Bool { isAlphanumeric(byte) || byte == UInt8(ascii: "-") }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: false
    }
  }
}
