import Durations
import LibYAML

/// Reads scalars by their clear meaning, never by guessing.
extension RecordReader {
  mutating func scalar(_ scalar: YAMLScalar, _ node: YAMLNode, _ type: FieldType) -> FieldValue? {
    switch type {
    case .text(let rule):
      if let fault = Self.notText(scalar.kind, scalar.text, isSecret: rule.isSecret) ?? Self.broken(scalar.text, rule) {
        report(node.mark, fault)
        return nil
      }
      return .text(scalar.text)
    case .version:
      switch VersionReference.read(scalar) {
      case .success(let version): return .version(version)
      case .failure(let fault):
        report(node.mark, fault.fault)
        return nil
      }
    case .boolean: return boolean(scalar, node)
    case .integer(let range): return integer(scalar, node, range)
    case .number(let range): return number(scalar, node, range)
    case .duration: return duration(scalar, node)
    case .bytes(let range): return bytes(scalar, node, range)
    case .word(let words): return word(scalar, node, words)
    case .openWord(let words, let noun): return openWord(scalar, node, words, noun: noun)
    case .textMap, .list, .object, .objectOrList, .anything: return nil
    }
  }

  private mutating func boolean(_ scalar: YAMLScalar, _ node: YAMLNode) -> FieldValue? {
    switch scalar.kind {
    case .bool(let value): return .boolean(value)
    case .ambiguous(.boolean(let value)):
      report(
        node.mark,
        Fault(
          "\(scalar.text) is not clearly a boolean: \(YAMLAmbiguity.boolean(value).explanation)",
          suggestion: "write \(value)"))
      return nil
    case .string where scalar.text == "true" || scalar.text == "false":
      return wrong(node, expected: "true or false", suggestion: "remove the quotes")
    default: return wrong(node, expected: "true or false")
    }
  }

  private mutating func integer(_ scalar: YAMLScalar, _ node: YAMLNode, _ range: ClosedRange<Int>) -> FieldValue? {
    // The text of a fault is created only if it is needed.
    if case .integer(let value) = scalar.kind, range.contains(value) { return .integer(value) }
    let expected = "an integer " + range.words
    switch scalar.kind {
    case .ambiguous(let why): return ambiguous(scalar, node, why, expected: expected)
    case .string where Int(scalar.text) != nil:
      return wrong(node, expected: expected, suggestion: "remove the quotes")
    default: return wrong(node, expected: expected)
    }
  }

  private mutating func number(_ scalar: YAMLScalar, _ node: YAMLNode, _ range: NumberRange) -> FieldValue? {
    switch scalar.kind {
    case .integer(let value) where range.contains(Double(value)): return .number(Double(value))
    case .float(let value) where range.contains(value): return .number(value)
    default: return notNumber(scalar, node, expected: "a number " + range.words)
    }
  }

  private mutating func notNumber(_ scalar: YAMLScalar, _ node: YAMLNode, expected: String) -> FieldValue? {
    switch scalar.kind {
    case .ambiguous(let why): return ambiguous(scalar, node, why, expected: expected)
    case .string where Double(scalar.text) != nil:
      return wrong(node, expected: expected, suggestion: "remove the quotes")
    default: return wrong(node, expected: expected)
    }
  }

  private mutating func duration(_ scalar: YAMLScalar, _ node: YAMLNode) -> FieldValue? {
    if scalar.kind == .string, let duration = DurationText.read(scalar.text) { return .duration(duration) }
    if case .integer(let value) = scalar.kind, value > 0 {
      return wrong(node, expected: DurationText.expectation, suggestion: "add a unit: \(value)s or \(value)m")
    }
    let isOutOfRange = scalar.kind == .string && DurationText.seconds(scalar.text) != nil
    return wrong(node, expected: isOutOfRange ? "a duration from 1s to 1000h" : DurationText.expectation)
  }

  private mutating func bytes(_ scalar: YAMLScalar, _ node: YAMLNode, _ range: ClosedRange<Int>) -> FieldValue? {
    let bytes: Int? =
      switch scalar.kind {
      case .integer(let number): number
      case .string: ByteCountText.bytes(scalar.text)
      default: nil
      }
    if let bytes, range.contains(bytes) { return .integer(bytes) }
    let bounds = [range.lowerBound, range.upperBound].map { ByteCountText.text(bytes: $0) }.joined(separator: " to ")
    return wrong(node, expected: "a number of bytes from \(bounds), such as 64Mi")
  }

  private mutating func word(_ scalar: YAMLScalar, _ node: YAMLNode, _ words: [String]) -> FieldValue? {
    if words.contains(scalar.text), scalar.kind == .string { return .text(scalar.text) }
    let expected = words.count == 1 ? "\"\(words[0])\"" : "one of " + words.joined(separator: ", ")
    let near = Similarity.closest(to: scalar.text, among: words)
    return wrong(node, expected: expected, suggestion: near.map { "did you mean \"\($0)\"?" })
  }

  private mutating func openWord(
    _ scalar: YAMLScalar, _ node: YAMLNode, _ words: [String], noun: String
  ) -> FieldValue? {
    if let fault = Self.notText(scalar.kind, scalar.text, isSecret: false) ?? Self.broken(scalar.text, .word) {
      report(node.mark, fault)
      return nil
    }
    if words.contains(scalar.text) { return .text(scalar.text) }
    if let near = Similarity.closest(to: scalar.text, among: words),
      !Similarity.differOnlyInDigits(near, scalar.text)
    {
      report(
        node.mark, Fault("\(shown(scalar.text)) is not a known \(noun)", suggestion: "did you mean \"\(near)\"?"))
      return nil
    }
    report(
      node.mark,
      Fault(
        "\(shown(scalar.text)) is not a known \(noun); it is sent unchanged",
        suggestion: "known values: " + words.joined(separator: ", "), severity: .warning))
    return .text(scalar.text)
  }
}

// MARK: Faults of scalars

extension RecordReader {
  mutating func wrong(
    _ node: YAMLNode, expected: String, _ type: FieldType? = nil, suggestion: String? = nil
  ) -> FieldValue? {
    let isSecret = type?.isSecret ?? false
    report(
      node.mark, Fault("expected \(expected), found \(found(node, isSecret: isSecret))", suggestion: suggestion))
    return nil
  }

  private mutating func ambiguous(
    _ scalar: YAMLScalar, _ node: YAMLNode, _ why: YAMLAmbiguity, expected: String
  ) -> FieldValue? {
    report(node.mark, Fault("expected \(expected); \(scalar.text) is ambiguous: \(why.explanation)"))
    return nil
  }

  static func broken(_ text: String, _ rule: TextRule) -> Fault? {
    if text.utf8.count > rule.longest, text.unicodeScalars.count > rule.longest {
      return Fault("has \(text.unicodeScalars.count) characters; at most \(rule.longest) are allowed")
    }
    let hasNull = text.utf8.withContiguousStorageIfAvailable { $0.contains(0) } ?? text.utf8.contains(0)
    if hasNull { return Fault("contains the character U+0000, which is not allowed") }
    return rule.check(text)
  }

  /// Returns the fault of a scalar that should be text but is not clearly text.
  static func notText(_ kind: ScalarKind, _ text: String, isSecret: Bool) -> Fault? {
    // Nearly every text is one, and needs no message.
    if case .string = kind { return nil }
    let value = isSecret ? "the value" : text
    let quoted = isSecret ? "write it in quotes" : "write \"\(text)\" in quotes"
    switch kind {
    case .string: return nil
    case .null: return Fault("has no value", suggestion: "set a value, or remove the line")
    case .bool: return Fault("\(value) is a boolean, not text", suggestion: quoted)
    case .integer: return Fault("\(value) is a number, not text", suggestion: quoted)
    case .float: return Fault("\(value) is a number, not text", suggestion: quoted)
    case .ambiguous(.tag(let tag)): return Fault("the tag \(tag) is not supported here", suggestion: "remove it")
    case .ambiguous(let why): return Fault("\(value) is not clearly text: \(why.explanation)", suggestion: quoted)
    }
  }

  func found(_ node: YAMLNode, isSecret: Bool = false) -> String {
    switch node.value {
    case .sequence: return "a list"
    case .mapping: return "a mapping"
    case .scalar(let scalar):
      switch scalar.kind {
      case .null: return "nothing"
      case .string: return isSecret ? "text" : "the text \(shown(scalar.text))"
      default: return isSecret ? "a single value" : scalar.text
      }
    }
  }
}

extension FieldType {
  /// The name of the type in a message about a value of another type.
  var expectation: String {
    switch self {
    case .version: "a version"
    case .boolean: "true or false"
    case .integer: "an integer"
    case .number: "a number"
    case .duration: DurationText.expectation
    case .bytes: "a number of bytes such as 64Mi"
    default: "text"
    }
  }
}

extension ClosedRange<Int> {
  fileprivate var words: String {
    upperBound == .max ? "of at least \(lowerBound)" : "from \(lowerBound) to \(upperBound)"
  }
}

extension NumberRange {
  fileprivate var words: String {
    let upper = Self.text(upTo)
    return includesLower ? "from \(Self.text(above)) to \(upper)" : "above \(Self.text(above)) and at most \(upper)"
  }

  private static func text(_ number: Double) -> String {
    Int(exactly: number).map(String.init) ?? String(number)
  }
}
