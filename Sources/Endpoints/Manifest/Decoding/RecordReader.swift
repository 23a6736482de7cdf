import LibYAML

/// Reads nodes by the field table. Every fault becomes a finding, and reading continues.
struct RecordReader {
  private enum Step {
    case field(String)
    case index(Int)
  }

  private(set) var findings: [Finding] = []
  /// The number of findings beyond the limit, and whether an error may be among them.
  private(set) var omitted: (count: Int, areErrors: Bool) = (0, false)
  private var path: [Step] = []
  private let root: ObjectType
  private let source: SourceFile

  init(root: ObjectType, source: SourceFile) {
    self.root = root
    self.source = source
    path.reserveCapacity(8)
  }

  /// Reads the root mapping; nil if the node is not a mapping.
  mutating func read(_ node: YAMLNode) -> Record? {
    guard case .mapping(let mapping) = node.value else {
      report(node.mark, Fault("expected a mapping with apiVersion, kind, metadata and spec, found \(found(node))"))
      return nil
    }
    return record(mapping, at: node.mark, root)
  }

  private var isFull: Bool { findings.count >= FindingBounds.inDocument }

  mutating func report(_ mark: SourceMark, _ fault: Fault) {
    guard !isFull else {
      omitted = (omitted.count + 1, omitted.areErrors || fault.severity == .error)
      return
    }
    let location = SourceLocation(source: source, mark: mark)
    findings.append(
      Finding(fault.severity, at: location, path: renderedPath, fault.message, suggestion: fault.suggestion))
  }

  private var renderedPath: String {
    var text = ""
    for step in path {
      switch step {
      case .field(let name):
        let isOrdinary = name.utf8.count <= 100 && name.allSatisfy(Self.isOrdinary)
        text += (text.isEmpty ? "" : ".") + (isOrdinary ? name : shown(name))
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
  private mutating func record(_ mapping: YAMLMapping, at mark: SourceMark, _ type: ObjectType) -> Record {
    var record = Record(type: type, location: SourceLocation(source: source, mark: mark))
    let entries = mapping.entries
    for index in entries.indices {
      let name = entries[index].key.text
      path.append(.field(name))
      if let slot = type.slot(name) {
        let field = type.fields[slot]
        record.slots[slot] = self.slot(entries[index].value, field)
        if !field.isSupported { report(field.support, at: entries[index].key.mark) }
      } else {
        report(entries[index].key.mark, unknown(name, in: type))
      }
      path.removeLast()
    }
    for (slot, field) in type.demanding {
      guard case .absent = record.slots[slot], isRequired(field, in: record) else { continue }
      path.append(.field(field.name))
      report(mark, Fault("required, but missing", suggestion: field.example.map { "for example " + $0 }))
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
    if let value = value(node, type) { return .value(value, node.mark) }
    return .invalid(node.mark)
  }

  private mutating func report(_ support: Field.Support, at mark: SourceMark) {
    if case .withoutMeaning(let reason) = support { report(mark, Fault(reason, severity: .warning)) }
  }

  private func unknown(_ name: String, in type: ObjectType) -> Fault {
    // A finding that is only counted needs no message.
    if isFull { return Fault("unknown field") }
    let other = type.fields.first { $0.otherNames.contains(name) }?.name
    if let near = other ?? Similarity.closest(to: name, among: type.fields.lazy.map(\.name)) {
      return Fault("unknown field", suggestion: "did you mean \"\(near)\"?")
    }
    let elsewhere = root.paths(toField: name)
    if let first = elsewhere.first {
      return Fault("unknown field here", suggestion: "it belongs at " + first)
    }
    return Fault("unknown field", suggestion: "known fields: " + type.fields.map(\.name).joined(separator: ", "))
  }
}

// MARK: Values

extension RecordReader {
  private mutating func value(_ node: YAMLNode, _ type: FieldType) -> FieldValue? {
    switch type {
    case .object(let type):
      guard case .mapping(let mapping) = node.value else { return wrong(node, expected: "a mapping") }
      return .record(record(mapping, at: node.mark, type))
    case .objectOrList(let type, let field): return objectOrList(node, type, field)
    case .list(let item, let most): return list(node, of: item, atMost: most)
    case .textMap(let rule): return texts(node, rule)
    case .anything: return FieldValue.none
    default:
      guard case .scalar(let scalar) = node.value else { return wrong(node, expected: type.expectation) }
      return self.scalar(scalar, node, type)
    }
  }

  /// Reads either form into the object.
  private mutating func objectOrList(_ node: YAMLNode, _ type: ObjectType, _ name: String) -> FieldValue? {
    switch node.value {
    case .mapping(let mapping): return .record(record(mapping, at: node.mark, type))
    case .scalar: return wrong(node, expected: "a list or a mapping")
    case .sequence:
      var record = Record(type: type, location: SourceLocation(source: source, mark: node.mark))
      if let slot = type.slot(name) { record.slots[slot] = self.slot(node, type.fields[slot].type) }
      return .record(record)
    }
  }

  private mutating func list(_ node: YAMLNode, of type: FieldType, atMost most: Int) -> FieldValue? {
    guard case .sequence(let items) = node.value else { return wrong(node, expected: "a list", type) }
    if items.count > most { report(node.mark, Fault("has \(items.count) items; at most \(most) are allowed")) }
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
      return wrong(node, expected: "a mapping of text values", .text(rule.value))
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
      report(key.mark, fault)
      return nil
    }
    guard case .text(let text)? = value(node, .text(rule.value)) else { return nil }
    guard let fault = rule.checkEntry(key.text, text) else { return text }
    report(node.mark, fault)
    return fault.severity == .warning ? text : nil
  }
}

extension FieldType {
  fileprivate var isCollection: Bool {
    switch self {
    case .textMap, .list, .object, .objectOrList, .anything: true
    default: false
    }
  }

  var isSecret: Bool {
    switch self {
    case .text(let rule): rule.isSecret
    case .textMap(let rule): rule.value.isSecret
    case .list(let item, _): item.isSecret
    default: false
    }
  }
}
