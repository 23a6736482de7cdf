package import CanonicalJSON

/// Rows of a plane's telemetry that were dropped and are therefore missing in an answer. Times are in milliseconds since
/// 1970.
package struct WireTelemetryLoss: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  /// - Parameters:
  ///   - table: the table's name in SQL.
  ///   - cause: why, such as `disk full`.
  ///   - first: the first minute in which rows were dropped.
  ///   - last: the last one.
  package init(table: String, cause: String, rows: Int64, first: Int64, last: Int64) {
    self.members = [
      "table": .string(table), "cause": .string(cause), "rows": .int(rows), "first": .int(first), "last": .int(last),
    ]
  }

  package static let fields: [String: WireField] = [
    "table": .text, "cause": .text, "rows": .number, "first": .number, "last": .number,
  ]

  package var table: String? { self[text: "table"] }
  package var cause: String? { self[text: "cause"] }
  package var rows: Int64? { self[number: "rows"] }
  package var first: Int64? { self[number: "first"] }
  package var last: Int64? { self[number: "last"] }
}
