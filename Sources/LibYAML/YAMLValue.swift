/// A value to be written as YAML.
package enum YAMLValue: Sendable, Equatable {
  case null
  case bool(Bool)
  case integer(Int)
  case float(Double)
  case string(String)
  case sequence([YAMLValue])
  /// A mapping, written in this order.
  case mapping([(key: String, value: YAMLValue)])
  /// A value with comment lines above it: above its key, its item in a list, or the document.
  indirect case commented([String], YAMLValue)

  package static func == (one: YAMLValue, other: YAMLValue) -> Bool {
    switch (one, other) {
    case (.null, .null): true
    case (.bool(let a), .bool(let b)): a == b
    case (.integer(let a), .integer(let b)): a == b
    case (.float(let a), .float(let b)): a == b
    case (.string(let a), .string(let b)): a.utf8.elementsEqual(b.utf8)
    case (.sequence(let a), .sequence(let b)): a == b
    case (.mapping(let a), .mapping(let b)):
      a.count == b.count && zip(a, b).allSatisfy { $0.key == $1.key && $0.value == $1.value }
    case (.commented(let a, let one), .commented(let b, let other)): a == b && one == other
    default: false
    }
  }
}
