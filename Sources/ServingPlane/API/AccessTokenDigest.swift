import Gateway
import LibCrypto

/// The plane's token, kept as its digest: two digests are compared instead of two tokens, so that the time it takes tells
/// nothing about the token.
struct AccessTokenDigest: Sendable {
  private let digest: SHA256Digest
  /// The file that holds the token, for whoever lacks it.
  let file: String

  init(token: String, file: String) {
    digest = SHA256.hash(Array(token.utf8))
    self.file = file
  }

  func accepts(_ token: String) -> Bool { SHA256.hash(Array(token.utf8)) == digest }

  /// Why the sender of this header is not let in; nil if it is.
  func refusal(of authorization: String?) -> APIError? {
    guard let authorization, !authorization.isEmpty else {
      return unauthenticated("A token is needed: send \"Authorization: Bearer TOKEN\"")
    }
    guard let token = AccessToken.read(fromAuthorization: authorization) else {
      return unauthenticated("The Authorization header is neither \"Bearer TOKEN\" nor Basic with the user \"token\"")
    }
    return accepts(token) ? nil : unauthenticated("The token is not this plane's")
  }

  private func unauthenticated(_ words: String) -> APIError {
    APIError(
      status: 401, code: "UNAUTHENTICATED",
      message: "\(words). On the plane's machine the token is in \(file); set DATABRICKS_TOKEN to its content.")
  }
}
