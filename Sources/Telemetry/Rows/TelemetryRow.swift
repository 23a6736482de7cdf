/// A row of one of the telemetry tables, or several. What has many columns is indirect: it is passed on several times, and
/// a copy would retain each of its texts.
package enum TelemetryRow: Hashable, Sendable {
  indirect case request(RequestRow)
  case log(LogRow)
  case metric(MetricRow)
  case span(SpanRow)
  /// The spans of a request, which are rows as well.
  indirect case trace(RequestTrace)
  case payload(PayloadRow)

  /// The table that it belongs to, or they do.
  package var table: TelemetryTable {
    switch self {
    case .request: .requests
    case .log: .logs
    case .metric: .metrics
    case .span, .trace: .spans
    case .payload: .payloads
    }
  }

  /// The number of rows.
  package var count: Int { if case .trace(let trace) = self { trace.spanCount } else { 1 } }
}

extension [TelemetryRow] {
  /// The number of rows in the tables.
  package var rowCount: Int { reduce(0) { $0 + $1.count } }
}

/// A telemetry table, by its name in options and messages.
package enum TelemetryTable: String, Hashable, Sendable, CaseIterable {
  case requests, logs, metrics, spans, payloads

  /// Its name in SQL.
  package var sqlName: String {
    switch self {
    case .requests: "requests"
    case .logs: "otel_logs"
    case .metrics: "otel_metrics"
    case .spans: "otel_spans"
    case .payloads: "payloads"
    }
  }
}

/// Takes telemetry. Whoever has some never waits for it.
package protocol TelemetrySink: Sendable {
  /// Takes a row; drops and counts it if there is no room. Returns at once, and may be called from any thread.
  func add(_ row: TelemetryRow)
}

/// What a row is about.
package struct TelemetryResource: Hashable, Sendable {
  /// The endpoint's name.
  package var endpoint: String
  /// The served entity's name; nil if the row is about the whole endpoint.
  package var entity: String?
  /// The registered model and the version in the registry, which is a number or an MLflow server's text.
  package var model: String?
  package var modelVersion: String?
  /// The replica's ID; nil if the row is about no single replica.
  package var replica: String?

  package init(
    endpoint: String, entity: String? = nil, model: String? = nil, modelVersion: String? = nil, replica: String? = nil
  ) {
    self.endpoint = endpoint
    self.entity = entity
    self.model = model
    self.modelVersion = modelVersion
    self.replica = replica
  }
}
