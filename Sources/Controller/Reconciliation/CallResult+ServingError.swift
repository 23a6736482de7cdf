internal import Endpoints
package import Planning
package import ServingAPI

extension CallResult {
  /// Creates the result of a call that failed with this error.
  package init(_ error: ServingError) {
    let message = error.advice.map { "\(error.serverMessage.clause) (\($0.clause))" } ?? error.serverMessage
    if error.outcomeUnknown {
      self = .lost(message)
    } else if error.kind == .refusedLocally {
      self = .refused(message)
    } else {
      self.init(
        Self.failure(error), message: message, retryAfter: error.retryAfter, mayHaveArrived: error.isServerFailure)
    }
  }

  private static func failure(_ error: ServingError) -> Failure {
    // Nothing is known about a call without a response, or with a login page, which comes with a success or a
    // redirect.
    guard let byStatus = error.status.flatMap(ServingError.Kind.of(status:)), byStatus != .unexpectedAnswer else {
      return .unavailable
    }
    switch error.kind {
    case .conflict: return .conflict
    case .notFound: return error.namesMissingObject ? .notFound : .refused
    case .invalid:
      // Servers use the codes of invalid requests with any status; these statuses say that the request may pass later.
      switch byStatus {
      case .conflict: return .conflict
      case .throttled, .unavailable, .timeout, .cancelledByServer: return .unavailable
      default: return .refused
      }
    case .permissionDenied, .unimplemented: return .refused
    // An expired token says nothing about the call; nor does a failure of the server.
    default: return .unavailable
    }
  }
}
