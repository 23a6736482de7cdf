/// The rules for texts in the settings besides the config.
extension TextRule {
  /// A name or an ID in Unity Catalog or the workspace, without dots, slashes and whitespace.
  static let identifier = TextRule(longest: 255) { text in
    if text.isEmpty { return Fault("is empty") }
    guard let stranger = text.unicodeScalars.first(where: isForeign) else { return nil }
    return Fault("\(shown(text)) contains \(shown(String(stranger))), which is not allowed in such a name")
  }

  /// A group, a user, or a service principal.
  static let principalName = TextRule(longest: 255) { text in
    text.allSatisfy(\.isWhitespace) ? Fault("is empty") : nil
  }

  /// An email address, checked by its form only.
  static let emailAddress = TextRule(longest: 320) { text in
    if text.isEmpty { return Fault("is empty") }
    let parts = text.split(separator: "@", omittingEmptySubsequences: false)
    let labels = parts.last?.split(separator: ".", omittingEmptySubsequences: false) ?? []
    let isAddress =
      parts.count == 2 && !parts[0].isEmpty && labels.count > 1 && !labels.contains(where: \.isEmpty)
      && !text.contains(where: \.isWhitespace)
    return isAddress
      ? nil : Fault("\(shown(text)) is not an email address", suggestion: "for example oncall@example.com")
  }

  /// `catalog.schema.table`.
  static let tableName = TextRule(longest: 767) { text in
    if text.isEmpty { return Fault("is empty", suggestion: "for example main.telemetry.chat_logs") }
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    if parts.count != 3 || parts.contains(where: \.isEmpty) {
      return Fault("\(shown(text)) is not a Unity Catalog table", suggestion: "write catalog.schema.table")
    }
    guard let stranger = text.unicodeScalars.first(where: { $0 != "." && isForeign($0) || !$0.isASCII }) else {
      return nil
    }
    return Fault("\(shown(text)) contains \(shown(String(stranger))), which is not allowed in a telemetry table name")
  }

  private static func isForeign(_ scalar: Unicode.Scalar) -> Bool {
    scalar == "." || scalar == "/" || scalar.properties.isWhitespace || scalar.properties.generalCategory == .control
  }
}
