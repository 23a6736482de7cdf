import LibCrypto

/// The digest of an access token: digests are compared instead of tokens, so that the time of a comparison reveals
/// nothing about the token.
package struct AccessTokenDigest: Sendable {
  /// Why an `Authorization` header does not grant access.
  package enum Refusal: Error, Hashable, Sendable {
    /// The header is missing or empty.
    case missing
    /// The header is in none of the forms that ``AccessToken`` reads.
    case malformed
    /// The header has another token.
    case wrong
    /// The token was valid once.
    case expired
  }

  /// Nil for an empty token, which is a mistake and grants access to nobody.
  private let digest: SHA256Digest?

  package init(token: String) { digest = token.isEmpty ? nil : SHA256.hash(token) }

  /// Returns whether this is the token.
  package func accepts(_ token: String) -> Bool { SHA256.hash(token) == digest }

  /// Returns why the sender of an `Authorization` header is refused; nil if it has the token.
  package func check(_ authorization: String?) -> Refusal? {
    guard let authorization, !authorization.isEmpty else { return .missing }
    guard let token = AccessToken.read(fromAuthorization: authorization) else { return .malformed }
    return accepts(token) ? nil : .wrong
  }
}
