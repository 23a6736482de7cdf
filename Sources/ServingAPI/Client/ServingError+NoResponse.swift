internal import LibCurl

extension ServingError {
  /// Returns the failure for a network error: no response, or an incomplete one.
  ///
  /// - Parameters:
  ///   - hasEffect: whether the call may have had an effect, so that its outcome is unknown once it was sent.
  ///   - redact: removes secrets from a message.
  /// - Throws: `CancellationError` if the call was canceled.
  static func noResponse(
    _ error: any Error, call: String, hasEffect: Bool, redact: (String) -> String = { $0 }
  ) throws -> ServingError {
    func failure(
      _ kind: Kind, _ message: String, mayHaveBeenSent: Bool, isUnreachable: Bool = false
    ) -> ServingError {
      var failure = ServingError(
        kind: kind, serverMessage: redact(message), call: call, outcomeUnknown: mayHaveBeenSent && hasEffect)
      failure.isUnreachable = isUnreachable
      failure.isAPIResponse = false
      return failure
    }
    guard let error = error as? HTTPClientError else {
      if error is CancellationError { throw error }
      return failure(.network, "\(error)", mayHaveBeenSent: true)
    }
    switch error.code {
    case .cancelled: throw CancellationError()
    case .invalidRequest: return failure(.refusedLocally, error.message, mayHaveBeenSent: false)
    case .bodyTooLarge: return failure(.unexpectedAnswer, error.message, mayHaveBeenSent: true)
    case .tls: return failure(.untrustedServer, error.message, mayHaveBeenSent: false)
    case .timeout(.connect): return failure(.timeout, error.message, mayHaveBeenSent: false, isUnreachable: true)
    case .timeout(let limit):
      var failure = failure(.timeout, error.message, mayHaveBeenSent: error.requestMayHaveBeenSent)
      failure.isOverTime = limit == .total
      return failure
    case .resolve, .connect, .proxy:
      return failure(.network, error.message, mayHaveBeenSent: false, isUnreachable: true)
    case .connectionLost, .shutDown, .other:
      return failure(.network, error.message, mayHaveBeenSent: error.requestMayHaveBeenSent)
    }
  }
}
