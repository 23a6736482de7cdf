package import CanonicalJSON

/// The bodies of OTLP/HTTP requests in JSON: IDs in hexadecimal digits, 64-bit integers as text, enumerations as numbers,
/// and names in lowerCamelCase. Pure.
///
/// https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
package enum OTLPEncoding {
  /// The body of a request for one signal. Rows of other tables are left out.
  package static func body(of rows: [TelemetryRow], _ signal: OTLPSignal) -> JSONValue {
    switch signal {
    case .logs:
      let records = rows.compactMap { row -> LogRow? in if case .log(let record) = row { record } else { nil } }
      return grouped(records, \.resource, "resourceLogs", "scopeLogs", "logRecords") { $0.map(logRecord) }
    case .metrics:
      let points = rows.compactMap { row -> MetricRow? in if case .metric(let point) = row { point } else { nil } }
      return grouped(points, \.resource, "resourceMetrics", "scopeMetrics", "metrics", metrics)
    case .traces:
      let spans = rows.flatMap { row -> [SpanRow] in
        switch row {
        case .span(let span): [span]
        case .trace(let trace): trace.spans
        case .request, .log, .metric, .payload: []
        }
      }
      return grouped(spans, \.resource, "resourceSpans", "scopeSpans", "spans") { $0.map(span) }
    }
  }

  /// One element for each resource, in the order of their first rows.
  private static func grouped<Row>(
    _ rows: [Row], _ resource: (Row) -> TelemetryResource, _ resources: String, _ scopes: String, _ items: String,
    _ encode: ([Row]) -> [JSONValue]
  ) -> JSONValue {
    var order: [TelemetryResource] = []
    var groups: [TelemetryResource: [Row]] = [:]
    for row in rows {
      let key = resource(row)
      if groups[key] == nil { order.append(key) }
      groups[key, default: []].append(row)
    }
    let elements = order.map { key -> JSONValue in
      let scope: JSONValue = .object(["scope": ["name": "setpoint"], items: .array(encode(groups[key] ?? []))])
      return .object(["resource": ["attributes": .array(attributes(of: key))], scopes: .array([scope])])
    }
    return .object([resources: .array(elements)])
  }

  private static func attributes(of resource: TelemetryResource) -> [JSONValue] {
    // A request that was refused before its endpoint was known is the plane's own.
    let service = resource.endpoint.isEmpty ? "setpoint" : resource.endpoint
    let pairs: [(String, String?)] = [
      ("service.name", service), ("service.instance.id", resource.replica), ("service.version", resource.modelVersion),
      ("setpoint.entity", resource.entity), ("setpoint.model", resource.model),
    ]
    return pairs.compactMap { name, value in value.map { attribute(name, ["stringValue": .string($0)]) } }
  }

  // MARK: Items

  private static func logRecord(_ row: LogRow) -> JSONValue {
    var record: [String: JSONValue] = [
      "observedTimeUnixNano": time(row.observedTime), "body": ["stringValue": .string(row.body)],
    ]
    record["timeUnixNano"] = row.time.map(time)
    // Zero and empty are the defaults, and mean that it is not known.
    if row.severityNumber != 0 { record["severityNumber"] = .int(Int64(row.severityNumber)) }
    if !row.severityText.isEmpty { record["severityText"] = .string(row.severityText) }
    return .object(record)
  }

  /// The name and kind under which data points are one metric.
  private struct Metric: Hashable {
    let name: String
    let kind: Int

    init(_ row: MetricRow) {
      name = row.name
      switch row.value {
      case .gauge: kind = 0
      case .sum(_, let isMonotonic): kind = isMonotonic ? 1 : 2
      case .histogram: kind = 3
      }
    }
  }

  private static func metrics(_ rows: [MetricRow]) -> [JSONValue] {
    var order: [(metric: Metric, first: MetricRow)] = []
    var points: [Metric: [JSONValue]] = [:]
    for row in rows {
      let metric = Metric(row)
      if points[metric] == nil { order.append((metric, row)) }
      points[metric, default: []].append(dataPoint(row))
    }
    return order.map { metric, first in
      var members: [String: JSONValue] = ["name": .string(metric.name)]
      if !first.description.isEmpty { members["description"] = .string(first.description) }
      if !first.unit.isEmpty { members["unit"] = .string(first.unit) }
      var data: [String: JSONValue] = ["dataPoints": .array(points[metric] ?? [])]
      switch first.value {
      case .gauge: members["gauge"] = .object(data)
      case .sum(_, let isMonotonic):
        data["aggregationTemporality"] = .int(cumulative)
        data["isMonotonic"] = .bool(isMonotonic)
        members["sum"] = .object(data)
      case .histogram:
        data["aggregationTemporality"] = .int(cumulative)
        members["histogram"] = .object(data)
      }
      return .object(members)
    }
  }

  private static let cumulative: Int64 = 2

  private static func dataPoint(_ row: MetricRow) -> JSONValue {
    let attributes = row.attributes.sorted { $0.key < $1.key }
      .map { attribute($0.key, ["stringValue": .string($0.value)]) }
    var point: [String: JSONValue] = ["timeUnixNano": time(row.time)]
    if !attributes.isEmpty { point["attributes"] = .array(attributes) }
    point["startTimeUnixNano"] = row.startTime.map(time)
    switch row.value {
    case .gauge(let number), .sum(let number, _): point["asDouble"] = .double(number)
    case .histogram(let count, let sum, let bounds, let counts):
      point["count"] = .string(String(count))
      point["sum"] = .double(sum)
      point["explicitBounds"] = .array(bounds.map(JSONValue.double))
      point["bucketCounts"] = .array(counts.map { .string(String($0)) })
    }
    return .object(point)
  }

  private static func span(_ row: SpanRow) -> JSONValue {
    let kind: Int64 =
      switch row.kind {
      case .internal: 1
      case .server: 2
      case .client: 3
      }
    var span: [String: JSONValue] = [
      "traceId": .string(row.traceID), "spanId": .string(row.spanID), "name": .string(row.name), "kind": .int(kind),
      "startTimeUnixNano": time(row.startTime), "endTimeUnixNano": time(row.endTime),
    ]
    span["parentSpanId"] = row.parentSpanID.map { .string($0) }
    let attributes = row.attributes.sorted { $0.key < $1.key }.map { attribute($0.key, value($0.value)) }
    if !attributes.isEmpty { span["attributes"] = .array(attributes) }
    // Without a status, a span is neither known to be right nor wrong: only an error is stated.
    if let error = row.error { span["status"] = ["code": 2, "message": .string(error)] }
    return .object(span)
  }

  // MARK: Values

  private static func time(_ nanoseconds: Int64) -> JSONValue { .string(String(max(0, nanoseconds))) }

  private static func attribute(_ name: String, _ value: JSONValue) -> JSONValue {
    ["key": .string(name), "value": value]
  }

  /// A value as OTLP's `AnyValue`.
  private static func value(_ value: JSONValue) -> JSONValue {
    switch value {
    case .null: [:]
    case .bool(let flag): ["boolValue": .bool(flag)]
    case .int(let number): ["intValue": .string(String(number))]
    case .double(let number): ["doubleValue": .double(number)]
    case .string(let text): ["stringValue": .string(text)]
    case .array(let items): ["arrayValue": ["values": .array(items.map(self.value))]]
    case .object(let members, _):
      [
        "kvlistValue": [
          "values": .array(members.sorted { $0.key < $1.key }.map { attribute($0.key, self.value($0.value)) })
        ]
      ]
    }
  }
}
