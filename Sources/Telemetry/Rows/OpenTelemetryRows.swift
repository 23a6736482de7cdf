package import CanonicalJSON

/// A line of a replica's output: a row of `otel_logs`. The columns are those of OpenTelemetry's log data model.
package struct LogRow: Hashable, Sendable {
  /// When it was read, in nanoseconds since 1970.
  package var observedTime: Int64
  /// When it was written according to the line itself, in nanoseconds since 1970; nil if it does not say.
  package var time: Int64?
  /// OpenTelemetry's number: 5 debug, 9 info, 13 warning, 17 error, 21 fatal; 0 if unknown.
  package var severityNumber: Int
  /// The line's own word, such as `WARNING`; empty if it has none.
  package var severityText: String
  /// The line, without the secrets of its replica.
  package var body: String
  package var resource: TelemetryResource

  package init(
    observedTime: Int64, time: Int64?, severityNumber: Int, severityText: String, body: String,
    resource: TelemetryResource
  ) {
    self.observedTime = observedTime
    self.time = time
    self.severityNumber = severityNumber
    self.severityText = severityText
    self.body = body
    self.resource = resource
  }
}

/// The value of one series at one time: a row of `otel_metrics`.
package struct MetricRow: Hashable, Sendable {
  /// The number, or the distribution, with its kind.
  package enum Value: Hashable, Sendable {
    case gauge(Double)
    /// A cumulative sum.
    case sum(Double, isMonotonic: Bool)
    /// Cumulative. `counts` has one more element than `bounds`: the last one is above all bounds.
    case histogram(count: UInt64, sum: Double, bounds: [Double], counts: [UInt64])
  }

  /// Nanoseconds since 1970.
  package var time: Int64
  /// When the series began, in nanoseconds since 1970; nil if unknown.
  package var startTime: Int64?
  /// Such as `vllm:num_requests_running`.
  package var name: String
  /// The engine's own text about the metric; may be empty.
  package var description: String
  /// In UCUM's form, such as `s`; empty if unknown.
  package var unit: String
  package var value: Value
  /// The labels of the series.
  package var attributes: [String: String]
  package var resource: TelemetryResource

  package init(
    time: Int64, startTime: Int64? = nil, name: String, description: String = "", unit: String = "", value: Value,
    attributes: [String: String] = [:], resource: TelemetryResource
  ) {
    self.time = time
    self.startTime = startTime
    self.name = name
    self.description = description
    self.unit = unit
    self.value = value
    self.attributes = attributes
    self.resource = resource
  }
}

/// A part of a request's processing: a row of `otel_spans`.
package struct SpanRow: Hashable, Sendable {
  /// OpenTelemetry's kind: a request that the plane got, one that it sent, or a part of its own work.
  package enum Kind: String, Hashable, Sendable {
    case server = "SERVER"
    case client = "CLIENT"
    case `internal` = "INTERNAL"
  }

  /// 32 hex digits.
  package var traceID: String
  /// 16 hex digits.
  package var spanID: String
  /// 16 hex digits; nil for the first span of a trace.
  package var parentSpanID: String?
  /// Such as `queue`.
  package var name: String
  package var kind: Kind
  /// The start and the end, in nanoseconds since 1970.
  package var startTime: Int64
  package var endTime: Int64
  package var attributes: [String: JSONValue]
  /// Why it failed; nil if it succeeded.
  package var error: String?
  package var resource: TelemetryResource

  package init(
    traceID: String, spanID: String, parentSpanID: String?, name: String, kind: Kind, startTime: Int64, endTime: Int64,
    attributes: [String: JSONValue] = [:], error: String? = nil, resource: TelemetryResource
  ) {
    self.traceID = traceID
    self.spanID = spanID
    self.parentSpanID = parentSpanID
    self.name = name
    self.kind = kind
    self.startTime = startTime
    self.endTime = endTime
    self.attributes = attributes
    self.error = error
    self.resource = resource
  }
}
