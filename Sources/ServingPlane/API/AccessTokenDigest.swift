import Gateway
import LibCrypto

/// The digest of the plane's token: digests are compared instead of tokens, so that the time of a comparison reveals
/// nothing about the token.
struct AccessTokenDigest: Sendable {
  private let digest: SHA256Digest

  init(token: String) { digest = SHA256.hash(Array(token.utf8)) }

  func accepts(_ token: String) -> Bool { SHA256.hash(Array(token.utf8)) == digest }

  /// Why the sender of this header is refused; nil if it is not.
  func refusal(of authorization: String?) -> APIError? {
    guard let authorization, !authorization.isEmpty else {
      return unauthenticated("A token is required: send \"Authorization: Bearer TOKEN\".")
    }
    guard let token = AccessToken.read(fromAuthorization: authorization) else {
      return unauthenticated("The Authorization header is neither \"Bearer TOKEN\" nor Basic with the user \"token\".")
    }
    return accepts(token) ? nil : unauthenticated("The token is not valid for this serving plane.")
  }

  /// Does not say where the token is: anyone allowed to know sees it in the plane's own output.
  private func unauthenticated(_ words: String) -> APIError {
    APIError(status: 401, code: "UNAUTHENTICATED", message: words)
  }
}
