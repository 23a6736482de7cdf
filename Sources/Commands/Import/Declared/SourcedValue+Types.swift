internal import CanonicalJSON
internal import ServingAPI

extension SourcedValue {
  /// The texts that a tool uses for true and false.
  struct FlagWords: Sendable {
    let yes: Set<String>
    let no: Set<String>

    static let terraform = FlagWords(yes: ["true"], no: ["false"])
    static let bundle = FlagWords(yes: ["true", "y", "Y", "yes", "on"], no: ["false", "n", "N", "no", "off"])
  }

  /// Returns the value with its scalars converted to the API's types, as bundles and Terraform do: a number or a flag
  /// becomes the text that was written, and a text becomes a number or a flag if it is one. Values that cannot be
  /// converted are kept and fail the type check.
  func converted(to type: any WireObject.Type, flags: FlagWords) -> SourcedValue {
    converted(to: .object(type), flags)
  }

  private func converted(to field: WireField, _ flags: FlagWords) -> SourcedValue {
    if isNull { return self }
    switch field {
    case .any: return self
    case .text, .textOrNumber: return plainText.map { SourcedValue($0, at: location) } ?? self
    case .number: return number(text.flatMap { Int64($0) }.map { .int($0) })
    case .fraction: return number(text.flatMap { Double($0) }.flatMap { $0.isFinite ? .double($0) : nil })
    case .flag:
      guard let text else { return self }
      if flags.yes.contains(text) { return SourcedValue(.scalar(.bool(true)), at: location) }
      return flags.no.contains(text) ? SourcedValue(.scalar(.bool(false)), at: location) : self
    case .textMap:
      guard let members else { return self }
      return SourcedValue(.object(members.mapValues { $0.converted(to: .text, flags) }), at: location)
    case .list(let element):
      guard let items else { return self }
      return SourcedValue(.list(items.map { $0.converted(to: element, flags) }), at: location)
    case .object(let type):
      guard let members else { return self }
      let result = members.map { key, member in
        (key, type.fields[key].map { member.converted(to: $0, flags) } ?? member)
      }
      return SourcedValue(.object(Dictionary(result) { one, _ in one }), at: location)
    }
  }

  private func number(_ value: JSONValue?) -> SourcedValue {
    value.map { SourcedValue(.scalar($0), at: location) } ?? self
  }
}
