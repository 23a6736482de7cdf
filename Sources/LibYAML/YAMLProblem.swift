/// A fault that libyaml found, with the text around it: says what is probably wrong and where to look.
struct YAMLProblem {
  /// libyaml's message, such as `did not find expected key`.
  let problem: String
  /// libyaml's message about what it was reading, such as `while parsing a block mapping`; nil if it gave none.
  let context: String?
  /// The start of what it was reading.
  let began: SourceMark
  let mark: SourceMark
  /// The offset of `mark` in `text`.
  let offset: Int
  let text: UnsafeBufferPointer<UInt8>
  /// The line number of the first line of `text`.
  let firstLine: Int

  /// The explanation with libyaml's message in parentheses; without an explanation, libyaml's message with its context.
  var message: String {
    if let explanation { return "\(explanation) (\(problem))" }
    var message = problem
    if let context {
      message += " \(context)"
      if began.line != mark.line { message += " (which began at line \(began.line), column \(began.column))" }
    }
    return message + advice
  }

  private var explanation: String? {
    switch problem {
    case "mapping values are not allowed in this context": strayColon
    case "did not find expected key": context?.contains("block mapping") == true ? strayText : nil
    case "did not find expected '-' indicator": notAnItem
    case "could not find expected ':'" where began.line != mark.line:
      "line \(began.line) is not \"key: value\": add a colon and a space after its key"
    case "did not find expected <document start>": afterDocument
    case "found unexpected end of stream" where context?.contains("quoted scalar") == true:
      "the quotation mark at line \(began.line), column \(began.column) is not closed"
    default: nil
    }
  }

  // MARK: - Explanations

  /// A colon after a text that cannot be a key.
  private var strayColon: String? {
    if lineBefore.contains(": ") { return "text that contains a colon and a space must be in quotes" }
    guard let above = contentLines.last else { return nil }
    guard above.isEntry else {
      return "line \(above.number) is not \"key: value\", so this line cannot follow it"
    }
    guard column > above.column else { return nil }
    return "this line begins in column \(column), but the key of line \(above.number), which already has a value, "
      + "begins in column \(above.column); align them, or put multi-line text in quotes"
  }

  /// Something other than a key where the next key of a mapping should begin.
  private var strayText: String? {
    if byte == UInt8(ascii: ":") { return "a key is missing before the colon" }
    guard isAtLineStart else { return "unexpected text after a complete value; write the whole value in quotes" }
    guard mark.column == began.column else { return misaligned }
    return byte == UInt8(ascii: "-")
      ? "a list item cannot follow a key of the same mapping; indent the list below its key" : nil
  }

  private var notAnItem: String? {
    guard isAtLineStart else { return nil }
    return mark.column == began.column
      ? "this line is not an item of the list that begins in line \(began.line); begin it with \"- \", or correct its "
        + "indentation" : misaligned
  }

  private var misaligned: String {
    "this line begins in column \(mark.column), where no mapping or list above it begins; correct its indentation"
  }

  /// Text after the end of the document's only value.
  private var afterDocument: String? {
    guard isAtLineStart, let first = contentLines.first, first.indentation + 1 > column else { return nil }
    return "this line begins in column \(column), but line \(first.number) begins in column "
      + "\(first.indentation + 1); align them"
  }

  /// What to do about a fault that libyaml's message explains well enough.
  private var advice: String {
    if problem.hasPrefix("mapping values are not allowed") {
      return "; if the text itself contains a colon and a space, write it in quotes"
    }
    if problem.hasPrefix("found invalid Unicode character escape") {
      return "; YAML writes a character beyond U+FFFF as one escape of eight digits, such as \"\\U0001F600\""
    }
    guard problem.hasPrefix("found character that cannot start") else { return "" }
    switch byte {
    case UInt8(ascii: "\t"): return "; this is a tab: indent with spaces"
    case UInt8(ascii: "@"), UInt8(ascii: "`"), UInt8(ascii: "%"): return "; write the text in quotes"
    default: return ""
    }
  }

  // MARK: - The text around it

  private struct Line {
    let number: Int
    let text: Substring

    /// The number of spaces before the text.
    var indentation: Int { text.prefix { $0 == " " }.count }

    /// The column of its key, after the dashes of list items.
    var column: Int { text.prefix { $0 == " " || $0 == "-" }.count + 1 }

    var isMarker: Bool { text.hasPrefix("---") || text.hasPrefix("...") }

    /// Whether it is more than blank, a comment or a directive.
    var hasContent: Bool { text.first { !$0.isWhitespace }.map { $0 != "#" && $0 != "%" } ?? false }

    /// Whether it sets a key.
    var isEntry: Bool { text.contains(": ") || text.last { !$0.isWhitespace } == ":" }
  }

  private var byte: UInt8? { offset < text.count ? text[offset] : nil }

  /// The text of the line before the fault.
  private var lineBefore: Substring {
    let start = text[..<offset].lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    return String(decoding: text[start..<offset], as: UTF8.self)[...]
  }

  /// The column in which the line begins.
  private var column: Int { lineBefore.prefix { $0 == " " }.count + 1 }
  private var isAtLineStart: Bool { lineBefore.allSatisfy { $0 == " " } }

  /// The lines with content above the fault's line, from the beginning of the document.
  private var contentLines: [Line] {
    let end = text[..<offset].lastIndex(of: UInt8(ascii: "\n")) ?? 0
    // Separated as bytes: as a character, "\r\n" is one.
    let lines = text[..<end].split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated()
      .map { index, bytes in Line(number: firstLine + index, text: String(decoding: bytes, as: UTF8.self)[...]) }
    let start = lines.lastIndex(where: \.isMarker).map { $0 + 1 } ?? 0
    return lines[start...].filter(\.hasContent)
  }
}
