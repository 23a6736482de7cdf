internal import CanonicalJSON
internal import FoundationEssentials
internal import LibYAML
internal import ServingAPI

/// A value of another tool's configuration, with its location.
struct SourcedValue: Sendable {
  indirect enum Content: Sendable {
    case scalar(JSONValue)
    case list([SourcedValue])
    case object([String: SourcedValue])
  }

  let content: Content
  let location: SourceLocation
  /// The original text of a scalar, which a number does not keep: `1.10` is 1.1.
  let written: String?

  init(_ content: Content, at location: SourceLocation, written: String? = nil) {
    self.content = content
    self.location = location
    self.written = written
  }

  /// A text.
  init(_ text: String, at location: SourceLocation) { self.init(.scalar(.string(text)), at: location) }

  subscript(key: String) -> SourcedValue? { members?[key] }

  var members: [String: SourcedValue]? { if case .object(let members) = content { members } else { nil } }
  var items: [SourcedValue]? { if case .list(let items) = content { items } else { nil } }
  var scalar: JSONValue? { if case .scalar(let value) = content { value } else { nil } }
  var text: String? { scalar?.stringValue }
  var isNull: Bool { scalar?.isNull ?? false }

  /// The items of a list; any other value is treated as a list of one, as Terraform does with blocks.
  var asList: [SourcedValue] { items ?? (isNull ? [] : [self]) }

  var json: JSONValue {
    switch content {
    case .scalar(let value): value
    case .list(let items): .array(items.map(\.json))
    case .object(let members): .object(members.mapValues(\.json))
    }
  }

  /// The text of a scalar of any type; nil for null and anything else.
  var plainText: String? { scalar.flatMap { $0.isNull ? nil : $0.stringValue ?? written ?? $0.text() } }

  /// Returns the value at a path such as `config.served_entities[0].name`; nil if there is none.
  func value(at path: some StringProtocol) -> SourcedValue? {
    let key = path.prefix { $0 != "." && $0 != "[" }
    let rest = path.dropFirst(key.count)
    if !key.isEmpty { return self[String(key)]?.value(at: rest) }
    if rest.isEmpty { return self }
    guard rest.first == "[" else { return value(at: rest.dropFirst()) }
    guard let index = Int(rest.dropFirst().prefix { $0 != "]" }), let items, items.indices.contains(index) else {
      return nil
    }
    return items[index].value(at: rest.drop { $0 != "]" }.dropFirst())
  }

  /// Returns the location of the value at a path such as `config.served_entities[0].name`, or of its nearest existing
  /// parent.
  func location(of path: some StringProtocol) -> SourceLocation {
    let key = path.prefix { $0 != "." && $0 != "[" }
    let rest = path.dropFirst(key.count)
    if key.isEmpty {
      guard rest.first == "[", let index = Int(rest.dropFirst().prefix { $0 != "]" }) else {
        return rest.isEmpty ? location : location(of: rest.dropFirst())
      }
      let item = items.flatMap { $0.indices.contains(index) ? $0[index] : nil }
      return item?.location(of: rest.drop { $0 != "]" }.dropFirst()) ?? location
    }
    return self[String(key)]?.location(of: rest) ?? location
  }
}

// MARK: - Reading files

extension SourcedValue {
  /// - Parameter path: `-` for standard input.
  /// - Throws: an ``ErrorReport`` if the file does not exist or is not exactly one JSON document.
  static func json(file path: String, next: String) throws -> SourcedValue {
    do {
      // The output of "terraform show" for a large state exceeds the limits for files written by hand.
      let limits = YAMLLimits(bytes: 64 << 20, depth: 200, nodesPerDocument: 5_000_000, aliasedNodesPerFile: 0)
      let documents = try YAMLParser.jsonDocuments(in: try bytes(of: path, next: next), file: path, limits: limits)
      return try only(documents, of: path, next: next)
    } catch let error as YAMLError {
      throw ErrorReport("\(path) is not valid JSON", place: "\(error.location)", why: error.message, next: next)
    }
  }

  /// - Returns: nil if the file does not exist.
  /// - Throws: an ``ErrorReport`` if it is not exactly one JSON document.
  static func json(fileIfThere path: String) throws -> SourcedValue? {
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    return try json(file: path, next: "correct it, or remove it")
  }

  /// - Throws: an ``ErrorReport`` if the file does not exist or is not exactly one YAML document.
  static func yaml(file path: String, next: String) throws -> SourcedValue {
    do {
      return try only(try YAMLParser.documents(in: try bytes(of: path, next: next), file: path), of: path, next: next)
    } catch let error as YAMLError {
      throw ErrorReport("\(path) is not valid YAML", place: "\(error.location)", why: error.message, next: next)
    }
  }

  private static func only(_ documents: [YAMLDocument], of path: String, next: String) throws -> SourcedValue {
    let documents = documents.filter { $0.root != nil }
    guard let root = documents.first?.root else {
      throw ErrorReport("\(path) is empty", place: "\(path):1:1", next: next)
    }
    if documents.count > 1 {
      throw ErrorReport("\(path) contains several documents", place: "\(documents[1].location)", next: next)
    }
    return SourcedValue(root, SourceFile(path))
  }

  private static func bytes(of path: String, next: String) throws -> [UInt8] {
    if path == "-" { return try CommandContext.current.readInput() }
    do {
      return Array(try Data(contentsOf: URL(filePath: path)))
    } catch {
      throw ErrorReport("cannot read \(path)", why: error.systemMessage, next: next)
    }
  }

  private init(_ node: YAMLNode, _ source: SourceFile) {
    let content: Content =
      switch node.value {
      case .sequence(let items): .list(items.map { SourcedValue($0, source) })
      case .mapping(let mapping):
        .object(
          Dictionary(
            mapping.entries.map { ($0.key.text, SourcedValue($0.value, source)) }, uniquingKeysWith: { one, _ in one }))
      case .scalar(let scalar): .scalar(JSONValue(scalar))
      }
    self.init(content, at: SourceLocation(source: source, mark: node.mark), written: node.scalar?.text)
  }
}

extension JSONValue {
  /// Interprets a scalar by YAML 1.2; values on which readers disagree become text.
  fileprivate init(_ scalar: YAMLScalar) {
    self =
      switch scalar.kind {
      case .null: .null
      case .bool(let value): .bool(value)
      case .integer(let value): .int(Int64(value))
      case .float(let value): .double(value)
      case .string, .ambiguous: .string(scalar.text)
      }
  }
}
