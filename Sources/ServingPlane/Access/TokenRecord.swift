import HTTPSupport
import LibCrypto

/// A token as the plane keeps it: everything but the secret.
struct TokenRecord: Hashable, Sendable {
  /// 16 hex digits; a token that replaces another one has its name, and an ID of its own.
  let id: String
  let name: String
  /// Of the secret.
  let digest: SHA256Digest
  let rights: TokenRights
  let groups: Set<String>
  /// Milliseconds since 1970.
  let created: Int64
  /// The name of the principal that created it.
  let createdBy: String?
  /// The time from which it is not valid any more, in milliseconds since 1970; nil for never.
  var expires: Int64?
  /// The time of a recent use, in milliseconds since 1970; nil if it has not been used.
  var lastUsed: Int64?
  /// The time at which another token has replaced it, in milliseconds since 1970. It lives on until it expires.
  var replaced: Int64?

  func isExpired(at now: Int64) -> Bool { expires.map { $0 <= now } ?? false }

  /// Whom the token identifies. Administrators are the group that inherits permissions on every endpoint.
  var principal: Principal {
    let own = rights.level == .admin ? groups.union([PlaneAuthorizer.administrators]) : groups
    return Principal(name: name, groups: own, rights: rights)
  }
}

/// The names of tokens and groups.
enum PrincipalName {
  static let maximumLength = 128

  /// Why a text is not a valid name of a token; nil if it is. An email address is valid.
  static func finding(_ name: String) -> String? {
    let isValid = name.utf8.allSatisfy { bytes.contains($0) }
    guard isValid, (1...maximumLength).contains(name.utf8.count) else {
      return
        "\"\(name.prefix(maximumLength))\" is not a valid name of a token: use 1 to \(maximumLength) letters, digits "
        + "and the characters . _ @ + -"
    }
    return nil
  }

  /// Why a text is not a valid name of a group; nil if it is. Unlike a token's name, it may contain spaces.
  static func groupFinding(_ name: String) -> String? {
    let isValid = name.utf8.allSatisfy { bytes.contains($0) || $0 == UInt8(ascii: " ") }
    guard isValid, (1...maximumLength).contains(name.utf8.count), name.first != " ", name.last != " " else {
      return
        "\"\(name.prefix(maximumLength))\" is not a valid name of a group: use 1 to \(maximumLength) letters, digits, "
        + "spaces and the characters . _ @ + -"
    }
    return nil
  }

  private static let bytes = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@+-".utf8)
}
