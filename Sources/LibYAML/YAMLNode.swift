/// One YAML value with the place it was written at in its document's file. A value reached through an alias keeps the place
/// of its anchor.
package struct YAMLNode: Sendable {
  /// What a node can be. Aliases and merge keys are already resolved.
  package enum Value: Sendable {
    case scalar(YAMLScalar)
    case sequence([YAMLNode])
    case mapping(YAMLMapping)
  }

  package let mark: SourceMark
  package let value: Value

  package init(mark: SourceMark, value: Value) {
    self.mark = mark
    self.value = value
  }

  package var scalar: YAMLScalar? {
    if case .scalar(let scalar) = value { scalar } else { nil }
  }

  package var sequence: [YAMLNode]? {
    if case .sequence(let items) = value { items } else { nil }
  }

  package var mapping: YAMLMapping? {
    if case .mapping(let mapping) = value { mapping } else { nil }
  }

  /// The source text of a scalar, whatever it means; nil for a collection.
  package var text: String? { scalar?.text }
}

/// A scalar as written: what its text means is asked with `kind`, and decided by whoever knows the field.
package struct YAMLScalar: Sendable, Hashable {
  package enum Style: UInt8, Sendable, Hashable {
    case plain, singleQuoted, doubleQuoted, literal, folded
  }

  package let text: String
  package let style: Style
  /// The tag written on the scalar, in full (`tag:yaml.org,2002:str`), or nil.
  package let tag: String?

  package init(text: String, style: Style, tag: String? = nil) {
    self.text = text
    self.style = style
    self.tag = tag
  }
}

/// A mapping in the order it was written. Keys are unique; merged entries follow the written ones.
package struct YAMLMapping: Sendable {
  /// A key and its value.
  package struct Entry: Sendable {
    package let key: YAMLKey
    package let value: YAMLNode

    package init(key: YAMLKey, value: YAMLNode) {
      self.key = key
      self.value = value
    }
  }

  package let entries: [Entry]

  package init(entries: [Entry]) {
    self.entries = entries
  }

  /// The value of a key, or nil. Looks through the entries, which are few in anything a person writes.
  package subscript(key: String) -> YAMLNode? {
    for place in entries.indices where entries[place].key.text == key { return entries[place].value }
    return nil
  }
}

/// A key of a mapping, which is always a scalar.
package struct YAMLKey: Sendable, Hashable {
  package let text: String
  package let mark: SourceMark
  /// Written without quotes and without a tag, so that a reader may take it for something else than text.
  package let isPlain: Bool

  package init(text: String, mark: SourceMark, isPlain: Bool = true) {
    self.text = text
    self.mark = mark
    self.isPlain = isPlain
  }

  /// What YAML readers may take the key for.
  package var kind: ScalarKind { isPlain ? ScalarKind(plain: text) : .string }
}

/// One document of a file.
package struct YAMLDocument: Sendable {
  /// Where the document's content begins (the place of its `---` when there is no content).
  package let location: SourceLocation
  /// Nil when the document holds nothing, or nothing but comments.
  package let root: YAMLNode?

  package init(location: SourceLocation, root: YAMLNode?) {
    self.location = location
    self.root = root
  }
}
