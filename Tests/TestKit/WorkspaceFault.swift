extension WorkspaceDouble {
  /// What goes wrong with a call.
  package enum Fault: Hashable, Sendable {
    /// Answered with an error; nothing is done.
    case answer(status: Int, errorCode: String, message: String)
    /// Answered with this, whatever it is; nothing is done.
    case reply(status: Int, headers: [String: String] = [:], body: String)
    /// Done, and the answer is lost.
    case loseAnswer
    /// Lost on the way there; nothing is done, and the caller cannot know that.
    case loseRequest
    /// No connection.
    case refuseConnection
    /// The caller's process ends before the call is sent.
    case crashBefore
    /// The caller's process ends after the call has been done.
    case crashAfter
    /// Answered as it would have been before the last change: a copy that lags behind. For reading calls.
    case stale
  }
}

extension WorkspaceDouble.Fault {
  /// 429 with `Retry-After` in seconds (serving-api.md 1.7, 1.8).
  package static func throttled(seconds: Int) -> Self { throttled(retryAfter: String(seconds)) }

  /// 429 with `Retry-After` as it is given, such as an HTTP date (serving-api.md Q77).
  package static func throttled(retryAfter: String) -> Self {
    .reply(
      status: 429, headers: ["Retry-After": retryAfter],
      body: #"{"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "Too many requests."}"#)
  }

  /// 503.
  package static let unavailable = Self.answer(
    status: 503, errorCode: "TEMPORARILY_UNAVAILABLE", message: "The service is unavailable.")

  /// 401 in the middle of a wait (serving-api.md Q78).
  package static let tokenExpired = Self.answer(
    status: 401, errorCode: "UNAUTHENTICATED", message: "The access token expired.")

  /// 403, which may hide that there is nothing (serving-api.md Q73).
  package static let denied = Self.answer(
    status: 403, errorCode: "PERMISSION_DENIED", message: "You do not have permission to do that.")

  /// An error whose body is a page (serving-api.md 1.7).
  package static let errorPage = Self.reply(
    status: 502, headers: ["Content-Type": "text/html"],
    body: "<html><head><title>502 Bad Gateway</title></head><body><pre>upstream is down</pre></body></html>")

  /// A login page with status 200 (serving-api.md Q79).
  package static let loginPage = Self.reply(
    status: 200, headers: ["Content-Type": "text/html"],
    body: "<!DOCTYPE html><html><head><title>Databricks - Sign In</title></head><body>Sign in</body></html>")

  /// Where a private link sends strangers: a redirect that is really a refusal (serving-api.md 1.7).
  package static let privateLink = Self.reply(
    status: 302, headers: ["Location": "https://workspace.example.com/login.html?error=private-link-validation-error"],
    body: "")
}
