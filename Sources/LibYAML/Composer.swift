internal import CYAML

/// Builds the documents of one buffer from events: resolves aliases, merges, and enforces the limits.
struct Composer: ~Copyable {
  /// A node that aliases can refer to, with its cost.
  private struct Anchor {
    var mark: SourceMark
    /// Nil while the node is still being read.
    var node: YAMLNode?
    var nodes = 1
    var height = 0
  }

  private let reader: EventReader
  private let limits: YAMLLimits
  private var anchors: [String: Anchor] = [:]
  private var nodes = 0
  /// The number of nodes that aliases have referred to so far in the file.
  private(set) var aliasedNodes: Int
  private var deepest = 0

  init(_ reader: consuming EventReader, limits: YAMLLimits, aliasedNodes: Int) {
    self.reader = reader
    self.limits = limits
    self.aliasedNodes = aliasedNodes
  }

  /// Returns the next document; nil after the last one.
  mutating func next() throws(YAMLError) -> YAMLDocument? {
    try reader.advance()
    if reader.type == YAML_STREAM_START_EVENT { try reader.advance() }
    guard reader.type == YAML_DOCUMENT_START_EVENT else { return nil }
    startDocument()
    try reader.advance()
    let location = reader.location
    let isEmpty = reader.type == YAML_SCALAR_EVENT && reader.isBareScalar && isEmptyPlain
    let root = try node(depth: 1)
    try reader.advance()
    return YAMLDocument(location: location, root: isEmpty ? nil : root)
  }

  private var isEmptyPlain: Bool { reader.scalarStyle == .plain && reader.scalarText.isEmpty }

  private mutating func startDocument() {
    if !anchors.isEmpty { anchors.removeAll() }
    nodes = 0
    deepest = 0
  }

  /// Reads the node whose first event is current. Ends with the node's last event as the current one.
  private mutating func node(depth: Int) throws(YAMLError) -> YAMLNode {
    switch reader.type {
    case YAML_ALIAS_EVENT: return try aliased(depth: depth)
    case YAML_SCALAR_EVENT where reader.isBareScalar:
      try count(depth: depth)
      return YAMLNode(
        mark: reader.mark, value: .scalar(YAMLScalar(text: reader.scalarText, style: reader.scalarStyle)))
    default: break
    }
    try count(depth: depth)
    guard let name = reader.anchor else { return try unanchored(depth: depth) }
    return try anchored(name, depth: depth)
  }

  private mutating func unanchored(depth: Int) throws(YAMLError) -> YAMLNode {
    let mark = reader.mark
    switch reader.type {
    case YAML_SCALAR_EVENT:
      let scalar = YAMLScalar(text: reader.scalarText, style: reader.scalarStyle, tag: reader.scalarTag)
      return YAMLNode(mark: mark, value: .scalar(scalar))
    case YAML_SEQUENCE_START_EVENT:
      try checkCollectionTag(expected: "tag:yaml.org,2002:seq", word: "a list")
      return YAMLNode(mark: mark, value: .sequence(try items(depth: depth)))
    default:
      try checkCollectionTag(expected: "tag:yaml.org,2002:map", word: "a mapping")
      return YAMLNode(mark: mark, value: .mapping(try mapping(depth: depth)))
    }
  }

  private func checkCollectionTag(expected: String, word: String) throws(YAMLError) {
    guard let tag = reader.collectionTag, tag != expected, tag != "!" else { return }
    throw YAMLError(
      location: reader.location, message: "the tag \(YAMLScalar.short(tag)) is not supported on \(word); remove it")
  }

  private mutating func items(depth: Int) throws(YAMLError) -> [YAMLNode] {
    var items: [YAMLNode] = []
    try reader.advance()
    while reader.type != YAML_SEQUENCE_END_EVENT {
      items.append(try node(depth: depth + 1))
      try reader.advance()
    }
    return items
  }

  private mutating func mapping(depth: Int) throws(YAMLError) -> YAMLMapping {
    var entries = UniqueEntries()
    var merge: YAMLNode?
    try reader.advance()
    while reader.type != YAML_MAPPING_END_EVENT {
      let key = try key(depth: depth + 1)
      try reader.advance()
      let value = try node(depth: depth + 1)
      try reader.advance()
      if key.isPlain, key.text == "<<" {
        if merge != nil {
          throw fault(at: key.mark, "a second \"<<\" in one mapping; merge a list: <<: [*a, *b]")
        }
        merge = value
      } else {
        let text = key.text
        let mark = key.mark
        if let first = entries.append(key, value) {
          throw fault(
            at: mark, "duplicate key \"\(text)\"; it is already set at line \(first.line), column \(first.column)")
        }
      }
    }
    if let merge { try self.merge(merge, into: &entries) }
    return YAMLMapping(entries: entries.list)
  }

  private func fault(at mark: SourceMark, _ message: String) -> YAMLError {
    YAMLError(location: reader.location(of: mark), message: message)
  }

  private mutating func key(depth: Int) throws(YAMLError) -> YAMLKey {
    if reader.type == YAML_SCALAR_EVENT, reader.isBareScalar {
      try count(depth: depth)
      let isPlain = reader.scalarStyle == .plain
      let text = reader.scalarText
      if isPlain, text.isEmpty {
        throw YAMLError(location: reader.location, message: "a key is missing before the colon")
      }
      return YAMLKey(text: text, mark: reader.mark, isPlain: isPlain)
    }
    let mark = reader.mark
    let node = try node(depth: depth)
    guard case .scalar(let scalar) = node.value else {
      throw fault(at: mark, "a key must be a single value, not a list or a mapping")
    }
    return YAMLKey(text: scalar.text, mark: mark, isPlain: scalar.style == .plain && scalar.tag == nil)
  }
}

// MARK: Aliases and merges

extension Composer {
  private mutating func anchored(_ name: String, depth: Int) throws(YAMLError) -> YAMLNode {
    anchors[name] = Anchor(mark: reader.mark)
    let (nodesBefore, deepestBefore) = (nodes, deepest)
    deepest = depth
    let node = try unanchored(depth: depth)
    anchors[name] = Anchor(
      mark: node.mark, node: node, nodes: nodes - nodesBefore + 1, height: deepest - depth)
    deepest = max(deepest, deepestBefore)
    return node
  }

  /// Returns the node that the current alias refers to. Its collections are shared, not copied; its nodes are counted
  /// nonetheless.
  private mutating func aliased(depth: Int) throws(YAMLError) -> YAMLNode {
    let name = reader.aliasName
    guard let anchor = anchors[name] else {
      throw YAMLError(
        location: reader.location, message: "no anchor &\(name) is defined before this alias in the document")
    }
    guard let node = anchor.node else {
      throw YAMLError(
        location: reader.location,
        message: "the alias *\(name) is inside the node it refers to (line \(anchor.mark.line))")
    }
    aliasedNodes += anchor.nodes
    if aliasedNodes > limits.aliasedNodesPerFile {
      throw YAMLError(
        location: reader.location,
        message: "the aliases of this file expand to more than \(limits.aliasedNodesPerFile) nodes")
    }
    try count(anchor.nodes, depth: depth + anchor.height)
    return node
  }

  private mutating func count(_ added: Int = 1, depth: Int) throws(YAMLError) {
    nodes += added
    if depth > deepest { deepest = depth }
    if nodes > limits.nodesPerDocument {
      throw YAMLError(
        location: reader.location,
        message: "the document has more than \(limits.nodesPerDocument) nodes, including aliases")
    }
    if depth > limits.depth {
      throw YAMLError(location: reader.location, message: "nested more than \(limits.depth) levels deep")
    }
  }

  /// Adds the entries of a merge key's value: one mapping, or a list of them in which earlier ones win. Explicit keys
  /// win.
  private func merge(_ value: YAMLNode, into entries: inout UniqueEntries) throws(YAMLError) {
    switch value.value {
    case .mapping(let mapping):
      for entry in mapping.entries { entries.appendIfNew(entry) }
    case .sequence(let sources):
      for source in sources {
        guard case .mapping = source.value else { throw unmergeable(source) }
        try merge(source, into: &entries)
      }
    case .scalar:
      throw unmergeable(value)
    }
  }

  private func unmergeable(_ node: YAMLNode) -> YAMLError {
    fault(at: node.mark, "\"<<\" merges a mapping or a list of mappings, not this")
  }
}
