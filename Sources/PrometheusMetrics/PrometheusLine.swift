/// One sample as a line of the text format: `name{label="value",…} number`. A time and an exemplar behind the number are
/// ignored.
struct PrometheusLine {
  let name: String
  private(set) var labels: [String: String] = [:]
  private(set) var value = 0.0

  /// Nil if the line cannot be read.
  init?(_ line: Substring.UTF8View) {
    let name = line.prefix { Self.isName($0) }
    guard let first = name.first, !Self.isDigit(first) else { return nil }
    self.name = String(decoding: name, as: UTF8.self)
    var rest = line[name.endIndex...]
    Self.skipSpaces(&rest)
    if rest.first == UInt8(ascii: "{") {
      rest = rest.dropFirst()
      guard readLabels(&rest) else { return nil }
    }
    Self.skipSpaces(&rest)
    guard let value = Self.number(rest.prefix { !Self.isSpace($0) }) else { return nil }
    self.value = value
  }

  /// Reads `a="1",b="2"}`.
  private mutating func readLabels(_ rest: inout Substring.UTF8View) -> Bool {
    while true {
      Self.skipSpaces(&rest)
      if rest.first == UInt8(ascii: "}") {
        rest = rest.dropFirst()
        return true
      }
      let name = rest.prefix { Self.isName($0) }
      guard !name.isEmpty else { return false }
      rest = rest[name.endIndex...]
      Self.skipSpaces(&rest)
      guard rest.popFirst() == UInt8(ascii: "=") else { return false }
      Self.skipSpaces(&rest)
      guard rest.popFirst() == UInt8(ascii: "\""), let value = Self.quoted(&rest) else { return false }
      labels[String(decoding: name, as: UTF8.self)] = value
      Self.skipSpaces(&rest)
      if rest.first == UInt8(ascii: ",") {
        rest = rest.dropFirst()
      } else if rest.first != UInt8(ascii: "}") {
        return false
      }
    }
  }

  /// Reads up to the closing quotation mark; nil if there is none.
  private static func quoted(_ rest: inout Substring.UTF8View) -> String? {
    var bytes: [UInt8] = []
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "\""): return String(decoding: bytes, as: UTF8.self)
      case UInt8(ascii: "\\"):
        guard let escaped = rest.popFirst() else { return nil }
        append(escaped, to: &bytes)
      default: bytes.append(byte)
      }
    }
    return nil
  }

  /// Returns a header's text without its escapes.
  static func unescaped(_ text: String) -> String {
    guard text.utf8.contains(UInt8(ascii: "\\")) else { return text }
    var (bytes, rest): ([UInt8], Substring.UTF8View) = ([], text[...].utf8)
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "\\"), let escaped = rest.popFirst() {
        append(escaped, to: &bytes)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func append(_ escaped: UInt8, to bytes: inout [UInt8]) {
    switch escaped {
    case UInt8(ascii: "n"): bytes.append(UInt8(ascii: "\n"))
    case UInt8(ascii: "\\"), UInt8(ascii: "\""): bytes.append(escaped)
    default: bytes += [UInt8(ascii: "\\"), escaped]
    }
  }

  /// Reads a number as Go's `ParseFloat` writes it; nil if it is not one.
  static func number(_ text: Substring.UTF8View) -> Double? {
    let text = String(Substring(text))
    switch text {
    case "NaN", "nan": return .nan
    case "+Inf", "Inf", "inf": return .infinity
    case "-Inf", "-inf": return -.infinity
    default: return text.isEmpty ? nil : Double(text)
    }
  }

  /// Reads a number as Go's `ParseFloat` writes it; nil if it is not one.
  static func number(_ text: String.UTF8View) -> Double? { number(text[...]) }

  private static func skipSpaces(_ text: inout Substring.UTF8View) { text = text.drop(while: isSpace) }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }

  private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

  private static func isName(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"),
      UInt8(ascii: ":"):
      true
    default: isDigit(byte)
    }
  }
}
