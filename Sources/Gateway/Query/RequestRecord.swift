package import NIOCore

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
  /// Why the gateway itself refused it, such as `queue_full`; nil for other errors.
  package var refusal: String?
  /// The number of replicas it was sent to.
  package var attempts: Int
  /// The sizes of the request's body and of the response's, in bytes.
  package var bytesIn = 0
  package var bytesOut = 0
  /// The `finish_reason` of the first choice, if the response has one.
  package var finishReason: String?
  /// From the arrival until the request was sent to the replica that answered it; nil if none did.
  package var sentAfter: Duration?
  /// The trace that the request belongs to; nil if it was refused before that was known.
  package var trace: TraceContext?
  /// The bodies, if they are recorded.
  package var payload: RecordedPayload?
  /// Whether the bodies should be recorded, and are not, because the memory for them was full.
  package var hasLostPayload = false

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

/// The bodies of a request and its response, as far as they are recorded.
package struct RecordedPayload: Hashable, Sendable {
  package var request: ByteBuffer
  package var response: ByteBuffer
  /// Whether only the beginning of one of them was kept.
  package var isTruncated: Bool

  package init(request: ByteBuffer, response: ByteBuffer, isTruncated: Bool) {
    self.request = request
    self.response = response
    self.isTruncated = isTruncated
  }
}

/// The place of a request in a trace (https://www.w3.org/TR/trace-context/).
package struct TraceContext: Hashable, Sendable {
  /// 32 hex digits: the client's, or generated ones.
  package let traceID: String
  /// 16 hex digits: the span of the request, and the parent of what the replica reports.
  package let spanID: String
  /// 16 hex digits: the client's span; nil if the trace begins here.
  package let parentSpanID: String?
  /// Whether the client wants the trace to be recorded; true if the trace begins here.
  package let isSampled: Bool

  package init(traceID: String, spanID: String, parentSpanID: String?, isSampled: Bool) {
    self.traceID = traceID
    self.spanID = spanID
    self.parentSpanID = parentSpanID
    self.isSampled = isSampled
  }
}
