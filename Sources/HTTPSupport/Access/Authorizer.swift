/// Identifies the sender of a request. A server's API and its gateway use the same one.
package protocol Authorizer: Sendable {
  /// Returns the sender of a request with this `Authorization` header. Called for each request, from any thread: it
  /// reads only memory, and compares tokens in constant time.
  ///
  /// - Throws: why the header does not grant access.
  func principal(authorization: String?) throws(AccessTokenDigest.Refusal) -> Principal

  /// Returns what a principal may do with an endpoint; nil if it may not even know that the endpoint exists. Called like
  /// ``principal(authorization:)``.
  ///
  /// - Parameter endpoint: the name; there need not be such an endpoint.
  func level(of principal: Principal, on endpoint: String) -> EndpointLevel?
}

/// Admits the holder of one token, who may do everything.
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

  package func level(of principal: Principal, on endpoint: String) -> EndpointLevel? { .manage }
}
