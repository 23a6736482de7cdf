/// What came of one provider call.
package enum Receipt: Hashable, Sendable {
  /// It was taken. A create or update announces the endpoint's id and the version of the config it began to roll out.
  case accepted(id: String?, version: Int64?)
  /// It was not taken, and would not be if sent again: a bad request, missing grants, a model that is not there.
  case refused(String)
  /// It was not taken because another change is under way, or the name is taken: look again.
  case conflict(String)
  /// It was not taken for now: throttled, the server failed, or the credentials are not good at present.
  case unavailable(String, retryAfter: Duration?)
  /// No answer came: it may have been taken or not.
  case lost(String)

  /// Classifies an error answer of the serving API (contract 1.7). An `error_code` outranks the status.
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
    default: self = Self.classify(status: status, message: message, retryAfter: retryAfter)
    }
  }

  private static func classify(status: Int, message: String, retryAfter: Duration?) -> Receipt {
    switch status {
    case 409: .conflict(message)
    // A token that ran out says nothing about what was sent.
    case 401, 408, 425, 429, 500...: .unavailable(message, retryAfter: retryAfter)
    // A version still being registered (contract Q38) is a matter of time.
    case 400..<500 where message.contains("PENDING_REGISTRATION"):
      .unavailable(message, retryAfter: retryAfter)
    case 400..<500: .refused(message)
    default: .unavailable(message, retryAfter: retryAfter)
    }
  }
}
