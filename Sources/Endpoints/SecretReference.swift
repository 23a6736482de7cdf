/// A reference to a stored secret, `{{secrets/scope/key}}`: the whole value of an environment variable. It names the secret
/// without revealing it.
package struct SecretReference: Hashable, Sendable {
  package let scope: String
  package let key: String

  /// Returns nil unless the value is exactly one reference, without spaces.
  package init?(_ value: String) {
    let bytes = value.utf8
    guard bytes.starts(with: Self.prefix.utf8), bytes.suffix(2).elementsEqual("}}".utf8),
      bytes.count > Self.prefix.utf8.count + 2
    else { return nil }
    let name = value[...].utf8.dropFirst(Self.prefix.utf8.count).dropLast(2)
    let isClean = name.allSatisfy { $0 > UInt8(ascii: " ") && $0 != UInt8(ascii: "{") && $0 != UInt8(ascii: "}") }
    let parts = name.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    guard isClean, parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else { return nil }
    (scope, key) = (String(Substring(parts[0])), String(Substring(parts[1])))
  }

  /// Whether the value is meant as a reference, valid or not.
  package static func isMeant(by value: String) -> Bool { value.utf8.starts(with: "{{".utf8) }

  private static let prefix = "{{secrets/"
}
