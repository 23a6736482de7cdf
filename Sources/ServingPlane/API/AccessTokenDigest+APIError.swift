import HTTPSupport

extension AccessTokenDigest {
  /// Why the sender of this header is refused; nil if it is not.
  func refusal(of authorization: String?) -> APIError? {
    switch check(authorization) {
    case nil: nil
    case .missing: Self.unauthenticated("A token is required: send \"Authorization: Bearer TOKEN\".")
    case .malformed:
      Self.unauthenticated("The Authorization header is neither \"Bearer TOKEN\" nor Basic with the user \"token\".")
    case .wrong: Self.unauthenticated("The token is not valid for this serving plane.")
    }
  }

  /// Does not say where the token is: anyone allowed to know sees it in the plane's own output.
  private static func unauthenticated(_ words: String) -> APIError {
    APIError(status: 401, code: "UNAUTHENTICATED", message: words)
  }
}
