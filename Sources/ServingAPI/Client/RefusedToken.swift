/// Whether a response refuses the token, not its owner. A workspace does so with 401, and with 403 and these words for
/// a token that has expired or expires within half a minute; the request was not carried out.
enum RefusedToken {
  static func isMeant(status: Int, message: String) -> Bool {
    let kind = ServingError.Kind.of(status: status)
    guard kind == .permissionDenied else { return kind == .unauthenticated }
    let message = message.lowercased()
    return phrases.contains { message.contains($0) }
  }

  private static let phrases = ["invalid access token", "token is expir", "token expired", "expired token"]

  /// Checks a response. If its body has to be read for this, the returned response contains what was read.
  ///
  /// - Throws: the result of `failure` for an error that interrupted the body.
  static func check(
    _ response: APIResponse, failure: (any Error) throws -> any Error
  ) async throws -> (response: APIResponse, isRefused: Bool) {
    guard ServingError.Kind.of(status: response.status) == .permissionDenied else {
      return (response, isMeant(status: response.status, message: ""))
    }
    let body: [UInt8]
    do {
      body = try await response.collect(upTo: 1 << 20).bytes
    } catch {
      throw try failure(error)
    }
    let read = APIResponse(
      status: response.status, headers: response.headers, effectiveURL: response.effectiveURL, body: ByteStream([body]))
    return (read, isMeant(status: response.status, message: ErrorResponse(body: body).message))
  }
}
