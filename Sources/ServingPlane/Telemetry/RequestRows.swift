import Gateway
import NIOCore
import Telemetry

/// The rows that one request leaves. Pure. Made on the event loop that has served the request, and therefore compact.
struct RequestRows {
  private let record: RequestRecord
  /// When it arrived and when it ended, in nanoseconds since 1970.
  private let arrival: Int64
  private let end: Int64

  let request: RequestRow

  /// - Parameter end: when the request ended, in nanoseconds since 1970.
  init(_ record: RequestRecord, end: Int64) {
    self.record = record
    self.end = end
    arrival = end - record.latency.wholeNanoseconds
    request = Self.request(record, arrival)
  }

  /// All rows.
  ///
  /// - Parameter isTraced: whether the trace is one of them.
  func all(isTraced: Bool) -> [TelemetryRow] {
    var rows: [TelemetryRow] = [.request(request)]
    if let payload { rows.append(.payload(payload)) }
    if isTraced, let trace { rows.append(.trace(trace)) }
    return rows
  }

  private static func request(_ record: RequestRecord, _ arrival: Int64) -> RequestRow {
    var row = RequestRow(
      requestID: record.requestID, time: arrival / 1_000_000, route: record.route, status: record.status)
    row.principal = record.principal
    row.endpoint = record.endpoint
    row.entity = record.entity
    row.modelVersion = record.version
    row.replica = record.replica
    row.errorCode = record.errorCode
    row.error = record.error.map(Self.bounded)
    row.refusal = record.refusal
    row.queue = record.queued.milliseconds
    row.timeToFirstToken = record.timeToFirstToken?.milliseconds
    row.latency = record.latency.milliseconds
    row.interTokenLatency = interTokenLatency(record)
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
  private static func interTokenLatency(_ record: RequestRecord) -> Double? {
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

  /// The trace; nil if the client does not want it to be recorded.
  var trace: RequestTrace? {
    guard let context = record.trace, context.isSampled else { return nil }
    var trace = RequestTrace(
      request, traceID: context.traceID, spanID: context.spanID, parentSpanID: context.parentSpanID, start: arrival,
      end: end)
    trace.queued = record.queued.wholeNanoseconds
    trace.sentAfter = record.sentAfter?.wholeNanoseconds
    trace.coldStart = record.coldStart?.milliseconds
    return trace
  }

  /// The beginning of a message, which may repeat what the caller has sent: a caller must not fill the store with it.
  private static func bounded(_ message: String) -> String {
    guard message.utf8.count > longestMessage else { return message }
    return String(decoding: message.utf8.prefix(longestMessage), as: UTF8.self) + "…"
  }

  /// In bytes.
  private static let longestMessage = 4096
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
