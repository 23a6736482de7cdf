internal import CanonicalJSON
internal import LibYAML

/// Resolves the references `${…}` in the texts of a configuration.
struct References {
  enum Dialect {
    /// Any expression between the braces; `$${` is not a reference; `%{…}` is a directive and cannot be resolved
    /// either.
    case terraform
    /// A path between the braces; anything else is text.
    case bundle
  }

  /// A value that depends on something unknown.
  struct Open: Hashable, Sendable {
    /// The path in the endpoint's block, such as `config.served_entities[0].entity_version`.
    let path: String
    /// What it depends on, such as `${var.version}`. The text around it may be a secret and is not shown.
    let on: String
    let location: SourceLocation
  }

  let dialect: Dialect
  /// Returns the value of a reference; nil if it is unknown.
  let value: (String) -> SourcedValue?

  /// Returns the value with its references replaced. Parts that depend on unknown values are removed and added to
  /// `open`.
  ///
  /// - Parameter path: the value's path in the block, for `open`.
  func resolve(_ value: SourcedValue, path: String = "", open: inout [Open]) -> SourcedValue? {
    resolve(value, path, depth: 0, &open)
  }

  private func resolve(_ value: SourcedValue, _ path: String, depth: Int, _ open: inout [Open]) -> SourcedValue? {
    switch value.content {
    case .list(let items):
      var kept: [SourcedValue] = []
      for (index, item) in items.enumerated() {
        let known = open.count
        let item = resolve(item, "\(path)[\(index)]", depth: depth, &open)
        let isWhole = open.count == known
        if let item, isWhole || !Self.wholeItems.contains(where: path.hasSuffix) { kept.append(item) }
      }
      return SourcedValue(.list(kept), at: value.location)
    case .object(let members):
      var kept: [String: SourcedValue] = [:]
      for (key, member) in members.sorted(by: { $0.key < $1.key }) {
        kept[key] = resolve(member, path.isEmpty ? key : "\(path).\(key)", depth: depth, &open)
      }
      return SourcedValue(.object(kept), at: value.location)
    case .scalar(.string(let text)): return resolve(text, at: value.location, path, depth, &open)
    case .scalar: return value
    }
  }

  /// Lists whose items change their meaning if a member is missing; such items are kept whole or removed.
  private static let wholeItems = ["tags", "rate_limits", "permissions", "access_control"]

  /// The maximum depth of references to references; a deeper one is a cycle.
  private static let deepest = 16

  private func resolve(
    _ text: String, at location: SourceLocation, _ path: String, _ depth: Int, _ open: inout [Open]
  ) -> SourcedValue? {
    let pieces = pieces(of: text)
    var unknown: [String] = []
    var inner: [Open] = []
    let values = pieces.map { piece -> SourcedValue? in
      switch piece {
      case .text(let text): return SourcedValue(text, at: location)
      case .reference(let inside, let whole):
        let value = depth < Self.deepest ? value(inside) : nil
        let resolved = value.flatMap { resolve($0, path, depth: depth + 1, &inner) }
        if resolved == nil { unknown.append(whole) }
        return resolved
      }
    }
    guard unknown.isEmpty else {
      open.append(Open(path: path, on: unknown.joined(separator: " and "), location: location))
      return nil
    }
    open += inner
    // A text that is only a reference may have a value of any type.
    if pieces.count == 1, let value = values[0] {
      return SourcedValue(value.content, at: location, written: value.written)
    }
    return SourcedValue(values.compactMap { $0?.plainText }.joined(), at: location)
  }

  // MARK: Pieces

  private enum Piece {
    case text(String)
    case reference(inside: String, whole: String)
  }

  private func pieces(of text: String) -> [Piece] {
    var pieces: [Piece] = []
    var plain = ""
    var rest = text[...]
    while let mark = rest.firstIndex(where: { $0 == "$" || $0 == "%" && dialect == .terraform }) {
      plain += rest[..<mark]
      rest = rest[mark...]
      let sign = rest[mark]
      if dialect == .terraform, rest.hasPrefix("\(sign)\(sign){") {
        plain += "\(sign){"
        rest = rest.dropFirst(3)
      } else if rest.hasPrefix("\(sign){"), let inside = inside(of: rest.dropFirst(2)) {
        if !plain.isEmpty { pieces.append(.text(plain)) }
        plain = ""
        pieces.append(.reference(inside: String(inside), whole: "\(sign){\(inside)}"))
        rest = rest[inside.endIndex...].dropFirst()
      } else {
        plain.append(sign)
        rest = rest.dropFirst()
      }
    }
    plain += rest
    return plain.isEmpty && !pieces.isEmpty ? pieces : pieces + [.text(plain)]
  }

  /// Returns the text before the closing brace; nil if there is no brace, or if the text is not a reference.
  private func inside(of text: Substring) -> Substring? {
    var depth = 0
    for index in text.indices {
      switch text[index] {
      case "{": depth += 1
      case "}" where depth == 0:
        let inside = text[..<index]
        let isPath = inside.allSatisfy { $0.isLetter || $0.isNumber || "_-.[]".contains($0) }
        return dialect == .terraform || isPath && !inside.isEmpty ? inside : nil
      case "}": depth -= 1
      default: continue
      }
    }
    return nil
  }
}
