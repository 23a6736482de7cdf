internal import Endpoints

/// The result of one provider call.
package enum CallResult: Hashable, Sendable {
  /// Accepted. A create or update announces the endpoint's id and the version of the config that it began to roll out.
  case accepted(id: String?, version: Int64?)
  /// Refused, and would be refused again: a bad request, missing grants.
  case refused(String)
  /// Not accepted because a model, version or secret that it names does not exist, or not yet.
  case missing(String)
  /// Not accepted because another change is in progress, or the name is taken: check again.
  case conflict(String)
  /// Not accepted for now: rate-limited, a server failure, or credentials that are currently invalid.
  case unavailable(String, retryAfter: Duration?)
  /// No response: the call may or may not have been accepted.
  case lost(String)

  /// Classifies an error response of the serving API (serving-api.md 1.7). An `error_code` outranks the status.
  ///
  /// - Parameters:
  ///   - status: the HTTP status.
  ///   - errorCode: the `error_code` of the body, if it has one.
  ///   - message: the server's words, kept unchanged.
  ///   - retryAfter: the value of the `Retry-After` header.
  package init(failure status: Int, errorCode: String? = nil, message: String, retryAfter: Duration? = nil) {
    switch errorCode {
    case "RESOURCE_CONFLICT", "ABORTED", "ALREADY_EXISTS", "RESOURCE_ALREADY_EXISTS": self = .conflict(message)
    case "RESOURCE_EXHAUSTED", "REQUEST_LIMIT_EXCEEDED", "TEMPORARILY_UNAVAILABLE", "UNAVAILABLE", "INTERNAL_ERROR",
      "DEADLINE_EXCEEDED", "UNKNOWN", "DATA_LOSS", "UNAUTHENTICATED":
      self = .unavailable(message, retryAfter: retryAfter)
    case "RESOURCE_DOES_NOT_EXIST" where Self.namesWhatMayCome(message): self = .missing(message)
    default: self = Self.classify(status: status, message: message, retryAfter: retryAfter)
    }
  }

  private static func classify(status: Int, message: String, retryAfter: Duration?) -> CallResult {
    switch status {
    case 409: .conflict(message)
    // An expired token says nothing about the request.
    case 401, 408, 425, 429, 500...: .unavailable(message, retryAfter: retryAfter)
    case 400..<500: classifyRefusal(message: message, retryAfter: retryAfter)
    default: .unavailable(message, retryAfter: retryAfter)
    }
  }

  /// Classifies a refusal. The server's words may say that it is temporary: a version that is still being registered
  /// (serving-api.md Q38), a quota.
  private static func classifyRefusal(message: String, retryAfter: Duration?) -> CallResult {
    guard let known = KnownMessage.found(in: message), known.cause == .theirs else { return .refused(message) }
    if known.isAbsence { return isAboutEndpoint(message) ? .refused(message) : .missing(message) }
    return .unavailable(message, retryAfter: retryAfter)
  }

  /// Whether the missing object may still be created, and is not the endpoint.
  private static func namesWhatMayCome(_ message: String) -> Bool {
    !isAboutEndpoint(message) && ["model", "version", "secret"].contains { message.lowercased().contains($0) }
  }

  private static func isAboutEndpoint(_ message: String) -> Bool { message.lowercased().hasPrefix("endpoint") }
}
