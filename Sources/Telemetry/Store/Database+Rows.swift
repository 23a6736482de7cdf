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
    try insert(
      """
      INSERT INTO requests (request_id, time, principal, endpoint, entity, model_version, replica, route, status,
        error_code, error, queue_ms, ttft_ms, latency_ms, itl_ms, tokens_in, tokens_out, streamed, finish_reason,
        cold_start, attempts, bytes_in, bytes_out, metadata, refusal)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      """
    ) {
      $0.add(row.requestID)
      $0.add(row.time)
      $0.add(row.principal)
      $0.add(row.endpoint)
      $0.add(row.entity)
      $0.add(row.modelVersion)
      $0.add(row.replica)
      $0.add(row.route)
      $0.add(row.status)
      $0.add(row.errorCode)
      $0.add(row.error)
      $0.add(row.queue)
      $0.add(row.timeToFirstToken)
      $0.add(row.latency)
      $0.add(row.interTokenLatency)
      $0.add(row.tokensIn)
      $0.add(row.tokensOut)
      $0.add(row.isStream)
      $0.add(row.finishReason)
      $0.add(row.isColdStart)
      $0.add(row.attempts)
      $0.add(row.bytesIn)
      $0.add(row.bytesOut)
      $0.add(metadata)
      $0.add(row.refusal)
    }
  }

  private func insert(_ row: PayloadRow) throws {
    try insert(
      """
      INSERT INTO payloads (request_id, time, endpoint, model_version, request, response, truncated)
        VALUES (?, ?, ?, ?, ?, ?, ?)
      """
    ) {
      $0.add(row.requestID)
      $0.add(row.time)
      $0.add(row.endpoint)
      $0.add(row.modelVersion)
      $0.add(row.request)
      $0.add(row.response)
      $0.add(row.isTruncated)
    }
  }

  func insert(_ row: LogRow) throws {
    try insert(
      """
      INSERT INTO otel_logs (time, endpoint, entity, model, model_version, replica, time_unix_nano,
        observed_time_unix_nano, severity_number, severity_text, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      """
    ) {
      $0.add(row.observedTime / 1_000_000)
      $0.add(row.resource)
      $0.add(row.time)
      $0.add(row.observedTime)
      $0.add(row.severityNumber)
      $0.add(row.severityText)
      $0.add(row.body)
    }
  }

  private func insert(_ row: MetricRow, _ series: inout SeriesMemory) throws {
    if let record = series.unchanged(row) {
      try run("UPDATE otel_metrics SET until_unix_nano = ? WHERE record_id = ?", [row.time, record])
      // Otherwise retention has removed the row.
      if changesCount > 0 { return }
    }
    let columns = row.value.columns
    try insert(
      """
      INSERT INTO otel_metrics (time, endpoint, entity, model, model_version, replica, name, description, unit,
        metric_type, start_time_unix_nano, time_unix_nano, until_unix_nano, value, is_monotonic, histogram, attributes)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      """
    ) {
      $0.add(row.time / 1_000_000)
      $0.add(row.resource)
      $0.add(row.name)
      $0.add(row.description)
      $0.add(row.unit)
      $0.add(columns.type)
      $0.add(row.startTime)
      $0.add(row.time)
      $0.add(row.time)
      $0.add(columns.value)
      $0.add(columns.isMonotonic)
      $0.add(columns.histogram)
      $0.add(row.attributes.isEmpty ? nil : json(row.attributes))
    }
    series.remember(row, record: lastInsertedRowID)
  }

  private func insert(_ row: SpanRow) throws {
    let status: JSONValue =
      if let error = row.error { ["code": "ERROR", "message": .string(error)] } else { ["code": "OK"] }
    try insert(
      """
      INSERT INTO otel_spans (time, endpoint, entity, model, model_version, replica, trace_id, span_id, parent_span_id,
        name, kind, start_time_unix_nano, end_time_unix_nano, attributes, status)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      """
    ) {
      $0.add(row.startTime / 1_000_000)
      $0.add(row.resource)
      $0.add(row.traceID)
      $0.add(row.spanID)
      $0.add(row.parentSpanID)
      $0.add(row.name)
      $0.add(row.kind.rawValue)
      $0.add(row.startTime)
      $0.add(row.endTime)
      $0.add(row.attributes.isEmpty ? nil : JSONValue.object(row.attributes).text())
      $0.add(status.text())
    }
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
