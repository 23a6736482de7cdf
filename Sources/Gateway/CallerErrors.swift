extension GatewayError {
  static func malformedHead(_ words: String) -> GatewayError {
    GatewayError(400, "MALFORMED_REQUEST", "invalid_request_error", words)
  }

  static let tooManyCallers = GatewayError(
    503, "TEMPORARILY_UNAVAILABLE", "server_error",
    "the server has as many connections as it accepts, and all are in use; try again later", retryAfter: 1)

  static func tooManyBytes(_ limit: Int) -> GatewayError {
    GatewayError(
      503, "TEMPORARILY_UNAVAILABLE", "server_error",
      "the request does not fit: the server holds \(limit) bytes of request bodies at most, over all requests; try again later",
      retryAfter: 2)
  }

  static func slowHead(_ limits: CallerLimits) -> GatewayError {
    GatewayError(
      408, "DEADLINE_EXCEEDED", "invalid_request_error",
      "the head of the request was not complete after \(limits.headerTimeout.seconds) s")
  }

  static func slowBody(_ limits: CallerLimits) -> GatewayError {
    GatewayError(
      408, "DEADLINE_EXCEEDED", "invalid_request_error",
      "the body of the request came too slowly: at least \(limits.minimumRate) bytes a second are required, "
        + "measured over \(limits.bodyTimeout.seconds) s")
  }
}

extension Duration {
  /// In seconds, as short as it can be written.
  fileprivate var seconds: String {
    let seconds = self / .seconds(1)
    return seconds == seconds.rounded() ? String(Int64(seconds)) : String(seconds)
  }
}
