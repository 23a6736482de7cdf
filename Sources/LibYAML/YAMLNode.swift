/// One YAML value with its position in the file. A value reached through an alias keeps the position of its anchor.
package struct YAMLNode: Sendable {
  /// The value of a node. Aliases and merge keys are already resolved.
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

  /// The source text of a scalar, whatever its meaning; nil for a collection.
  package var text: String? { scalar?.text }
}

/// A scalar as written. Its `kind` gives the meaning of its text; the reader of the field decides.
package struct YAMLScalar: Sendable, Hashable {
  package enum Style: UInt8, Sendable, Hashable {
    case plain, singleQuoted, doubleQuoted, literal, folded
  }

  package let text: String
  package let style: Style
  /// The full tag of the scalar, such as `tag:yaml.org,2002:str`; nil if it has none.
  package let tag: String?

  package init(text: String, style: Style, tag: String? = nil) {
    self.text = text
    self.style = style
    self.tag = tag
  }
}

/// A mapping in its original order. Keys are unique; merged entries follow the explicit ones.
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

  /// The value of a key, or nil. Searches the entries, which are few in hand-written files.
  package subscript(key: String) -> YAMLNode? {
    for place in entries.indices where entries[place].key.text == key { return entries[place].value }
    return nil
  }
}

/// A key of a mapping, which is always a scalar.
package struct YAMLKey: Sendable, Hashable {
  package let text: String
  package let mark: SourceMark
  /// Whether the key has neither quotes nor a tag, so that a reader may not take it for text.
  package let isPlain: Bool

  package init(text: String, mark: SourceMark, isPlain: Bool = true) {
    self.text = text
    self.mark = mark
    self.isPlain = isPlain
  }

  /// The kind that YAML readers may take the key for.
  package var kind: ScalarKind { isPlain ? ScalarKind(plain: text) : .string }
}

/// One document of a file.
package struct YAMLDocument: Sendable {
  /// The start of the document's content, or the position of its `---` if it has no content.
  package let location: SourceLocation
  /// The content; nil if the document is empty or contains only comments.
  package let root: YAMLNode?

  package init(location: SourceLocation, root: YAMLNode?) {
    self.location = location
    self.root = root
  }
}
