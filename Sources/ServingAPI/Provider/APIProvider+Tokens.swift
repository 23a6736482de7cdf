internal import CanonicalJSON

/// The calls for the access tokens of a serving plane. A workspace does not have them.
extension APIProvider {
  /// Creates a token. It is sent once: if the response is lost, the token may exist, and its secret is unknown.
  ///
  /// - Returns: the token with its secret, which the plane does not return again.
  package func createToken(_ request: WireTokenRequest) async throws -> WireToken {
    var call = APICall("POST", "/api/setpoint/tokens")
    call.body = request.json
    return try await tokenWithSecret(call)
  }

  /// Lists the tokens, without their secrets.
  package func tokens() async throws -> [WireToken] {
    try await client.object(APICall("GET", "/api/setpoint/tokens"), as: WireTokenList.self).tokens
  }

  /// Revokes every token of the name.
  package func revokeToken(_ name: String) async throws {
    _ = try await client.json(try tokenCall("DELETE", name, "/api/setpoint/tokens/\(name)"))
  }

  /// Replaces a token's secret.
  ///
  /// - Parameter overlapSeconds: how long the previous secret continues to work.
  /// - Returns: the token with its new secret.
  package func rotateToken(_ name: String, overlapSeconds: Int64?) async throws -> WireToken {
    var call = try tokenCall("POST", name, "/api/setpoint/tokens/\(name)/rotate")
    call.body = WireTokenRotation(overlapSeconds: overlapSeconds).json
    return try await tokenWithSecret(call)
  }

  // MARK: -

  /// An empty name would make it another call.
  private func tokenCall(_ method: String, _ name: String, _ path: APIPath) throws -> APICall {
    let call = APICall(method, path)
    guard !name.isEmpty else {
      throw ServingError(kind: .refusedLocally, serverMessage: "the token's name is empty", call: call.description)
    }
    return call
  }

  private func tokenWithSecret(_ call: APICall) async throws -> WireToken {
    let token = try await client.object(call, as: WireToken.self)
    guard let secret = token.secret, !secret.isEmpty else {
      throw ServingError(
        kind: .unexpectedAnswer, status: 200, serverMessage: "the response has no secret", call: call.description,
        advice: "check that \(target.url) is a serving plane", outcomeUnknown: true)
    }
    return token
  }
}
