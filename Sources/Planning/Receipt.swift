internal import Endpoints

/// What came of one provider call.
package enum Receipt: Hashable, Sendable {
  /// It was taken. A create or update announces the endpoint's id and the version of the config it began to roll out.
  case accepted(id: String?, version: Int64?)
  /// It was not taken, and would not be if sent again: a bad request, missing grants.
  case refused(String)
  /// It was not taken because a model, version or secret that it names is not there, or not yet.
  case missing(String)
  /// It was not taken because another change is under way, or the name is taken: check again.
  case conflict(String)
  /// It was not taken for now: throttled, the server failed, or the credentials are not good at present.
  case unavailable(String, retryAfter: Duration?)
  /// No answer came: it may have been taken or not.
  case lost(String)

  /// Classifies an error answer of the serving API (serving-api.md 1.7). An `error_code` outranks the status.
  ///
  /// - Parameters:
  ///   - status: the HTTP status.
  ///   - errorCode: the `error_code` of the body, where it has one.
  ///   - message: the server's words; they are kept as they are.
  ///   - retryAfter: what the `Retry-After` header asks for.
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

  private static func classify(status: Int, message: String, retryAfter: Duration?) -> Receipt {
    switch status {
    case 409: .conflict(message)
    // A token that ran out says nothing about what was sent.
    case 401, 408, 425, 429, 500...: .unavailable(message, retryAfter: retryAfter)
    case 400..<500: classifyRefusal(message: message, retryAfter: retryAfter)
    default: .unavailable(message, retryAfter: retryAfter)
    }
  }

  /// The server's words may say that it is a matter of time: a version still being registered (serving-api.md Q38), a
  /// quota.
  private static func classifyRefusal(message: String, retryAfter: Duration?) -> Receipt {
    guard let known = KnownMessage.found(in: message), known.cause == .theirs else { return .refused(message) }
    if known.isAbsence { return isAboutEndpoint(message) ? .refused(message) : .missing(message) }
    return .unavailable(message, retryAfter: retryAfter)
  }

  /// Whether what does not exist is something that may yet be made, and not the endpoint.
  private static func namesWhatMayCome(_ message: String) -> Bool {
    !isAboutEndpoint(message) && ["model", "version", "secret"].contains { message.lowercased().contains($0) }
  }

  private static func isAboutEndpoint(_ message: String) -> Bool { message.lowercased().hasPrefix("endpoint") }
}
