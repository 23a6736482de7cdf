package import CanonicalJSON

/// The body of `POST /api/setpoint/sql`, a plane's own call: reads its telemetry. A workspace does not have it.
package struct WireSQLRequest: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  /// - Parameters:
  ///   - limit: the maximum number of rows; nil: the plane's own.
  ///   - timeoutSeconds: after this time, the statement is stopped; nil: the plane's own.
  package init(statement: String, limit: Int64? = nil, timeoutSeconds: Double? = nil) {
    self.members = ["statement": .string(statement)]
    self[number: "limit"] = limit
    self.members["timeout_seconds"] = timeoutSeconds.map { .double($0) }
  }

  package static let fields: [String: WireField] = [
    "statement": .text, "limit": .number, "timeout_seconds": .fraction,
  ]

  package var statement: String? { self[text: "statement"] }
  package var limit: Int64? { self[number: "limit"] }
  package var timeoutSeconds: Double? { members["timeout_seconds"]?.doubleValue }
}

/// The response of `POST /api/setpoint/sql`.
package struct WireSQLResult: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  /// - Parameters:
  ///   - rows: each with a value for each column: null, a number or a text.
  ///   - isTruncated: whether there are more rows than the limits allow.
  ///   - milliseconds: how long the statement took.
  ///   - dropped: which rows of the tables in the statement are missing.
  package init(
    columns: [String], rows: [[JSONValue]], isTruncated: Bool, milliseconds: Int64, dropped: [WireTelemetryLoss]
  ) {
    self.members = [
      "columns": .array(columns.map(JSONValue.string)), "rows": .array(rows.map(JSONValue.array)),
      "is_truncated": .bool(isTruncated), "elapsed_ms": .int(milliseconds),
    ]
    self[list: "dropped"] = dropped
  }

  package static let fields: [String: WireField] = [
    "columns": .list(.text), "rows": .list(.list(.any)), "is_truncated": .flag, "elapsed_ms": .number,
    "dropped": .list(.object(WireTelemetryLoss.self)),
  ]

  package var columns: [String] { self[texts: "columns"] ?? [] }
  package var rows: [[JSONValue]] { members["rows"]?.arrayValue?.compactMap(\.arrayValue) ?? [] }
  package var isTruncated: Bool { self[flag: "is_truncated"] ?? false }
  package var dropped: [WireTelemetryLoss] { self[list: "dropped"] ?? [] }
}
