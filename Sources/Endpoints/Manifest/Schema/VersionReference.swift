import LibYAML

/// The version of a model that a manifest asks for.
package enum VersionReference: Sendable, Hashable {
  /// A version number as the API requires it: decimal text without leading zeros.
  case number(String)
  /// An alias, without its `@`; resolved to a number before anything is planned.
  case alias(String)
  /// The newest version that can be served; resolved likewise.
  case latest

  /// The reference as a manifest writes it: `7`, `@champion` or `latest`.
  package var text: String {
    switch self {
    case .number(let number): number
    case .alias(let name): "@" + name
    case .latest: Self.latestWord
    }
  }

  /// Registries reserve this word, so no alias has it.
  private static let latestWord = "latest"

  struct Refusal: Error {
    let fault: Fault
  }

  /// Reads the version that a scalar names: text or an integer. A number such as `7.0` is refused, because YAML readers
  /// would disagree on the version.
  static func read(_ scalar: YAMLScalar) -> Result<VersionReference, Refusal> {
    switch scalar.kind {
    case .string: return read(scalar.text)
    case .integer(let number) where scalar.text == String(number) && number > 0: return .success(.number(scalar.text))
    case .integer(let number) where number > 0:
      return refuse("\(scalar.text) is not a plain version number", "write \"\(number)\"")
    case .integer: return refuse("\(scalar.text) is not a version; versions start at 1")
    case .float(let number):
      let whole = Int(exactly: number).flatMap { $0 > 0 ? $0 : nil }
      return refuse(
        "\(scalar.text) is a number with a fraction or an exponent; a version is text or an integer",
        whole.map { "write \"\($0)\"" })
    case .null:
      return refuse("has no value", "write a version such as \"7\", an alias such as \"@champion\", or latest")
    case .bool: return refuse("\(scalar.text) is a boolean; a version is text or an integer")
    case .ambiguous(.leadingZero):
      let digits = scalar.text.drop { $0 == "0" }
      return refuse(
        "\(scalar.text) is ambiguous: \(YAMLAmbiguity.leadingZero.explanation)",
        digits.isEmpty || digits.first == "-" ? nil : "write \"\(digits)\"")
    case .ambiguous(let why):
      return refuse("\(scalar.text) is ambiguous: \(why.explanation)", "a version is text or an integer, such as \"7\"")
    }
  }

  private static func read(_ text: String) -> Result<VersionReference, Refusal> {
    if text == latestWord { return .success(.latest) }
    if text.utf8.first == UInt8(ascii: "@") { return readAlias(String(text.dropFirst())) }
    if text.lowercased() == latestWord {
      return refuse("\(shown(text)) is not a version number", "write \(latestWord)")
    }
    let bytes = text.utf8
    if let first = bytes.first, bytes.count <= 18, bytes.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) {
      if first != UInt8(ascii: "0") { return .success(.number(text)) }
      let digits = text.drop { $0 == "0" }
      return refuse(
        "\(shown(text)) is not a valid version number", digits.isEmpty ? nil : "write \"\(digits)\"")
    }
    let digits = text.drop { $0 == "v" || $0 == "V" }
    if digits.count < text.count, case .success = read(String(digits)) {
      return refuse("\(shown(text)) is not a version number", "write \"\(digits)\"")
    }
    if case .success = readAlias(text) {
      return refuse("\(shown(text)) is not a version number", "write an alias as \"@\(text)\"")
    }
    return refuse(
      "\(shown(text)) is neither a version number nor an alias", "for example \"7\", \"@champion\" or latest")
  }

  private static func readAlias(_ name: String) -> Result<VersionReference, Refusal> {
    let isName = (1...255).contains(name.utf8.count) && name.utf8.allSatisfy(\.isNameByte)
    guard isName else {
      return refuse("\(shown("@" + name)) is not a valid alias; use letters, digits, \"-\" and \"_\"")
    }
    if name.lowercased() == latestWord {
      // Resolving it would always fail.
      return refuse(
        "\(shown("@" + name)) cannot be an alias: registries reserve this name",
        "write \(latestWord), without the @, for the newest version")
    }
    return .success(.alias(name))
  }

  private static func refuse(_ message: String, _ suggestion: String? = nil) -> Result<VersionReference, Refusal> {
    .failure(Refusal(fault: Fault(message, suggestion: suggestion)))
  }
}

extension UInt8 {
  /// Whether the byte is allowed in names of the serving API: an ASCII letter or digit, `-` or `_`.
  var isNameByte: Bool {
    isAlphanumeric || self == UInt8(ascii: "-") || self == UInt8(ascii: "_")
  }

  var isAlphanumeric: Bool {
    (self >= 0x30 && self <= 0x39) || (self | 0x20 >= UInt8(ascii: "a") && self | 0x20 <= UInt8(ascii: "z"))
  }
}
