/// One request as it went, for telemetry. Exactly one is made for each request that reached a query route.
package struct RequestRecord: Hashable, Sendable {
  /// The client's `X-Request-Id`, or one made here.
  package var requestID: String
  /// The path's last part: `invocations`, `chat/completions`, ...
  package var route: String
  /// The endpoint that was asked for; nil when the request was refused before that was known.
  package var endpoint: String?
  package var entity: String?
  package var version: String?
  package var replica: String?
  /// The HTTP status that was sent; 499 when the client left before the end.
  package var status: Int
  /// From the request's arrival to the last byte.
  package var latency: Duration
  /// How much of it the request waited for a place.
  package var queued: Duration
  /// From the arrival to the first data of the answer.
  package var timeToFirstToken: Duration?
  package var isStream: Bool
  /// From the answer's `usage`, where it has one.
  package var promptTokens: Int64?
  package var completionTokens: Int64?
  /// `error_code` of what went wrong, and its message.
  package var errorCode: String?
  package var error: String?
  /// How many replicas it was sent to.
  package var attempts: Int

  package init(requestID: String, route: String) {
    self.requestID = requestID
    self.route = route
    status = 0
    latency = .zero
    queued = .zero
    isStream = false
    attempts = 0
  }
}
