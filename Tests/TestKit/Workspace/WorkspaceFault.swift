extension WorkspaceDouble {
  /// How a call fails.
  package enum Fault: Hashable, Sendable {
    /// Answered with an error; nothing is executed.
    case answer(status: Int, errorCode: String, message: String)
    /// Answered with this response, whatever it is; nothing is executed.
    case response(status: Int, headers: [String: String] = [:], body: String)
    /// Executed, and the response is lost.
    case loseAnswer
    /// The request is lost; nothing is executed, and the caller cannot know that.
    case loseRequest
    /// No connection.
    case refuseConnection
    /// The caller's process ends before the call is sent.
    case crashBefore
    /// The caller's process ends after the call was executed.
    case crashAfter
    /// Answered with the state before the last change: a stale copy. For read calls.
    case stale
  }
}

extension WorkspaceDouble.Fault {
  /// 429 with `Retry-After` in seconds (serving-api.md 1.7, 1.8).
  package static func throttled(seconds: Int) -> Self { throttled(retryAfter: String(seconds)) }

  /// 429 with `Retry-After` exactly as given, such as an HTTP date (serving-api.md Q77).
  package static func throttled(retryAfter: String) -> Self {
    .response(
      status: 429, headers: ["Retry-After": retryAfter],
      body: #"{"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "Too many requests."}"#)
  }

  /// 503.
  package static let unavailable = Self.answer(
    status: 503, errorCode: "TEMPORARILY_UNAVAILABLE", message: "The service is unavailable.")

  /// 401 during a wait (serving-api.md Q78).
  package static let tokenExpired = Self.answer(
    status: 401, errorCode: "UNAUTHENTICATED", message: "The access token expired.")

  /// 403, which may hide that the endpoint does not exist (serving-api.md Q73).
  package static let denied = Self.answer(
    status: 403, errorCode: "PERMISSION_DENIED", message: "You do not have permission to do that.")

  /// An error whose body is an HTML page (serving-api.md 1.7).
  package static let errorPage = Self.response(
    status: 502, headers: ["Content-Type": "text/html"],
    body: "<html><head><title>502 Bad Gateway</title></head><body><pre>upstream is down</pre></body></html>")

  /// A login page with status 200 (serving-api.md Q79).
  package static let loginPage = Self.response(
    status: 200, headers: ["Content-Type": "text/html"],
    body: "<!DOCTYPE html><html><head><title>Databricks - Sign In</title></head><body>Sign in</body></html>")

  /// What a private link sends to unknown clients: a redirect that is really a refusal (serving-api.md 1.7).
  package static let privateLink = Self.response(
    status: 302, headers: ["Location": "https://workspace.example.com/login.html?error=private-link-validation-error"],
    body: "")
}
