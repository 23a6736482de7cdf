internal import LibYAML

extension FuzzTarget {
  private static let mutator = Mutator(
    examples: [
      """
      apiVersion: setpoint.dev/v1
      kind: Endpoint
      metadata:
        name: chat
        labels: {team: search, tier: "1"}
      spec:
        entities:
          - model: ml.models.chat
            version: "3"
            workload: {type: GPU_MEDIUM, size: Small}
            environment: [A=1, 'B=two words', "C=\\u00e9\\n"]
      """,
      "a: &x {b: 1}\nc: *x\nd:\n  <<: *x\n  e: [~, true, 1.5, 0x1F, 2026-11-30, 1_000, .inf]\n",
      "---\ntext: |\n  two\n  lines\nfolded: >-\n  one\n  line\n---\n- !!str 7\n- !custom x\n...\n",
      "# a comment\n? complex\n: value\n'quoted ''key''': \"\\x41\\t\"\n",
    ],
    tokens: [
      ": ", "- ", "\n", "\n  ", "\t", "&a ", "*a", "<<: *a", "? ", "!!int ", "!t ", "|", ">", "|2-\n", "---\n", "...\n",
      "# ", "\"", "'", "\\x", "{", "}", "[", "]", ",", "%YAML 1.1\n", "%TAG ! x\n", "\u{FEFF}", "\u{85}", "\u{2028}",
      "\u{0}",
      "~", "yes", "0o7", "1:30", "é", "@", "`",
    ])

  /// Every fault lies in the file, and a document that means the same to all readers is written so that it reads back.
  static let yaml = FuzzTarget("yaml", mutator) { bytes throws(BrokenProperty) in
    let documents: [YAMLDocument]
    do throws(YAMLError) {
      documents = try YAMLParser.documents(in: bytes, file: "fuzz.yaml")
    } catch {
      try requirePlace(error.location, in: bytes)
      return false
    }
    for document in documents {
      guard let root = document.root, let value = YAMLValue(root) else { continue }
      let text = YAMLEmitter.emit(value)
      let again: YAMLValue?
      do throws(YAMLError) {
        again = try YAMLParser.documents(in: Array(text.utf8), file: "again.yaml").first?.root.flatMap { YAMLValue($0) }
      } catch {
        throw BrokenProperty("what is written can be read: \(error)\n\(text)")
      }
      guard again == value || again == nil && value == .null else {
        throw BrokenProperty("what is written reads back as the same value\n\(text)")
      }
    }
    return true
  }

  /// Requires that a place is a line and column of the text, or the place behind its end.
  static func requirePlace(_ place: SourceLocation, in bytes: [UInt8]) throws(BrokenProperty) {
    // libyaml counts CR, LF, NEL, LS and PS as ends of lines: at most one for each byte.
    guard place.line >= 1, place.column >= 1, place.line <= bytes.count + 1, place.column <= bytes.count + 2 else {
      throw BrokenProperty("a fault has a place in the text; it is \(place)")
    }
  }
}

extension YAMLValue {
  /// The value of a node; nil if readers of YAML disagree about a part of it.
  fileprivate init?(_ node: YAMLNode) {
    switch node.value {
    case .sequence(let items):
      let values = items.compactMap { YAMLValue($0) }
      guard values.count == items.count else { return nil }
      self = .sequence(values)
    case .mapping(let mapping):
      let entries = mapping.entries.compactMap { entry in
        YAMLValue(entry.value).map { (key: entry.key.text, value: $0) }
      }
      guard entries.count == mapping.entries.count else { return nil }
      self = .mapping(entries)
    case .scalar(let scalar):
      switch scalar.kind {
      case .null: self = .null
      case .bool(let flag): self = .bool(flag)
      case .integer(let number): self = .integer(number)
      case .float(let number) where number.isFinite: self = .float(number)
      case .float, .ambiguous: return nil
      case .string: self = .string(scalar.text)
      }
    }
  }
}
