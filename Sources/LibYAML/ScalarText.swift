/// Writes a text so that it is read back as that text.
enum ScalarText {
  /// Returns the text on one line: plain if it cannot be misread, else in double quotes.
  static func inline(_ text: String) -> String {
    canBePlain(text) ? text : quoted(text)
  }

  /// Whether the text has several lines of ordinary characters that a literal block (`|`) preserves.
  static func canBeLiteral(_ text: String) -> Bool {
    let body = text.hasSuffix("\n") ? text.dropLast() : text[...]
    guard body.utf8.contains(UInt8(ascii: "\n")), let first = body.utf8.first, let last = body.utf8.last,
      first != UInt8(ascii: " "), first != UInt8(ascii: "\n"), last != UInt8(ascii: "\n")
    else { return false }
    return body.unicodeScalars.allSatisfy { $0 == "\n" || ($0 != "\t" && isPrintable($0)) }
      && body.split(separator: "\n").allSatisfy { !$0.hasSuffix(" ") }
  }

  /// Returns a text for a comment: characters that would end the line or are not allowed in YAML are escaped.
  static func oneLine(_ text: String) -> String {
    text.unicodeScalars.reduce(into: "") { $0 += isPrintable($1) ? String($1) : escape($1) }
  }

  /// Whether the text can be plain, more strictly than in YAML: letters, digits and a few signs, beginning with a
  /// letter, a digit, `_` or `/`, and nothing that looks like a boolean, a null, a number or a date in any version of
  /// YAML.
  private static func canBePlain(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard let first = bytes.first, let last = bytes.last, first.isWord || first == UInt8(ascii: "/"),
      last != UInt8(ascii: " "), last != UInt8(ascii: ":"), ScalarKind(plain: text) == .string
    else { return false }
    if first.isDigit, bytes.allSatisfy(\.canBeInNumber) { return false }
    for (index, byte) in bytes.enumerated() {
      switch byte {
      case UInt8(ascii: "/"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "@"),
        UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: ";"), UInt8(ascii: "="):
        continue
      case UInt8(ascii: ":") where bytes[index + 1] != UInt8(ascii: " "): continue
      case UInt8(ascii: " ") where bytes[index + 1] != UInt8(ascii: " "): continue
      default: if !byte.isWord { return false }
      }
    }
    return true
  }

  private static func quoted(_ text: String) -> String {
    var output = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": output += "\\\""
      case "\\": output += "\\\\"
      case "\n": output += "\\n"
      case "\r": output += "\\r"
      case "\t": output += "\\t"
      default:
        if isPrintable(scalar) { output.unicodeScalars.append(scalar) } else { output += escape(scalar) }
      }
    }
    return output + "\""
  }

  private static func escape(_ scalar: Unicode.Scalar) -> String {
    let digits = String(scalar.value, radix: 16, uppercase: true)
    let (letter, width) = scalar.value < 0x100 ? ("x", 2) : scalar.value < 0x10000 ? ("u", 4) : ("U", 8)
    return "\\" + letter + String(repeating: "0", count: width - digits.count) + digits
  }

  /// Whether the character is printable in YAML and not a line break in any version of it.
  private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x20...0x7E, 0xA0...0x2027, 0x202A...0xD7FF, 0xE000...0xFEFE, 0xFF00...0xFFFD, 0x10000...0x10FFFF: true
    default: false
    }
  }
}

extension UInt8 {
  fileprivate var isWord: Bool {
    isDigit || self == UInt8(ascii: "_") || (self | 0x20 >= UInt8(ascii: "a") && self | 0x20 <= UInt8(ascii: "z"))
  }

  /// Whether the byte occurs in a number, date or time in any version of YAML.
  fileprivate var canBeInNumber: Bool {
    isHexDigit || Array("_.:,+-xXoOtTzZ ".utf8).contains(self)
  }
}
