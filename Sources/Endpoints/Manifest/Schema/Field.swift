/// A field of the manifest. The table of fields validates manifests.
package final class Field: Sendable {
  package enum Presence: Sendable, Hashable {
    case required
    /// Required if the other field of the same mapping is absent.
    case requiredWithout(String)
    case optional
  }

  /// Whether a manifest may use the field.
  package enum Support: Sendable, Hashable {
    case supported
    /// Written by other tools into the same file; accepted with a warning that says this.
    case withoutMeaning(String)
  }

  package let name: String
  package let type: FieldType
  package let presence: Presence
  package let support: Support
  /// An example of the field.
  package let example: String?
  /// Other names by which users may look for the field; used for suggestions only.
  package let otherNames: [String]

  var isSupported: Bool {
    if case .supported = support { true } else { false }
  }

  init(
    _ name: String, _ type: FieldType, _ presence: Presence = .optional, support: Support = .supported,
    otherNames: [String] = [], example: String? = nil
  ) {
    self.name = name
    self.type = type
    self.presence = presence
    self.support = support
    self.example = example
    self.otherNames = otherNames
  }
}

/// The type of a field's value.
package indirect enum FieldType: Sendable {
  case text(TextRule)
  /// A version number as text or integer, or an alias.
  case version
  case boolean
  case integer(ClosedRange<Int>)
  case number(NumberRange)
  /// `90s`, `60m`, `1h30m`.
  case duration
  /// A number of bytes: `4096`, `64Mi`.
  case bytes(ClosedRange<Int>)
  /// One of these words.
  case word([String])
  /// One of these words, or one that only the provider knows.
  case openWord([String], noun: String)
  case textMap(TextMapRule)
  case list(FieldType, atMost: Int)
  case object(ObjectType)
  /// An object that a file may shorten to the list of that one field.
  case objectOrList(ObjectType, field: String)
  /// Any value, not checked.
  case anything
}

/// Numbers above `above` up to `upTo`.
package struct NumberRange: Sendable, Hashable {
  package let above: Double
  package let upTo: Double
  /// Whether `above` itself is in the range.
  package let includesLower: Bool

  init(above: Double, upTo: Double, includesLower: Bool = false) {
    self.above = above
    self.upTo = upTo
    self.includesLower = includesLower
  }

  func contains(_ number: Double) -> Bool {
    (number > above || (includesLower && number == above)) && number <= upTo
  }
}

/// A rule for a text.
package final class TextRule: Sendable {
  package let longest: Int
  /// Whether the text is never shown in a message.
  package let isSecret: Bool
  let check: @Sendable (String) -> Fault?

  init(
    longest: Int = 65_536, isSecret: Bool = false,
    check: @escaping @Sendable (String) -> Fault? = { _ in nil }
  ) {
    self.longest = longest
    self.isSecret = isSecret
    self.check = check
  }
}

/// A rule for the keys and values of a mapping from text to text.
package final class TextMapRule: Sendable {
  package let key: TextRule
  package let value: TextRule
  let checkEntry: @Sendable (_ key: String, _ value: String) -> Fault?

  init(
    key: TextRule, value: TextRule,
    checkEntry: @escaping @Sendable (_ key: String, _ value: String) -> Fault? = { _, _ in nil }
  ) {
    self.key = key
    self.value = value
    self.checkEntry = checkEntry
  }
}

/// A mapping with known fields.
package final class ObjectType: Sendable {
  package let fields: [Field]
  /// Length and first byte of each name: enough to skip nearly every other field without comparing texts, which for so
  /// few is faster than hashing.
  private let marks: [UInt32]
  /// The fields that may be required, with their slots.
  let demanding: [(slot: Int, field: Field)]

  init(_ fields: [Field]) {
    self.fields = fields
    demanding = fields.enumerated().filter { $1.presence != .optional }.map { ($0, $1) }
    marks = fields.map { Self.mark($0.name) }
  }

  private static func mark(_ name: String) -> UInt32 {
    UInt32(truncatingIfNeeded: name.utf8.count) << 8 | UInt32(name.utf8.first ?? 0)
  }

  /// Returns the index of a field in `fields`.
  func slot(_ name: String) -> Int? {
    let mark = Self.mark(name)
    for slot in marks.indices where marks[slot] == mark && fields[slot].name == name { return slot }
    return nil
  }

  /// Returns the paths, relative to this type, of the fields with this name.
  func paths(toField name: String) -> [String] {
    fields.flatMap { field -> [String] in
      let here = field.name == name ? [field.name] : []
      return here + field.type.paths(toField: name).map { field.name + $0 }
    }
  }
}

extension FieldType {
  fileprivate func paths(toField name: String) -> [String] {
    switch self {
    case .object(let type), .objectOrList(let type, _): type.paths(toField: name).map { "." + $0 }
    case .list(let item, _): item.paths(toField: name).map { "[]" + $0 }
    default: []
    }
  }
}
