/// Makes text that others wrote safe to print.
///
/// A tag, a description, a server's message or a log line may contain terminal controls, line breaks, bidirectional
/// overrides and invisible characters. Printed raw, they move the cursor, forge lines, or disguise a text as another.
package enum Printable {
  /// Returns the text on one line: everything that does not print as itself is escaped, such as `\n` or `\u{202e}`.
  package static func line(_ text: String) -> String { escaped(text, where: isInvisible, as: lineEscape) }

  /// Returns a stream for people, such as logs or a model's answer: line breaks and tabs stay, as do the joiners that
  /// scripts and emoji need; terminal controls and changes of the reading direction are escaped.
  package static func stream(_ text: String) -> String { escaped(text, where: controlsStream, as: lineEscape) }

  /// Returns a JSON document with everything invisible in its strings as `\u` escapes: the same data for a parser. Line
  /// breaks between the values stay.
  package static func json(_ document: String) -> String {
    escaped(document, where: { $0 != "\n" && isInvisible($0, after: $1) }, as: jsonEscape)
  }

  // MARK: - Which characters

  private typealias Test = (_ scalar: Unicode.Scalar, _ former: Unicode.Scalar?) -> Bool

  /// Whether the character is a control, a line or paragraph separator, a format character (including bidirectional and
  /// zero-width ones), another character without a glyph (Unicode's default ignorables), private use or a noncharacter.
  private static func isInvisible(_ scalar: Unicode.Scalar, after former: Unicode.Scalar?) -> Bool {
    if scalar.value < 0x7F { return scalar.value < 0x20 }
    let properties = scalar.properties
    switch properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .surrogate: return true
    default: break
    }
    if isEmojiStyle(scalar, after: former) { return false }
    return properties.isDefaultIgnorableCodePoint || properties.isNoncharacterCodePoint
  }

  /// Whether it is the selector that gives the symbol before it its colored or plain form, as in `❤️`.
  private static func isEmojiStyle(_ scalar: Unicode.Scalar, after former: Unicode.Scalar?) -> Bool {
    guard scalar.value == 0xFE0F || scalar.value == 0xFE0E, let former else { return false }
    return former.value > 0x2000 && former.properties.isEmoji
  }

  private static func controlsStream(_ scalar: Unicode.Scalar, after former: Unicode.Scalar?) -> Bool {
    switch scalar.value {
    case 0x09, 0x0A: false
    case ..<0x20, 0x7F..<0xA0: true
    // Embeddings, overrides and isolates: they reorder the text around them.
    case 0x202A...0x202E, 0x2066...0x2069: true
    default: false
    }
  }

  // MARK: - How they are written

  private static func lineEscape(_ scalar: Unicode.Scalar) -> String {
    switch scalar {
    case "\n": "\\n"
    case "\r": "\\r"
    case "\t": "\\t"
    default: "\\u{\(String(scalar.value, radix: 16))}"
    }
  }

  private static func jsonEscape(_ scalar: Unicode.Scalar) -> String {
    UTF16.encode(scalar).map { units in
      units.map { unit in
        let digits = String(unit, radix: 16)
        return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      }.joined()
    } ?? ""
  }

  private static func escaped(
    _ text: String, where isEscaped: Test, as escape: (Unicode.Scalar) -> String
  ) -> String {
    // Nearly every text is plain and returned as it is.
    if text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) { return text }
    var result = ""
    result.reserveCapacity(text.utf8.count)
    var former: Unicode.Scalar?
    for scalar in text.unicodeScalars {
      if isEscaped(scalar, former) {
        result += escape(scalar)
      } else {
        result.unicodeScalars.append(scalar)
      }
      former = scalar
    }
    return result
  }
}
