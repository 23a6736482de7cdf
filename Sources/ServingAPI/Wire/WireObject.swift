package import CanonicalJSON

/// A JSON object of the serving API, with names for the members that this version knows. The JSON itself is kept, so
/// that other members survive reading and writing (serving-api.md 1.0), and `false` is a value like any other
/// (serving-api.md Q1). Reading is lenient: a member that is missing, `null` or of another type reads as nil. A server
/// that wants to refuse such a request checks ``typeFindings(path:)`` first.
package protocol WireObject: Hashable, Sendable {
  var members: [String: JSONValue] { get set }
  init(members: [String: JSONValue])
  /// The type of each member that this version knows.
  static var fields: [String: WireField] { get }
}

extension WireObject {
  package init() { self.init(members: [:]) }

  /// Creates the object; nil if the JSON is not an object.
  package init?(_ json: JSONValue?) {
    guard let members = json?.objectValue else { return nil }
    self.init(members: members)
  }

  /// The JSON to send: every member, known or not.
  package var json: JSONValue { .object(members) }

  /// The members that this version has no name for.
  package var unknownMembers: [String: JSONValue] { members.filter { Self.fields[$0.key] == nil } }

  package subscript(text key: String) -> String? {
    get { members[key]?.stringValue }
    set { members[key] = newValue.map { .string($0) } }
  }

  /// Text that some servers write as a number, such as a version (serving-api.md Q4).
  package subscript(textOrNumber key: String) -> String? {
    get { members[key]?.stringValue ?? members[key]?.intValue.map(String.init) }
    set { members[key] = newValue.map { .string($0) } }
  }

  package subscript(number key: String) -> Int64? {
    get { members[key]?.intValue }
    set { members[key] = newValue.map { .int($0) } }
  }

  package subscript(fraction key: String) -> Double? {
    get { members[key]?.doubleValue }
    set { members[key] = newValue.map { .double($0) } }
  }

  package subscript(flag key: String) -> Bool? {
    get { members[key]?.boolValue }
    set { members[key] = newValue.map { .bool($0) } }
  }

  package subscript<Child: WireObject>(object key: String) -> Child? {
    get { Child(members[key]) }
    set { members[key] = newValue?.json }
  }

  package subscript<Child: WireObject>(list key: String) -> [Child]? {
    get { members[key]?.arrayValue?.compactMap { Child($0) } }
    set { members[key] = newValue.map { .array($0.map(\.json)) } }
  }

  package subscript(texts key: String) -> [String]? {
    get { members[key]?.arrayValue?.compactMap(\.stringValue) }
    set { members[key] = newValue.map { .array($0.map { .string($0) }) } }
  }

  /// A map of texts; a number or a flag among the values reads as its JSON text.
  package subscript(textMap key: String) -> [String: String]? {
    get { members[key]?.objectValue?.compactMapValues { $0.isNull ? nil : $0.stringValue ?? $0.text() } }
    set { members[key] = newValue.map { .object($0.mapValues { .string($0) }) } }
  }

  /// Returns every known member, at any depth, whose type differs from the API's, as
  /// `config.served_entities[0].workload_size: expected a string, got a number`; sorted by path.
  package func typeFindings(path: String = "") -> [String] {
    members.sorted { $0.key < $1.key }.flatMap { key, value in
      Self.fields[key]?.findings(in: value, path: path.isEmpty ? key : path + "." + key) ?? []
    }
  }
}

/// The type of a member of a ``WireObject`` on the wire.
package indirect enum WireField: Sendable {
  case text
  /// Text; a number is accepted as well.
  case textOrNumber
  case number
  /// A number that may have a fraction.
  case fraction
  case flag
  case textMap
  case object(any WireObject.Type)
  case list(WireField)
  /// Any value; kept without being checked.
  case any

  fileprivate func findings(in value: JSONValue, path: String) -> [String] {
    if value.isNull { return [] }
    switch self {
    case .any: return []
    case .text: return value.stringValue == nil ? [mismatch("a string", value, path)] : []
    case .textOrNumber:
      return value.stringValue == nil && value.intValue == nil ? [mismatch("a string", value, path)] : []
    case .number: return value.intValue == nil ? [mismatch("a whole number", value, path)] : []
    case .fraction: return value.doubleValue == nil ? [mismatch("a number", value, path)] : []
    case .flag: return value.boolValue == nil ? [mismatch("true or false", value, path)] : []
    case .textMap:
      guard let members = value.objectValue else { return [mismatch("an object of strings", value, path)] }
      return members.sorted { $0.key < $1.key }.flatMap { WireField.text.findings(in: $1, path: path + "." + $0) }
    case .object(let type):
      guard let members = value.objectValue else { return [mismatch("an object", value, path)] }
      return type.init(members: members).typeFindings(path: path)
    case .list(let element):
      guard let items = value.arrayValue else { return [mismatch("an array", value, path)] }
      return items.enumerated().flatMap { element.findings(in: $1, path: "\(path)[\($0)]") }
    }
  }

  private func mismatch(_ expected: String, _ value: JSONValue, _ path: String) -> String {
    let kind =
      switch value {
      case .null: "null"
      case .bool: "true or false"
      case .int, .double: "a number"
      case .string: "a string"
      case .array: "an array"
      case .object: "an object"
      }
    return "\(path): expected \(expected), found \(kind)"
  }
}
