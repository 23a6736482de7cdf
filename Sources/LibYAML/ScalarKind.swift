/// The meaning of a scalar under YAML 1.2's core schema. Forms on which YAML 1.1 and 1.2 readers disagree are separate,
/// because a manifest must mean the same to Setpoint, to kubectl and to the tool that renders it.
package enum ScalarKind: Sendable, Hashable {
  case null
  case bool(Bool)
  case integer(Int)
  case float(Double)
  case string
  /// Readers disagree, or a tag contradicts the text; never silently treated as any of the above.
  case ambiguous(YAMLAmbiguity)
}

/// Why the meaning of a scalar is ambiguous.
package enum YAMLAmbiguity: Sendable, Hashable {
  /// `yes`, `no`, `on`, `off`, `y`, `n`: a boolean in YAML 1.1, text in 1.2.
  case boolean(Bool)
  /// `07`: octal in YAML 1.1, decimal in 1.2.
  case leadingZero
  /// `0o7`: an integer in YAML 1.2, text in 1.1.
  case octalPrefix
  /// `0b1`: an integer in YAML 1.1, text in 1.2.
  case binary
  /// `1_000`: a number in YAML 1.1, text in 1.2.
  case underscores
  /// `1:30`: ninety in YAML 1.1, text in 1.2.
  case sexagesimal
  /// `2026-01-31`: a date in YAML 1.1, text in 1.2.
  case timestamp
  /// An integer beyond 64 bits.
  case tooLarge
  /// `=` or `<<` as a value: special in YAML 1.1, text in 1.2.
  case specialWord
  /// The tag names a type that does not match the text, or an unknown one.
  case tag(String)

  /// One clause for people, to follow the quoted text and a colon.
  package var explanation: String {
    switch self {
    case .boolean(let value): "YAML 1.1 readers read it as \(value), YAML 1.2 readers as text"
    case .leadingZero: "with its leading zero it is octal to YAML 1.1 readers and decimal to YAML 1.2 readers"
    case .octalPrefix: "YAML 1.2 readers read it as an octal number, YAML 1.1 readers as text"
    case .binary: "YAML 1.1 readers read it as a binary number, YAML 1.2 readers as text"
    case .underscores: "YAML 1.1 readers read it as a number, YAML 1.2 readers as text"
    case .sexagesimal: "YAML 1.1 readers read it as a number in base 60, YAML 1.2 readers as text"
    case .timestamp: "YAML 1.1 readers read it as a date, YAML 1.2 readers as text"
    case .tooLarge: "it is a number of more than 64 bits"
    case .specialWord: "it has a special meaning to YAML 1.1 readers"
    case .tag(let tag): "its tag \(tag) does not match it"
    }
  }
}

extension YAMLScalar {
  /// The meaning of the scalar: quotes and block styles make it text, and a tag takes precedence over the text's form.
  package var kind: ScalarKind {
    guard let tag else { return style == .plain ? ScalarKind(plain: text) : .string }
    let plain = ScalarKind(plain: text)
    switch (tag, plain) {
    case ("!", _), ("tag:yaml.org,2002:str", _): return .string
    case ("tag:yaml.org,2002:int", .integer), ("tag:yaml.org,2002:float", .float), ("tag:yaml.org,2002:bool", .bool),
      ("tag:yaml.org,2002:null", .null):
      return plain
    case ("tag:yaml.org,2002:float", .integer(let value)): return .float(Double(value))
    default: return .ambiguous(.tag(Self.short(tag)))
    }
  }

  /// Returns the short form of a tag, such as `!!int`.
  static func short(_ tag: String) -> String {
    let prefix = "tag:yaml.org,2002:"
    return tag.hasPrefix(prefix) ? "!!" + tag.dropFirst(prefix.count) : tag
  }
}

extension ScalarKind {
  /// Creates the kind of a plain scalar, without quotes and without a tag.
  package init(plain text: String) {
    guard let first = text.utf8.first else {
      self = .null
      return
    }
    switch first {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
      self = Self.number(Array(text.utf8)) ?? .string
    case UInt8(ascii: "~"), UInt8(ascii: "="), UInt8(ascii: "<"), UInt8(ascii: "t"), UInt8(ascii: "T"),
      UInt8(ascii: "f"),
      UInt8(ascii: "F"), UInt8(ascii: "n"), UInt8(ascii: "N"), UInt8(ascii: "y"), UInt8(ascii: "Y"), UInt8(ascii: "o"),
      UInt8(ascii: "O"):
      self = text.utf8.count <= 5 ? Self.word(text) : .string
    default:
      self = .string
    }
  }

  private static func word(_ text: String) -> ScalarKind {
    switch text {
    case "~", "null", "Null", "NULL": .null
    case "true", "True", "TRUE": .bool(true)
    case "false", "False", "FALSE": .bool(false)
    case "y", "Y", "yes", "Yes", "YES", "on", "On", "ON": .ambiguous(.boolean(true))
    case "n", "N", "no", "No", "NO", "off", "Off", "OFF": .ambiguous(.boolean(false))
    case "=", "<<": .ambiguous(.specialWord)
    default: .string
    }
  }

  /// Returns the kind of a text that begins like a number; nil if it is not a number in any version of YAML.
  private static func number(_ bytes: [UInt8]) -> ScalarKind? {
    let sign = bytes[0] == UInt8(ascii: "-") || bytes[0] == UInt8(ascii: "+") ? 1 : 0
    let body = bytes[sign...]
    guard let first = body.first else { return nil }
    if first == UInt8(ascii: "."), let special = specialFloat(body, sign: bytes[0]) { return special }
    if let based = basedInteger(body, negative: bytes[0] == UInt8(ascii: "-")) { return based }
    if sign == 0, isTimestamp(bytes) { return .ambiguous(.timestamp) }
    return decimal(bytes, from: sign)
  }

  private static func specialFloat(_ body: ArraySlice<UInt8>, sign: UInt8) -> ScalarKind? {
    switch String(decoding: body, as: UTF8.self) {
    case ".inf", ".Inf", ".INF": .float(sign == UInt8(ascii: "-") ? -.infinity : .infinity)
    case ".nan", ".NaN", ".NAN": sign == UInt8(ascii: ".") ? .float(.nan) : nil
    default: nil
    }
  }

  /// Reads `0x1F`, `0o7`, `0b1`.
  private static func basedInteger(_ body: ArraySlice<UInt8>, negative: Bool) -> ScalarKind? {
    guard body.count > 2, body[body.startIndex] == UInt8(ascii: "0") else { return nil }
    let digits = body.dropFirst(2)
    func all(_ isDigit: (UInt8) -> Bool) -> Bool { digits.allSatisfy { isDigit($0) || $0 == UInt8(ascii: "_") } }
    switch body[body.startIndex + 1] {
    case UInt8(ascii: "x"):
      guard all(\.isHexDigit) else { return nil }
      if digits.contains(UInt8(ascii: "_")) { return .ambiguous(.underscores) }
      let text = (negative ? "-" : "") + String(decoding: digits, as: UTF8.self)
      return Int(text, radix: 16).map { .integer($0) } ?? .ambiguous(.tooLarge)
    case UInt8(ascii: "o"):
      return all { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "7") } ? .ambiguous(.octalPrefix) : nil
    case UInt8(ascii: "b"):
      return all { $0 == UInt8(ascii: "0") || $0 == UInt8(ascii: "1") } ? .ambiguous(.binary) : nil
    default:
      return nil
    }
  }

  /// Reads decimal integers and floats, with the underscores and colons of YAML 1.1.
  private static func decimal(_ bytes: [UInt8], from start: Int) -> ScalarKind? {
    var index = start
    var digits = 0
    var underscores = false
    var colons = false
    var point = false
    var exponent = false
    scan: while index < bytes.count {
      switch bytes[index] {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digits += 1
      case UInt8(ascii: "_") where digits > 0: underscores = true
      case UInt8(ascii: ":") where digits > 0 && !point:
        guard index + 1 < bytes.count, bytes[index + 1].isDigit else { return nil }
        colons = true
      case UInt8(ascii: ".") where !point: point = true
      case UInt8(ascii: "e") where digits > 0 && !colons, UInt8(ascii: "E") where digits > 0 && !colons:
        exponent = true
        break scan
      default: return nil
      }
      index += 1
    }
    guard digits > 0 else { return nil }
    if exponent, !isExponent(bytes[index...]) { return nil }
    if colons { return .ambiguous(.sexagesimal) }
    if underscores { return .ambiguous(.underscores) }
    let text = String(decoding: bytes, as: UTF8.self)
    if point || exponent { return .float(Double(text) ?? Double(text + "0") ?? .nan) }
    if bytes[start] == UInt8(ascii: "0"), digits > 1 { return .ambiguous(.leadingZero) }
    return Int(text).map { .integer($0) } ?? .ambiguous(.tooLarge)
  }

  private static func isExponent(_ bytes: ArraySlice<UInt8>) -> Bool {
    var digits = bytes.dropFirst()
    if let sign = digits.first, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { digits = digits.dropFirst() }
    return !digits.isEmpty && digits.allSatisfy(\.isDigit)
  }

  /// Whether the text is a date such as `2026-01-31`, alone or followed by a time of day.
  private static func isTimestamp(_ bytes: [UInt8]) -> Bool {
    guard bytes.count >= 8, bytes[0..<4].allSatisfy(\.isDigit), bytes[4] == UInt8(ascii: "-") else { return false }
    let parts = bytes[5...].split(separator: UInt8(ascii: "-"), maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, (1...2).contains(parts[0].count), parts[0].allSatisfy(\.isDigit) else { return false }
    let day = parts[1].prefix(while: \.isDigit)
    guard (1...2).contains(day.count) else { return false }
    guard let next = parts[1].dropFirst(day.count).first else { return true }
    return [UInt8(ascii: "T"), UInt8(ascii: "t"), UInt8(ascii: " "), UInt8(ascii: "\t")].contains(next)
  }
}

extension UInt8 {
  var isDigit: Bool { self >= UInt8(ascii: "0") && self <= UInt8(ascii: "9") }

  var isHexDigit: Bool {
    isDigit || (self | 0x20 >= UInt8(ascii: "a") && self | 0x20 <= UInt8(ascii: "f"))
  }
}
