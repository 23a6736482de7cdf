import LibYAML

/// Reads nodes by the field table. Every fault becomes a finding, and reading goes on.
struct RecordReader {
  private enum Step {
    case field(String)
    case index(Int)
  }

  private(set) var findings: [Finding] = []
  private var path: [Step] = []
  private let root: ObjectType

  init(root: ObjectType) { self.root = root }

  /// The root mapping, or nil when the node is none.
  mutating func read(_ node: YAMLNode) -> Record? {
    guard case .mapping(let mapping) = node.value else {
      report(node.location, Fault("expected a mapping with apiVersion, kind, metadata and spec, found \(found(node))"))
      return nil
    }
    return record(mapping, at: node.location, root)
  }

  private mutating func report(_ location: SourceLocation, _ fault: Fault) {
    findings.append(
      Finding(fault.severity, at: location, path: renderedPath, fault.message, suggestion: fault.suggestion))
  }

  private var renderedPath: String {
    var text = ""
    for step in path {
      switch step {
      case .field(let name): text += (text.isEmpty ? "" : ".") + (name.allSatisfy(Self.isOrdinary) ? name : shown(name))
      case .index(let index): text += "[\(index)]"
      }
    }
    return text
  }

  private static func isOrdinary(_ character: Character) -> Bool {
    character.isLetter || character.isNumber || character == "_" || character == "-" || character == "/"
  }
}

// MARK: Mappings

extension RecordReader {
  private mutating func record(_ mapping: YAMLMapping, at location: SourceLocation, _ type: ObjectType) -> Record {
    var record = Record(type: type, location: location)
    let entries = mapping.entries
    for index in entries.indices {
      let name = entries[index].key.text
      path.append(.field(name))
      if let slot = type.slot(name) {
        let field = type.fields[slot]
        record.slots[slot] = self.slot(entries[index].value, field)
        if !field.isSupported { report(field.support, at: entries[index].key.location) }
      } else {
        report(entries[index].key.location, unknown(name, in: type))
      }
      path.removeLast()
    }
    for (slot, field) in type.demanding {
      guard case .absent = record.slots[slot], isRequired(field, in: record) else { continue }
      path.append(.field(field.name))
      report(location, Fault("required, but missing", suggestion: field.example.map { "for example " + $0 }))
      path.removeLast()
    }
    return record
  }

  private func isRequired(_ field: Field, in record: Record) -> Bool {
    switch field.presence {
    case .required: true
    case .requiredWithout(let other): record.isAbsent(other)
    case .optional: false
    }
  }

  private mutating func slot(_ node: YAMLNode, _ field: Field) -> Record.Slot {
    if field.presence == .optional, field.type.isCollection, node.scalar?.kind == .null { return .absent }
    return slot(node, field.type)
  }

  private mutating func slot(_ node: YAMLNode, _ type: FieldType) -> Record.Slot {
    if let value = value(node, type) { return .value(value, node.location) }
    return .invalid(node.location)
  }

  private mutating func report(_ support: Field.Support, at location: SourceLocation) {
    switch support {
    case .supported: break
    case .notBuilt(let reason):
      report(location, Fault("not supported yet: \(reason)", suggestion: "remove the field"))
    case .withoutMeaning(let reason): report(location, Fault(reason, severity: .warning))
    }
  }

  private func unknown(_ name: String, in type: ObjectType) -> Fault {
    let other = type.fields.first { $0.otherNames.contains(name) }?.name
    if let near = other ?? Similarity.closest(to: name, among: type.fields.lazy.map(\.name)) {
      return Fault("unknown field", suggestion: "did you mean \"\(near)\"?")
    }
    let elsewhere = root.paths(toField: name)
    if let first = elsewhere.first {
      return Fault("unknown field here", suggestion: "it belongs at " + first)
    }
    return Fault("unknown field", suggestion: "known here: " + type.fields.map(\.name).joined(separator: ", "))
  }
}

// MARK: Values

extension RecordReader {
  private mutating func value(_ node: YAMLNode, _ type: FieldType) -> FieldValue? {
    switch type {
    case .object(let type):
      guard case .mapping(let mapping) = node.value else { return wrong(node, expected: "a mapping") }
      return .record(record(mapping, at: node.location, type))
    case .list(let item, let most): return list(node, of: item, atMost: most)
    case .textMap(let rule): return texts(node, rule)
    case .anything: return FieldValue.none
    default:
      guard case .scalar(let scalar) = node.value else { return wrong(node, expected: type.expectation) }
      return self.scalar(scalar, node, type)
    }
  }

  private mutating func list(_ node: YAMLNode, of type: FieldType, atMost most: Int) -> FieldValue? {
    guard case .sequence(let items) = node.value else { return wrong(node, expected: "a list", type) }
    if items.count > most { report(node.location, Fault("has \(items.count) items; at most \(most) are allowed")) }
    var slots: [Record.Slot] = []
    slots.reserveCapacity(items.count)
    for (index, item) in items.enumerated() {
      path.append(.index(index))
      slots.append(slot(item, type))
      path.removeLast()
    }
    return items.count > most ? nil : .list(slots)
  }

  private mutating func texts(_ node: YAMLNode, _ rule: TextMapRule) -> FieldValue? {
    guard case .mapping(let mapping) = node.value else {
      return wrong(node, expected: "a mapping of texts", .text(rule.value))
    }
    var texts: [String: String] = [:]
    texts.reserveCapacity(mapping.entries.count)
    var isUsable = true
    for entry in mapping.entries {
      path.append(.field(entry.key.text))
      if let text = self.entry(entry.key, entry.value, rule) {
        texts[entry.key.text] = text
      } else {
        isUsable = false
      }
      path.removeLast()
    }
    return isUsable ? .texts(texts) : nil
  }

  private mutating func entry(_ key: YAMLKey, _ node: YAMLNode, _ rule: TextMapRule) -> String? {
    if let fault = Self.notText(key.kind, key.text, isSecret: false) ?? Self.broken(key.text, rule.key) {
      report(key.location, fault)
      return nil
    }
    guard case .text(let text)? = value(node, .text(rule.value)) else { return nil }
    guard let fault = rule.checkEntry(key.text, text) else { return text }
    report(node.location, fault)
    return fault.severity == .warning ? text : nil
  }

  private mutating func scalar(_ scalar: YAMLScalar, _ node: YAMLNode, _ type: FieldType) -> FieldValue? {
    switch type {
    case .text(let rule):
      if let fault = Self.notText(scalar.kind, scalar.text, isSecret: rule.isSecret) ?? Self.broken(scalar.text, rule) {
        report(node.location, fault)
        return nil
      }
      return .text(scalar.text)
    case .version:
      switch VersionReference.read(scalar) {
      case .success(let version): return .version(version)
      case .failure(let fault):
        report(node.location, fault.fault)
        return nil
      }
    case .boolean: return boolean(scalar, node)
    case .integer(let range): return integer(scalar, node, range)
    case .number(let range): return number(scalar, node, range)
    case .duration: return duration(scalar, node)
    case .word(let words): return word(scalar, node, words)
    case .openWord(let words, let noun): return openWord(scalar, node, words, noun: noun)
    case .textMap, .list, .object, .anything: return nil
    }
  }

  private mutating func boolean(_ scalar: YAMLScalar, _ node: YAMLNode) -> FieldValue? {
    switch scalar.kind {
    case .bool(let value): return .boolean(value)
    case .ambiguous(.boolean(let value)):
      report(
        node.location,
        Fault(
          "\(scalar.text) is not clearly a boolean: \(YAMLAmbiguity.boolean(value).explanation)",
          suggestion: "write \(value)"))
      return nil
    case .string where scalar.text == "true" || scalar.text == "false":
      return wrong(node, expected: "true or false", suggestion: "write it without quotes")
    default: return wrong(node, expected: "true or false")
    }
  }

  private mutating func integer(_ scalar: YAMLScalar, _ node: YAMLNode, _ range: ClosedRange<Int>) -> FieldValue? {
    let expected = "an integer " + range.words
    switch scalar.kind {
    case .integer(let value):
      if range.contains(value) { return .integer(value) }
      return wrong(node, expected: expected)
    case .ambiguous(let why): return ambiguous(scalar, node, why, expected: expected)
    case .string where Int(scalar.text) != nil:
      return wrong(node, expected: expected, suggestion: "write it without quotes")
    default: return wrong(node, expected: expected)
    }
  }

  private mutating func number(_ scalar: YAMLScalar, _ node: YAMLNode, _ range: NumberRange) -> FieldValue? {
    let expected = "a number " + range.words
    switch scalar.kind {
    case .integer(let value):
      if range.contains(Double(value)) { return .number(Double(value)) }
      return wrong(node, expected: expected)
    case .float(let value):
      if range.contains(value) { return .number(value) }
      return wrong(node, expected: expected)
    case .ambiguous(let why): return ambiguous(scalar, node, why, expected: expected)
    case .string where Double(scalar.text) != nil:
      return wrong(node, expected: expected, suggestion: "write it without quotes")
    default: return wrong(node, expected: expected)
    }
  }

  private mutating func duration(_ scalar: YAMLScalar, _ node: YAMLNode) -> FieldValue? {
    if scalar.kind == .string, let duration = DurationText.read(scalar.text) { return .duration(duration) }
    if case .integer(let value) = scalar.kind, value > 0 {
      return wrong(node, expected: DurationText.expectation, suggestion: "with its unit: \(value)s or \(value)m")
    }
    return wrong(node, expected: DurationText.expectation)
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
      report(node.location, fault)
      return nil
    }
    if words.contains(scalar.text) { return .text(scalar.text) }
    if let near = Similarity.closest(to: scalar.text, among: words),
      !Similarity.differOnlyInDigits(near, scalar.text)
    {
      report(
        node.location, Fault("\(shown(scalar.text)) is not a known \(noun)", suggestion: "did you mean \"\(near)\"?"))
      return nil
    }
    report(
      node.location,
      Fault(
        "\(shown(scalar.text)) is not a known \(noun); it is sent as it stands",
        suggestion: "known are " + words.joined(separator: ", "), severity: .warning))
    return .text(scalar.text)
  }
}

// MARK: Faults of scalars

extension RecordReader {
  private mutating func wrong(
    _ node: YAMLNode, expected: String, _ type: FieldType? = nil, suggestion: String? = nil
  ) -> FieldValue? {
    let isSecret = type?.isSecret ?? false
    report(
      node.location, Fault("expected \(expected), found \(found(node, isSecret: isSecret))", suggestion: suggestion))
    return nil
  }

  private mutating func ambiguous(
    _ scalar: YAMLScalar, _ node: YAMLNode, _ why: YAMLAmbiguity, expected: String
  ) -> FieldValue? {
    report(node.location, Fault("expected \(expected); \(scalar.text) is unclear: \(why.explanation)"))
    return nil
  }

  private static func broken(_ text: String, _ rule: TextRule) -> Fault? {
    if text.utf8.count > rule.longest, text.unicodeScalars.count > rule.longest {
      return Fault("has \(text.unicodeScalars.count) characters; at most \(rule.longest) are allowed")
    }
    if text.utf8.contains(0) { return Fault("holds the character U+0000, which no program takes") }
    return rule.check(text)
  }

  /// What is wrong with a scalar that should be text and is not clearly that.
  static func notText(_ kind: ScalarKind, _ text: String, isSecret: Bool) -> Fault? {
    // Nearly every text is one; no words are made for it.
    if case .string = kind { return nil }
    let value = isSecret ? "the value" : text
    let quoted = isSecret ? "write it in quotes" : "write \"\(text)\" in quotes"
    switch kind {
    case .string: return nil
    case .null: return Fault("has no value", suggestion: "write a text, or remove the line")
    case .bool: return Fault("\(value) is a boolean, not text", suggestion: quoted)
    case .integer: return Fault("\(value) is a number, not text", suggestion: quoted)
    case .float: return Fault("\(value) is a number, not text", suggestion: quoted)
    case .ambiguous(.tag(let tag)): return Fault("the tag \(tag) has no meaning here", suggestion: "remove it")
    case .ambiguous(let why): return Fault("\(value) is not clearly text: \(why.explanation)", suggestion: quoted)
    }
  }

  private func found(_ node: YAMLNode, isSecret: Bool = false) -> String {
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
  fileprivate var isCollection: Bool {
    switch self {
    case .textMap, .list, .object, .anything: true
    default: false
    }
  }

  fileprivate var isSecret: Bool {
    switch self {
    case .text(let rule): rule.isSecret
    case .textMap(let rule): rule.value.isSecret
    case .list(let item, _): item.isSecret
    default: false
    }
  }

  /// What a scalar of the type is called when something else stands in its place.
  fileprivate var expectation: String {
    switch self {
    case .version: "a version"
    case .boolean: "true or false"
    case .integer: "an integer"
    case .number: "a number"
    case .duration: DurationText.expectation
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
