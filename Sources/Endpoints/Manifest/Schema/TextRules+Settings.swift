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

  /// An email address, or a webhook's URL, which only planes call.
  static let notificationAddress = TextRule(longest: 2048) { text in
    guard isWebhook(text) else { return emailAddress.check(text) }
    let rest = text.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false).last ?? ""
    let hasHost = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }.contains { $0.isLetter || $0.isNumber }
    let isURL = (text.hasPrefix("https://") || text.hasPrefix("http://")) && hasHost
    // Not repeated: most of a webhook's URL is a secret.
    return isURL && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
      ? nil : Fault("is not an http or https URL", suggestion: "for example https://hooks.example.com/serving")
  }

  /// Whether the text is a URL rather than an email address.
  static func isWebhook(_ text: String) -> Bool { text.contains("://") }

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
