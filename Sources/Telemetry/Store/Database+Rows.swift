internal import CanonicalJSON
internal import GRDB

extension Database {
  /// Writes a row. The statements are prepared once for each connection.
  func insert(_ row: TelemetryRow, _ series: inout SeriesMemory) throws {
    switch row {
    case .request(let row): try insert(row)
    case .log(let row): try insert(row)
    case .metric(let row): try insert(row, &series)
    case .span(let row): try insert(row)
    case .trace(let trace): for span in trace.spans { try insert(span) }
    case .payload(let row): try insert(row)
    }
  }

  private func insert(_ row: RequestRow) throws {
    let metadata = row.metadata.isEmpty ? nil : json(row.metadata)
    let values: [(any DatabaseValueConvertible)?] = [
      row.requestID, row.time, row.principal, row.endpoint, row.entity, row.modelVersion, row.replica, row.route,
      row.status, row.errorCode, row.error, row.queue, row.timeToFirstToken, row.latency, row.interTokenLatency,
      row.tokensIn, row.tokensOut, row.isStream, row.finishReason, row.isColdStart, row.attempts, row.bytesIn,
      row.bytesOut, metadata, row.refusal,
    ]
    try run(
      """
      INSERT INTO requests (request_id, time, principal, endpoint, entity, model_version, replica, route, status,
        error_code, error, queue_ms, ttft_ms, latency_ms, itl_ms, tokens_in, tokens_out, streamed, finish_reason,
        cold_start, attempts, bytes_in, bytes_out, metadata, refusal)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      """, values)
  }

  private func insert(_ row: PayloadRow) throws {
    let values: [(any DatabaseValueConvertible)?] = [
      row.requestID, row.time, row.endpoint, row.modelVersion, row.request, row.response, row.isTruncated,
    ]
    try run(
      """
      INSERT INTO payloads (request_id, time, endpoint, model_version, request, response, truncated)
        VALUES (?, ?, ?, ?, ?, ?, ?)
      """, values)
  }

  func insert(_ row: LogRow) throws {
    let values: [(any DatabaseValueConvertible)?] = [
      row.observedTime / 1_000_000, row.resource.endpoint, row.resource.entity, row.resource.model,
      row.resource.modelVersion, row.resource.replica, row.time, row.observedTime, row.severityNumber,
      row.severityText, row.body,
    ]
    try run(
      """
      INSERT INTO otel_logs (time, endpoint, entity, model, model_version, replica, time_unix_nano,
        observed_time_unix_nano, severity_number, severity_text, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      """, values)
  }

  private func insert(_ row: MetricRow, _ series: inout SeriesMemory) throws {
    if let record = series.unchanged(row) {
      try run("UPDATE otel_metrics SET until_unix_nano = ? WHERE record_id = ?", [row.time, record])
      // Otherwise retention has removed the row.
      if changesCount > 0 { return }
    }
    let columns = row.value.columns
    let values: [(any DatabaseValueConvertible)?] = [
      row.time / 1_000_000, row.resource.endpoint, row.resource.entity, row.resource.model, row.resource.modelVersion,
      row.resource.replica, row.name, row.description, row.unit, columns.type, row.startTime, row.time, row.time,
      columns.value, columns.isMonotonic, columns.histogram, row.attributes.isEmpty ? nil : json(row.attributes),
    ]
    try run(
      """
      INSERT INTO otel_metrics (time, endpoint, entity, model, model_version, replica, name, description, unit,
        metric_type, start_time_unix_nano, time_unix_nano, until_unix_nano, value, is_monotonic, histogram, attributes)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      """, values)
    series.remember(row, record: lastInsertedRowID)
  }

  private func insert(_ row: SpanRow) throws {
    let status: JSONValue =
      if let error = row.error { ["code": "ERROR", "message": .string(error)] } else { ["code": "OK"] }
    let values: [(any DatabaseValueConvertible)?] = [
      row.startTime / 1_000_000, row.resource.endpoint, row.resource.entity, row.resource.model,
      row.resource.modelVersion, row.resource.replica, row.traceID, row.spanID, row.parentSpanID, row.name,
      row.kind.rawValue, row.startTime, row.endTime,
      row.attributes.isEmpty ? nil : JSONValue.object(row.attributes).text(), status.text(),
    ]
    try run(
      """
      INSERT INTO otel_spans (time, endpoint, entity, model, model_version, replica, trace_id, span_id, parent_span_id,
        name, kind, start_time_unix_nano, end_time_unix_nano, attributes, status)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      """, values)
  }

  /// Runs a statement that is prepared only once.
  func run(_ statement: String, _ values: [(any DatabaseValueConvertible)?]) throws {
    try cachedStatement(sql: statement).execute(arguments: StatementArguments(values))
  }

  private func json(_ members: [String: String]) -> String {
    var writer = CanonicalWriter()
    writer.object(members)
    return String(decoding: writer.bytes, as: UTF8.self)
  }
}

extension MetricRow.Value {
  fileprivate var columns: (type: String, value: Double?, isMonotonic: Bool?, histogram: String?) {
    switch self {
    case .gauge(let value): return ("GAUGE", value, nil, nil)
    case .sum(let value, let isMonotonic): return ("SUM", value, isMonotonic, nil)
    case .histogram(let count, let sum, let bounds, let counts):
      let document: JSONValue = [
        "aggregation_temporality": "CUMULATIVE", "count": .int(Int64(clamping: count)), "sum": .double(sum),
        "explicit_bounds": .array(bounds.map(JSONValue.double)),
        "bucket_counts": .array(counts.map { .int(Int64(clamping: $0)) }),
      ]
      return ("HISTOGRAM", nil, nil, document.text())
    }
  }
}
