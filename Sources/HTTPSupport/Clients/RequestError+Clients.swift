internal import Durations

extension RequestError {
  static func malformedHead(_ words: String) -> RequestError {
    RequestError(400, "MALFORMED_REQUEST", "invalid_request_error", words)
  }

  static let tooManyConnections = RequestError(
    503, "TEMPORARILY_UNAVAILABLE", "server_error",
    "the server is at its connection limit; retry later", retryAfter: 1)

  static func tooManyBytes(_ limit: Int) -> RequestError {
    RequestError(
      503, "TEMPORARILY_UNAVAILABLE", "server_error",
      "the server's memory for request bodies is full: it holds at most \(limit) bytes across all requests; retry "
        + "later",
      retryAfter: 2)
  }

  static func slowHead(_ limits: ClientLimits) -> RequestError {
    RequestError(
      408, "DEADLINE_EXCEEDED", "invalid_request_error",
      "the request headers did not arrive within \(DurationText.text(limits.headerTimeout))")
  }

  static func slowBody(_ limits: ClientLimits) -> RequestError {
    RequestError(
      408, "DEADLINE_EXCEEDED", "invalid_request_error",
      "the request body arrived too slowly: at least \(limits.minimumRate) bytes per second are required over "
        + "\(DurationText.text(limits.bodyTimeout))")
  }
}
