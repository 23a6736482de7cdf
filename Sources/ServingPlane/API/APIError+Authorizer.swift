import HTTPSupport

extension APIError {
  /// Why a sender is refused. Does not say where the token is: anyone allowed to know sees it in the plane's own output.
  init(_ refusal: AccessTokenDigest.Refusal) {
    let words =
      switch refusal {
      case .missing: "a token is required: send \"Authorization: Bearer TOKEN\""
      case .malformed: "the Authorization header is neither \"Bearer TOKEN\" nor Basic with the user \"token\""
      case .wrong: "the token is not valid for this serving plane"
      case .expired: "the token has expired; ask an administrator of the serving plane for a new one"
      }
    self.init(status: 401, code: "UNAUTHENTICATED", message: words)
  }
}

extension Authorizer {
  /// - Throws: ``APIError`` for a sender who is not known.
  func admit(_ authorization: String?) throws(APIError) -> Principal {
    do throws(AccessTokenDigest.Refusal) {
      return try principal(authorization: authorization)
    } catch {
      throw APIError(error)
    }
  }
}
