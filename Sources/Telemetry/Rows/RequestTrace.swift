internal import CanonicalJSON

/// The spans of one request, in a compact form: they are made where they are written or exported, because making them takes
/// longer than the rest of what a request's own thread records.
///
/// The names of attributes are those of OpenTelemetry's conventions for generative AI and for HTTP where these have one.
/// https://opentelemetry.io/docs/specs/semconv/gen-ai/
package struct RequestTrace: Hashable, Sendable {
  package let request: RequestRow
  /// 32 hex digits.
  package let traceID: String
  /// 16 hex digits: the request's own span, and that of its client, if it has one.
  package let spanID: String
  package let parentSpanID: String?
  /// When it arrived and when it ended, in nanoseconds since 1970.
  package let start: Int64
  package let end: Int64
  /// Nanoseconds from its arrival: until it had a replica, which is zero if it did not get that far, and until it was sent
  /// there.
  package var queued: Int64 = 0
  package var sentAfter: Int64?
  /// How long it waited for its entity's first replica, in milliseconds; nil if it did not.
  package var coldStart: Double?

  package init(
    _ request: RequestRow, traceID: String, spanID: String, parentSpanID: String?, start: Int64, end: Int64
  ) {
    self.request = request
    self.traceID = traceID
    self.spanID = spanID
    self.parentSpanID = parentSpanID
    self.start = start
    self.end = end
  }

  /// The number of ``spans``, without making them.
  package var spanCount: Int {
    1 + (queued > 0 ? 1 : 0) + (queued > 0 && coldStart != nil ? 1 : 0) + (sentAfter == nil ? 0 : 1)
  }

  /// The request, and in it the wait for a replica, the cold start if that was what it waited for, and the replica's part.
  package var spans: [SpanRow] {
    let (failure, resource) = (self.failure, self.resource)
    var spans = [
      SpanRow(
        traceID: traceID, spanID: spanID, parentSpanID: parentSpanID, name: name, kind: .server, startTime: start,
        endTime: end, attributes: attributes, error: failure, resource: resource)
    ]
    func child(_ name: String, _ kind: SpanRow.Kind, of parent: SpanRow, from start: Int64, to end: Int64) {
      spans.append(
        SpanRow(
          traceID: traceID, spanID: Self.childID(of: spanID, UInt64(spans.count)), parentSpanID: parent.spanID,
          name: name, kind: kind, startTime: start, endTime: end, resource: resource))
    }
    if queued > 0 {
      let waited = min(end, start + queued)
      child("queue", .internal, of: spans[0], from: start, to: waited)
      if coldStart != nil { child("cold start", .internal, of: spans[1], from: start, to: waited) }
    }
    if let sentAfter {
      child("upstream", .client, of: spans[0], from: start + sentAfter, to: end)
      spans[spans.count - 1].error = failure
      spans[spans.count - 1].attributes = ["setpoint.replica": .string(request.replica ?? "")]
    }
    return spans
  }

  /// `chat NAME`, as the conventions have it.
  private var name: String { request.endpoint.map { "\(request.operation) \($0)" } ?? request.operation }

  /// A refusal is the client's failure, not the server's.
  private var failure: String? {
    guard request.status >= 499 || (request.errorCode != nil && request.status < 400) else { return nil }
    return request.error ?? request.errorCode ?? "HTTP \(request.status)"
  }

  private var resource: TelemetryResource {
    TelemetryResource(
      endpoint: request.endpoint ?? "", entity: request.entity, modelVersion: request.modelVersion,
      replica: request.replica)
  }

  private var attributes: [String: JSONValue] {
    var attributes: [String: JSONValue] = [
      "gen_ai.operation.name": .string(request.operation), "http.request.method": "POST",
      "http.route": .string(request.route), "http.response.status_code": .int(Int64(request.status)),
      "setpoint.request_id": .string(request.requestID), "setpoint.attempts": .int(Int64(request.attempts)),
      "setpoint.stream": .bool(request.isStream), "setpoint.queue_ms": .double(request.queue),
    ]
    attributes["gen_ai.request.model"] = request.endpoint.map { .string($0) }
    attributes["gen_ai.usage.input_tokens"] = request.tokensIn.map { .int($0) }
    attributes["gen_ai.usage.output_tokens"] = request.tokensOut.map { .int($0) }
    attributes["gen_ai.response.finish_reasons"] = request.finishReason.map { .array([.string($0)]) }
    attributes["error.type"] = request.errorCode.map { .string($0) }
    attributes["setpoint.principal"] = request.principal.map { .string($0) }
    attributes["setpoint.model_version"] = request.modelVersion.map { .string($0) }
    attributes["setpoint.cold_start_ms"] = coldStart.map { .double($0) }
    attributes["setpoint.time_to_first_token_ms"] = request.timeToFirstToken.map { .double($0) }
    return attributes
  }

  /// The ID of a child span: 16 hex digits that follow from its parent's, so that they need no random numbers
  /// (SplitMix64's mixing function; Steele, Lea and Flood, 2014).
  private static func childID(of parent: String, _ number: UInt64) -> String {
    var word = (UInt64(parent, radix: 16) ?? 0) &+ number &* 0x9E37_79B9_7F4A_7C15
    word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
    word ^= word >> 31
    // An ID of zeros is invalid.
    let digits = String(word == 0 ? 1 : word, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
