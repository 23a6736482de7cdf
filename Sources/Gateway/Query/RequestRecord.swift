/// The telemetry record of one request. Exactly one is made for each request that reached a query route.
package struct RequestRecord: Hashable, Sendable {
  /// The client's `X-Request-Id`, or a generated one.
  package var requestID: String
  /// The path's last part: `invocations`, `chat/completions`, ...
  package var route: String
  /// Who sent the request; nil if that is not known.
  package var principal: String?
  /// The requested endpoint; nil if the request was refused before it was known.
  package var endpoint: String?
  package var entity: String?
  package var version: String?
  package var replica: String?
  /// The HTTP status that was sent; 499 if the client left before the end.
  package var status: Int
  /// From the request's arrival to the last byte.
  package var latency: Duration
  /// The part of it that the request waited for a replica.
  package var queued: Duration
  /// ``queued``, if no replica served its entity when it arrived; otherwise nil.
  package var coldStart: Duration?
  /// From the arrival to the first data of the response.
  package var timeToFirstToken: Duration?
  package var isStream: Bool
  /// From the response's `usage`, if present.
  package var promptTokens: Int64?
  package var completionTokens: Int64?
  /// What the client of a `generate` route notes about the request.
  package var metadata: [String: String]
  /// The `error_code` and message of the failure.
  package var errorCode: String?
  package var error: String?
  /// The number of replicas it was sent to.
  package var attempts: Int

  package init(requestID: String, route: String) {
    self.requestID = requestID
    self.route = route
    status = 0
    latency = .zero
    queued = .zero
    isStream = false
    metadata = [:]
    attempts = 0
  }
}
