import Gateway
import LibCrypto

/// The plane's token, kept as its digest: two digests are compared instead of two tokens, so that the time it takes tells
/// nothing about the token.
struct AccessTokenDigest: Sendable {
  private let digest: SHA256Digest

  init(token: String) { digest = SHA256.hash(Array(token.utf8)) }

  func accepts(_ token: String) -> Bool { SHA256.hash(Array(token.utf8)) == digest }

  /// Why the sender of this header is not let in; nil if it is.
  func refusal(of authorization: String?) -> APIError? {
    guard let authorization, !authorization.isEmpty else {
      return unauthenticated("A token is required: send \"Authorization: Bearer TOKEN\".")
    }
    guard let token = AccessToken.read(fromAuthorization: authorization) else {
      return unauthenticated("The Authorization header is neither \"Bearer TOKEN\" nor Basic with the user \"token\".")
    }
    return accepts(token) ? nil : unauthenticated("The token is not valid for this serving plane.")
  }

  /// It does not say where the token is: whoever may know that knows it from the plane's own output.
  private func unauthenticated(_ words: String) -> APIError {
    APIError(status: 401, code: "UNAUTHENTICATED", message: words)
  }
}
