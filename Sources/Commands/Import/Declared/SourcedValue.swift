internal import CanonicalJSON
internal import FoundationEssentials
internal import LibYAML
internal import ServingAPI

/// A value of another tool's configuration with the place it was written at.
struct SourcedValue: Sendable {
  indirect enum Content: Sendable {
    case scalar(JSONValue)
    case list([SourcedValue])
    case object([String: SourcedValue])
  }

  let content: Content
  let location: SourceLocation

  init(_ content: Content, at location: SourceLocation) {
    self.content = content
    self.location = location
  }

  subscript(key: String) -> SourcedValue? { members?[key] }

  var members: [String: SourcedValue]? { if case .object(let members) = content { members } else { nil } }
  var items: [SourcedValue]? { if case .list(let items) = content { items } else { nil } }
  var scalar: JSONValue? { if case .scalar(let value) = content { value } else { nil } }
  var text: String? { scalar?.stringValue }
  var isNull: Bool { scalar?.isNull ?? false }

  /// The items of a list; anything else stands for a list of itself, as Terraform has it with blocks.
  var asList: [SourcedValue] { items ?? (isNull ? [] : [self]) }

  var json: JSONValue {
    switch content {
    case .scalar(let value): value
    case .list(let items): .array(items.map(\.json))
    case .object(let members): .object(members.mapValues(\.json))
    }
  }

  /// Where the value at a path such as `config.served_entities[0].name` stands, or the nearest one above it that there is.
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
  /// - Throws: an ``ErrorReport`` where there is no such file, or no JSON in it.
  static func json(file path: String, next: String) throws -> SourcedValue {
    let bytes = try bytes(of: path)
    do {
      let value = try JSONValue(parsing: bytes)
      return positioned(bytes, path) ?? SourcedValue(value, at: SourceLocation(file: path, line: 1, column: 1))
    } catch {
      throw ErrorReport(
        "\(path) is no JSON", place: "\(location(of: error.offset, in: bytes, path))", why: error.message, next: next)
    }
  }

  /// - Throws: an ``ErrorReport`` where there is no such file, or not one document of YAML in it.
  static func yaml(file path: String, next: String) throws -> SourcedValue {
    let documents: [YAMLDocument]
    do {
      documents = try YAMLParser.documents(in: try bytes(of: path), file: path).filter { $0.root != nil }
    } catch let error as YAMLError {
      throw ErrorReport("\(path) is no YAML", place: "\(error.location)", why: error.message, next: next)
    }
    guard let root = documents.first?.root else { throw ErrorReport("\(path) is empty", next: next) }
    if documents.count > 1 {
      throw ErrorReport("\(path) holds several documents", place: "\(documents[1].location)", next: next)
    }
    return SourcedValue(root, SourceFile(path))
  }

  private static func bytes(of path: String) throws -> [UInt8] {
    if path == "-" { return try Surroundings.current.readInput() }
    do {
      return Array(try Data(contentsOf: URL(filePath: path)))
    } catch {
      throw ErrorReport("cannot read \(path)", why: error.systemWords)
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
    self.init(content, at: SourceLocation(source: source, mark: node.mark))
  }

  private init(_ value: JSONValue, at location: SourceLocation) {
    switch value {
    case .array(let items): self.init(.list(items.map { SourcedValue($0, at: location) }), at: location)
    case .object(let members): self.init(.object(members.mapValues { SourcedValue($0, at: location) }), at: location)
    default: self.init(.scalar(value), at: location)
    }
  }

  /// JSON is YAML but for a few escapes, and YAML's reader knows places; nil where it takes the text for something else.
  private static func positioned(_ bytes: [UInt8], _ path: String) -> SourcedValue? {
    let limits = YAMLLimits(
      bytes: 64 << 20, depth: 200, nodesPerDocument: 5_000_000, aliasedNodesPerFile: 0)
    guard let documents = try? YAMLParser.documents(in: bytes, file: path, limits: limits), documents.count == 1 else {
      return nil
    }
    return documents[0].root.map { SourcedValue($0, SourceFile(path)) }
  }

  private static func location(of offset: Int, in bytes: [UInt8], _ path: String) -> SourceLocation {
    let before = bytes.prefix(offset)
    let line = before.count { $0 == UInt8(ascii: "\n") } + 1
    let start = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    let column = String(decoding: before[start...], as: UTF8.self).unicodeScalars.count + 1
    return SourceLocation(file: path, line: line, column: column)
  }
}

extension JSONValue {
  /// What a scalar means to YAML 1.2; on what readers disagree is text.
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
