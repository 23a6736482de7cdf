import CanonicalJSON
import Gateway
import NIOCore
import Telemetry

/// The rows that one request leaves. Pure.
///
/// The names of attributes are those of OpenTelemetry's conventions for generative AI and for HTTP where these have one.
/// https://opentelemetry.io/docs/specs/semconv/gen-ai/
struct RequestRows {
  private let record: RequestRecord
  /// When it arrived and when it ended, in nanoseconds since 1970.
  private let arrival: Int64
  private let end: Int64

  /// - Parameter end: when the request ended, in nanoseconds since 1970.
  init(_ record: RequestRecord, end: Int64) {
    self.record = record
    self.end = end
    arrival = end - record.latency.wholeNanoseconds
  }

  /// All rows.
  var all: [TelemetryRow] {
    var rows: [TelemetryRow] = [.request(request)]
    if let payload { rows.append(.payload(payload)) }
    return rows + spans.map { TelemetryRow.span($0) }
  }

  var request: RequestRow {
    var row = RequestRow(
      requestID: record.requestID, time: arrival / 1_000_000, route: record.route, status: record.status)
    row.principal = record.principal
    row.endpoint = record.endpoint
    row.entity = record.entity
    row.modelVersion = record.version
    row.replica = record.replica
    row.errorCode = record.errorCode
    row.error = record.error.map(Self.bounded)
    row.queue = record.queued.milliseconds
    row.timeToFirstToken = record.timeToFirstToken?.milliseconds
    row.latency = record.latency.milliseconds
    row.interTokenLatency = interTokenLatency
    row.tokensIn = record.promptTokens
    row.tokensOut = record.completionTokens
    row.isStream = record.isStream
    row.finishReason = record.finishReason
    row.isColdStart = record.coldStart != nil
    row.attempts = record.attempts
    row.bytesIn = record.bytesIn
    row.bytesOut = record.bytesOut
    row.metadata = record.metadata
    return row
  }

  /// The time after the first token, for each of the others. Only a stream shows when its first token came.
  private var interTokenLatency: Double? {
    guard record.isStream, let first = record.timeToFirstToken, let tokens = record.completionTokens, tokens >= 2 else {
      return nil
    }
    return max(0, (record.latency - first).milliseconds) / Double(tokens - 1)
  }

  /// The bodies; nil if they are not recorded.
  var payload: PayloadRow? {
    guard let payload = record.payload, let endpoint = record.endpoint else { return nil }
    return PayloadRow(
      requestID: record.requestID, time: arrival / 1_000_000, endpoint: endpoint, modelVersion: record.version,
      request: String(buffer: payload.request), response: String(buffer: payload.response),
      isTruncated: payload.isTruncated)
  }

  // MARK: Spans

  /// The spans: the request, and in it the wait for a replica, the cold start if that was what it waited for, and the
  /// replica's part. None if the client does not want the trace to be recorded.
  var spans: [SpanRow] {
    guard let trace = record.trace, trace.isSampled else { return [] }
    var spans = [
      SpanRow(
        traceID: trace.traceID, spanID: trace.spanID, parentSpanID: trace.parentSpanID, name: name, kind: .server,
        startTime: arrival, endTime: end, attributes: attributes, error: failure, resource: resource)
    ]
    func child(_ name: String, _ kind: SpanRow.Kind, of parent: SpanRow, from start: Duration, to end: Int64) {
      let id = Self.childID(of: trace.spanID, UInt64(spans.count))
      spans.append(
        SpanRow(
          traceID: trace.traceID, spanID: id, parentSpanID: parent.spanID, name: name, kind: kind,
          startTime: arrival + start.wholeNanoseconds, endTime: end, resource: resource))
    }
    if record.queued > .zero {
      let waited = min(end, arrival + record.queued.wholeNanoseconds)
      child("queue", .internal, of: spans[0], from: .zero, to: waited)
      if record.coldStart != nil { child("cold start", .internal, of: spans[1], from: .zero, to: waited) }
    }
    if let sent = record.sentAfter {
      child("upstream", .client, of: spans[0], from: sent, to: end)
      spans[spans.count - 1].error = failure
      spans[spans.count - 1].attributes = ["setpoint.replica": .string(record.replica ?? "")]
    }
    return spans
  }

  /// `chat NAME`, as the conventions have it.
  private var name: String { record.endpoint.map { "\(operation) \($0)" } ?? operation }

  /// The conventions' name for what a route does; the route itself where only the body shows it.
  private var operation: String { Self.operation(of: record.route) }

  static func operation(of route: String) -> String {
    switch route {
    case "chat/completions": "chat"
    case "completions": "text_completion"
    default: route
    }
  }

  /// A refusal is the client's failure, not the server's.
  private var failure: String? {
    guard record.status >= 499 || (record.errorCode != nil && record.status < 400) else { return nil }
    return record.error.map(Self.bounded) ?? record.errorCode ?? "HTTP \(record.status)"
  }

  /// The beginning of a message, which may repeat what the caller has sent: a caller must not fill the store with it.
  private static func bounded(_ message: String) -> String {
    guard message.utf8.count > longestMessage else { return message }
    return String(decoding: message.utf8.prefix(longestMessage), as: UTF8.self) + "…"
  }

  /// In bytes.
  private static let longestMessage = 4096

  private var resource: TelemetryResource {
    TelemetryResource(
      endpoint: record.endpoint ?? "", entity: record.entity, modelVersion: record.version, replica: record.replica)
  }

  private var attributes: [String: JSONValue] {
    var attributes: [String: JSONValue] = [
      "gen_ai.operation.name": .string(operation), "http.request.method": "POST", "http.route": .string(record.route),
      "http.response.status_code": .int(Int64(record.status)), "setpoint.request_id": .string(record.requestID),
      "setpoint.attempts": .int(Int64(record.attempts)), "setpoint.stream": .bool(record.isStream),
      "setpoint.queue_ms": .double(record.queued.milliseconds),
    ]
    attributes["gen_ai.request.model"] = record.endpoint.map { .string($0) }
    attributes["gen_ai.usage.input_tokens"] = record.promptTokens.map { .int($0) }
    attributes["gen_ai.usage.output_tokens"] = record.completionTokens.map { .int($0) }
    attributes["gen_ai.response.finish_reasons"] = record.finishReason.map { .array([.string($0)]) }
    attributes["error.type"] = record.errorCode.map { .string($0) }
    attributes["setpoint.principal"] = record.principal.map { .string($0) }
    attributes["setpoint.model_version"] = record.version.map { .string($0) }
    attributes["setpoint.cold_start_ms"] = record.coldStart.map { .double($0.milliseconds) }
    attributes["setpoint.time_to_first_token_ms"] = record.timeToFirstToken.map { .double($0.milliseconds) }
    return attributes
  }

  /// The ID of a child span: 16 hex digits that follow from its parent's, so that they need no random numbers
  /// (SplitMix64's mixing function; Steele, Lea and Flood, 2014).
  static func childID(of parent: String, _ number: UInt64) -> String {
    var word = (UInt64(parent, radix: 16) ?? 0) &+ number &* 0x9E37_79B9_7F4A_7C15
    word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
    word ^= word >> 31
    // An ID of zeros is invalid.
    let digits = String(word == 0 ? 1 : word, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}

extension Duration {
  fileprivate var milliseconds: Double { self / Duration.milliseconds(1) }

  /// Saturates; a request that lasts for centuries is not expected.
  fileprivate var wholeNanoseconds: Int64 {
    let (seconds, attoseconds) = components
    let (whole, isTooLarge) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    return isTooLarge ? .max / 4 : whole + attoseconds / 1_000_000_000
  }
}
