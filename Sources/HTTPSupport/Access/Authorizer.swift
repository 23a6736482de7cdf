/// Identifies the sender of a request. A server's API and its gateway use the same one.
package protocol Authorizer: Sendable {
  /// Returns the sender of a request with this `Authorization` header. Called for each request, from any thread: it
  /// reads only memory, and compares tokens in constant time.
  ///
  /// - Throws: why the header does not grant access.
  func principal(authorization: String?) throws(AccessTokenDigest.Refusal) -> Principal
}

/// Admits the holder of one token.
package struct TokenAuthorizer: Authorizer {
  private let token: AccessTokenDigest
  private let holder: Principal

  package init(token: AccessTokenDigest, holder: Principal) {
    self.token = token
    self.holder = holder
  }

  package func principal(authorization: String?) throws(AccessTokenDigest.Refusal) -> Principal {
    if let refusal = token.check(authorization) { throw refusal }
    return holder
  }
}
