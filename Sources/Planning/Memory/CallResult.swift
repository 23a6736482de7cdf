internal import Endpoints

/// The result of one provider call.
package enum CallResult: Hashable, Sendable {
  /// Accepted. A create or update announces the endpoint's ID and the version of the config that it began to roll out.
  case accepted(id: String?, version: Int64?)
  /// Refused, and would be refused again: a bad request, missing grants.
  case refused(String)
  /// Not accepted because a model, version or secret that it names does not exist, or not yet.
  case missing(String)
  /// Not accepted because another change is in progress, or the name is taken: check again.
  case conflict(String)
  /// Not accepted for now: rate-limited, a server failure, or credentials that are currently invalid.
  ///
  /// - Parameter mayHaveArrived: whether the server failed while it handled the call, and may have acted on it.
  case unavailable(String, retryAfter: Duration?, mayHaveArrived: Bool = false)
  /// No response: the call may or may not have been accepted.
  case lost(String)

  /// What an error response says about its call. The client reads statuses and error codes, and nothing else does.
  package enum Failure: Hashable, Sendable {
    /// The call would be refused again.
    case refused
    /// An object that the call names does not exist.
    case notFound
    /// Another change is in progress, or the name is taken.
    case conflict
    /// The failure says nothing about the call.
    case unavailable
  }

  /// Creates the result of a call that failed.
  ///
  /// - Parameters:
  ///   - message: the server's message, kept unchanged.
  ///   - retryAfter: how long the server asks clients to wait.
  ///   - mayHaveArrived: whether the server failed while it handled the call.
  package init(
    _ failure: Failure, message: String, retryAfter: Duration? = nil, mayHaveArrived: Bool = false
  ) {
    switch failure {
    case .conflict: self = .conflict(message)
    case .unavailable: self = .unavailable(message, retryAfter: retryAfter, mayHaveArrived: mayHaveArrived)
    case .notFound where Self.namesWhatMayCome(message): self = .missing(message)
    case .notFound, .refused: self = Self.classifyRefusal(message: message, retryAfter: retryAfter)
    }
  }

  /// Classifies a refusal. The server's message may say that it is temporary: a version that is still being registered
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
