/// A JSON document as a value. Objects have no order: the canonical form sorts keys, so that two documents with the
/// same meaning have the same bytes.
package enum JSONValue: Hashable, Sendable {
  case null
  case bool(Bool)
  /// A whole number that fits into 64 bits, however it was written.
  case int(Int64)
  /// Any other number. Never NaN or infinite if it came from a document.
  case double(Double)
  case string(String)
  case array([JSONValue])
  /// - Parameter alike: further members, whose keys differ from one in the dictionary only in their Unicode form, such as
  ///   a composed and a decomposed é: to a dictionary they are one key, to JSON two. Sorted; nearly always empty. The
  ///   dictionary has the first of such keys by bytes, and so an ASCII one.
  case object([String: JSONValue], alike: [JSONMember] = [])
}

/// A member of an object. Its key is compared by bytes.
package struct JSONMember: Hashable, Sendable {
  package let key: String
  package let value: JSONValue

  package init(key: String, value: JSONValue) {
    self.key = key
    self.value = value
  }

  package static func == (one: JSONMember, other: JSONMember) -> Bool {
    hasSameBytes(one.key, other.key) && one.value == other.value
  }

  package func hash(into hasher: inout Hasher) {
    hasher.combine(key)
    hasher.combine(value)
  }
}

/// Whether two texts are the same bytes; for `==`, they are also the same in another Unicode form.
func hasSameBytes(_ one: String, _ other: String) -> Bool {
  one.utf8.count == other.utf8.count && one.utf8.elementsEqual(other.utf8)
}

extension JSONValue {
  /// The member of an object; nil if this is not an object or has no member with exactly this key.
  package subscript(key: String) -> JSONValue? {
    guard case .object(let members, let alike) = self, let index = members.index(forKey: key) else { return nil }
    if hasSameBytes(members[index].key, key) { return members[index].value }
    return alike.first { hasSameBytes($0.key, key) }?.value
  }

  /// A key, at any depth, that differs from another key of its object only in its Unicode form; nil if there is none. A
  /// reader that keeps members in a dictionary would lose one of the two.
  package var alikeKey: String? {
    switch self {
    case .array(let items): items.lazy.compactMap(\.alikeKey).first
    case .object(let members, let alike): alike.first?.key ?? members.values.lazy.compactMap(\.alikeKey).first
    case .null, .bool, .int, .double, .string: nil
    }
  }

  /// Returns an object with its members' values changed; any other value is returned as it is.
  package func mapMembers(_ change: (_ key: String, _ value: JSONValue) -> JSONValue) -> JSONValue {
    guard case .object(let members, let alike) = self else { return self }
    return .object(
      Dictionary(uniqueKeysWithValues: members.map { ($0.key, change($0.key, $0.value)) }),
      alike: alike.map { JSONMember(key: $0.key, value: change($0.key, $0.value)) })
  }

  package var stringValue: String? { if case .string(let text) = self { text } else { nil } }
  package var boolValue: Bool? { if case .bool(let flag) = self { flag } else { nil } }
  package var arrayValue: [JSONValue]? { if case .array(let items) = self { items } else { nil } }
  /// The members of an object, without those whose keys differ from another key only in their Unicode form.
  package var objectValue: [String: JSONValue]? { if case .object(let members, _) = self { members } else { nil } }

  /// The number as an integer; a double counts if it is whole, because some servers write `1.0` for 1.
  package var intValue: Int64? {
    switch self {
    case .int(let number): number
    case .double(let number): Int64(exactly: number)
    default: nil
    }
  }

  /// The number as a double, whichever way it was written.
  package var doubleValue: Double? {
    switch self {
    case .int(let number): Double(number)
    case .double(let number): number
    default: nil
    }
  }

  package var isNull: Bool { self == .null }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByFloatLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
  package init(stringLiteral value: String) { self = .string(value) }
  package init(integerLiteral value: Int64) { self = .int(value) }
  package init(booleanLiteral value: Bool) { self = .bool(value) }
  package init(floatLiteral value: Double) { self = .double(value) }
  package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  package init(nilLiteral: ()) { self = .null }
  /// Creates an object; for a duplicate key the last value wins.
  package init(dictionaryLiteral elements: (String, JSONValue)...) {
    self = .object(Dictionary(elements, uniquingKeysWith: { $1 }))
  }
}
