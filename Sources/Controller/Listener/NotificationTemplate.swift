package import CanonicalJSON

/// The body of a notification: a JSON document whose strings may contain placeholders such as `{{endpoint}}`.
///
/// The document is parsed first and its strings are filled in afterwards, so the result is always valid JSON.
package struct NotificationTemplate: Hashable, Sendable {
  /// One object with every member; members without a value are null.
  package static let standard = NotificationTemplate(form: nil)

  /// Nil for the standard body.
  private let form: Form?

  private init(form: Form?) { self.form = form }

  /// Reads a template.
  ///
  /// - Parameter file: the text's origin, for messages.
  /// - Throws: ``NotificationTemplateError`` with all problems of the template.
  package init(parsing text: [UInt8], file: String) throws(NotificationTemplateError) {
    let document: JSONValue
    do { document = try JSONValue(parsing: text) } catch {
      throw NotificationTemplateError(problems: ["\(file) is \(error)"])
    }
    var problems: [String] = []
    let form = Form(document, place: "", &problems)
    if !problems.isEmpty { throw NotificationTemplateError(problems: problems.map { "\(file): \($0)" }) }
    self.init(form: form)
  }

  /// Returns the body for a notification.
  package func body(for notification: FleetNotification) -> JSONValue {
    let members = Dictionary(notification.members.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
    return form?.filled(members) ?? .object(members.mapValues { $0.map(JSONValue.string) ?? .null })
  }
}

/// The problems of a template.
package struct NotificationTemplateError: Error, Hashable, Sendable, CustomStringConvertible {
  /// One line each, with file and position.
  package let problems: [String]
  /// The valid placeholders.
  package let advice =
    "known placeholders: \(FleetNotification.memberNames.map { "{{\($0)}}" }.joined(separator: ", ")); they are allowed in "
    + "string values, not in member names"

  package var description: String { (problems + [advice]).joined(separator: "\n  ") }
}

/// A JSON document whose strings are split at their placeholders.
private indirect enum Form: Hashable, Sendable {
  enum Piece: Hashable, Sendable {
    case literal(String)
    case member(String)
  }

  case text([Piece])
  case list([Form])
  case object([String: Form])
  case other(JSONValue)

  init(_ value: JSONValue, place: String, _ problems: inout [String]) {
    switch value {
    case .string(let text): self = .text(Self.pieces(of: text, place: place, &problems))
    case .array(let items):
      var list: [Form] = []
      for (index, item) in items.enumerated() { list.append(Form(item, place: "\(place)[\(index)]", &problems)) }
      self = .list(list)
    case .object(let members, _):
      var object: [String: Form] = [:]
      for (name, value) in members.sorted(by: { $0.key < $1.key }) {
        if name.contains("{{") {
          problems.append("the member \"\(name)\"\(Self.at(place)) has a placeholder in its name")
        }
        object[name] = Form(value, place: place.isEmpty ? name : "\(place).\(name)", &problems)
      }
      self = .object(object)
    case .null, .bool, .int, .double: self = .other(value)
    }
  }

  func filled(_ members: [String: String?]) -> JSONValue {
    switch self {
    case .text(let pieces):
      .string(
        pieces.map { piece in
          switch piece {
          case .literal(let text): text
          case .member(let name): (members[name] ?? nil) ?? ""
          }
        }.joined())
    case .list(let items): .array(items.map { $0.filled(members) })
    case .object(let object): .object(object.mapValues { $0.filled(members) })
    case .other(let value): value
    }
  }

  private static func pieces(of text: String, place: String, _ problems: inout [String]) -> [Piece] {
    var pieces: [Piece] = []
    var rest = text[...]
    while let open = rest.firstRange(of: "{{") {
      if open.lowerBound > rest.startIndex { pieces.append(.literal(String(rest[..<open.lowerBound]))) }
      guard let close = rest[open.upperBound...].firstRange(of: "}}") else {
        problems.append("a placeholder\(at(place)) is not closed with \"}}\"")
        return pieces
      }
      let name = String(rest[open.upperBound..<close.lowerBound].filter { $0 != " " })
      if !FleetNotification.memberNames.contains(name) {
        problems.append("{{\(name)}}\(at(place)) is not a known placeholder")
      }
      pieces.append(.member(name))
      rest = rest[close.upperBound...]
    }
    if !rest.isEmpty { pieces.append(.literal(String(rest))) }
    return pieces
  }

  private static func at(_ place: String) -> String { place.isEmpty ? "" : " at \(place)" }
}
