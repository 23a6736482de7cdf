/// The rules for an endpoint's tags that make a workspace accept them: they become part of its billing records.
extension TextRule {
  static let tagKey = TextRule(longest: 255) { key in
    if key.isEmpty { return Fault("is empty") }
    if key.utf8.starts(with: ReservedNames.tagPrefix.utf8) {
      return Fault(
        "tags starting with \"\(ReservedNames.tagPrefix)\" are reserved for Setpoint",
        suggestion: "choose another key")
    }
    if let fault = unfitForTags(key) { return fault }
    guard let refused = key.unicodeScalars.first(where: refusedInTagKeys.contains) else { return nil }
    let words = key.unicodeScalars.split(whereSeparator: refusedInTagKeys.contains)
    let name = words.map { String(String.UnicodeScalarView($0)) }.joined(separator: "-")
    // Of a key that is mostly punctuation, too little is left.
    let isKey =
      words.reduce(0) { $0 + $1.count } * 2 > key.unicodeScalars.count && !name.hasPrefix(ReservedNames.tagPrefix)
    return Fault(
      "\(shown(key)) contains \(shown(String(refused))); a workspace refuses tag keys with . , = / and :",
      suggestion: isKey ? "for example \"\(name)\"" : "choose another key")
  }

  static let tagValue = TextRule(longest: 1000) { value in
    if let fault = unfitForTags(value) { return fault }
    guard value.unicodeScalars.count > safeTagLength else { return nil }
    return Fault(
      "has \(value.unicodeScalars.count) characters; some workspaces accept at most \(safeTagLength)",
      suggestion: "shorten it", severity: .warning)
  }

  /// The characters that are not allowed in tag keys. `-` is allowed in endpoint tags, unlike in Unity Catalog's tags.
  private static let refusedInTagKeys: Set<Unicode.Scalar> = [".", ",", "=", "/", ":"]

  /// The length that every documented limit allows; some allow 1000 for values.
  private static let safeTagLength = 256

  private static func unfitForTags(_ text: String) -> Fault? {
    let scalars = text.unicodeScalars
    if scalars.first?.properties.isWhitespace == true || scalars.last?.properties.isWhitespace == true {
      return Fault("\(shown(text)) starts or ends with whitespace, which a workspace refuses", suggestion: "remove it")
    }
    if scalars.contains(where: { $0.properties.generalCategory == .control }) {
      return Fault("\(shown(text)) contains a line break, a tab or another control character", suggestion: "remove it")
    }
    return nil
  }
}
