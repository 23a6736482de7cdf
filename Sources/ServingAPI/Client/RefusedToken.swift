/// Whether an answer says that the token, and not its owner, is refused. A workspace says so with 401, and with 403 and
/// these words, about a token that has ended or ends within half a minute; what was asked was not carried out.
enum RefusedToken {
  static func isMeant(status: Int, message: String) -> Bool {
    guard status == 403 else { return status == 401 }
    let message = message.lowercased()
    return phrases.contains { message.contains($0) }
  }

  private static let phrases = ["invalid access token", "token is expir", "token expired", "expired token"]

  /// Looks at an answer. One that has to be read for this comes back with the body that was read.
  ///
  /// - Throws: what `failure` makes of an error that broke off the body.
  static func told(
    by response: APIResponse, failure: (any Error) throws -> any Error
  ) async throws -> (response: APIResponse, isRefused: Bool) {
    guard response.status == 403 else { return (response, response.status == 401) }
    let body: [UInt8]
    do {
      body = try await response.collect(upTo: 1 << 20).bytes
    } catch {
      throw try failure(error)
    }
    let read = APIResponse(
      status: response.status, headers: response.headers, effectiveURL: response.effectiveURL, body: ByteStream([body]))
    return (read, isMeant(status: 403, message: ErrorAnswer(body: body).message))
  }
}
