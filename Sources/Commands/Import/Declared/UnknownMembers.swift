internal import CanonicalJSON
internal import ServingAPI

/// The members of a declared endpoint that this version does not read.
enum UnknownMembers {
  /// Returns their paths, such as `config.served_entities[0].warm_up`, sorted. Empty values are skipped: null, an empty
  /// text, list or object, and false.
  static func paths(in value: SourcedValue, as type: any WireObject.Type, path: String = "") -> [String] {
    (value.members ?? [:]).sorted { $0.key < $1.key }.flatMap { key, member -> [String] in
      let path = path.isEmpty ? key : "\(path).\(key)"
      guard let field = type.fields[key] else { return member.saysNothing ? [] : [path] }
      return paths(in: member, field, path)
    }
  }

  private static func paths(in value: SourcedValue, _ field: WireField, _ path: String) -> [String] {
    switch field {
    case .object(let type): paths(in: value, as: type, path: path)
    case .list(let element):
      (value.items ?? []).enumerated().flatMap { paths(in: $1, element, "\(path)[\($0)]") }
    case .text, .textOrNumber, .number, .fraction, .flag, .textMap, .any: []
    }
  }
}

extension SourcedValue {
  var saysNothing: Bool {
    switch content {
    case .scalar(let value): value.isNull || value == .string("") || value == .bool(false)
    case .list(let items): items.isEmpty
    case .object(let members): members.isEmpty
    }
  }
}
