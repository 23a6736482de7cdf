package import CanonicalJSON

/// The response of `GET /api/setpoint/usage`, a plane's own call: who or what was used how much.
package struct WireUsage: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  /// - Parameters:
  ///   - by: what the rows are about: `principal`, `endpoint` or `version`.
  ///   - dropped: which requests of the period are missing, of all endpoints.
  package init(by: String, rows: [WireUsageRow], dropped: [WireTelemetryLoss]) {
    self.members = ["by": .string(by)]
    self[list: "rows"] = rows
    self[list: "dropped"] = dropped
  }

  package static let fields: [String: WireField] = [
    "by": .text, "rows": .list(.object(WireUsageRow.self)), "dropped": .list(.object(WireTelemetryLoss.self)),
  ]

  package var by: String? { self[text: "by"] }
  package var rows: [WireUsageRow] { self[list: "rows"] ?? [] }
  package var dropped: [WireTelemetryLoss] { self[list: "dropped"] ?? [] }
}

/// The requests of one principal, endpoint or version.
package struct WireUsageRow: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  package static let fields: [String: WireField] = [
    "key": .textOrNumber, "endpoint": .text, "requests": .number, "failed": .number, "tokens_in": .number,
    "tokens_out": .number, "first": .number, "last": .number,
  ]

  /// The principal's or the endpoint's name, or the version; nil for requests that were refused before it was known.
  package var key: String? { self[textOrNumber: "key"] }
  /// The endpoint that a version served on; nil unless the rows are versions.
  package var endpoint: String? { self[text: "endpoint"] }
  package var requests: Int64 { self[number: "requests"] ?? 0 }
  package var failed: Int64 { self[number: "failed"] ?? 0 }
  package var tokensIn: Int64 { self[number: "tokens_in"] ?? 0 }
  package var tokensOut: Int64 { self[number: "tokens_out"] ?? 0 }
  /// When the first and the last of the requests arrived, in milliseconds since 1970.
  package var first: Int64? { self[number: "first"] }
  package var last: Int64? { self[number: "last"] }
}
