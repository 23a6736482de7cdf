package import CanonicalJSON

/// The response of `GET /api/setpoint/serving-endpoints/{name}/requests`, a plane's own call.
package struct WireRecordedRequestList: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  /// - Parameter dropped: which rows of the period are missing, of all endpoints.
  package init(requests: [WireRecordedRequest], isTruncated: Bool, dropped: [WireTelemetryLoss]) {
    self.members = ["is_truncated": .bool(isTruncated)]
    self[list: "requests"] = requests
    self[list: "dropped"] = dropped
  }

  package static let fields: [String: WireField] = [
    "requests": .list(.object(WireRecordedRequest.self)), "is_truncated": .flag,
    "dropped": .list(.object(WireTelemetryLoss.self)),
  ]

  package var requests: [WireRecordedRequest] { self[list: "requests"] ?? [] }
  /// Whether there are more requests than the limit allows.
  package var isTruncated: Bool { self[flag: "is_truncated"] ?? false }
  package var dropped: [WireTelemetryLoss] { self[list: "dropped"] ?? [] }
}

/// A request to an endpoint of a plane: a row of the telemetry table `requests`, by the names of its columns.
package struct WireRecordedRequest: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  /// The columns, in the order in which they are shown.
  package static let columns = [
    "time", "request_id", "principal", "endpoint", "entity", "model_version", "replica", "route", "status",
    "error_code", "error", "refusal", "queue_ms", "ttft_ms", "latency_ms", "itl_ms", "tokens_in", "tokens_out",
    "streamed", "finish_reason", "cold_start", "attempts", "bytes_in", "bytes_out", "metadata",
  ]

  package static let fields: [String: WireField] = [
    "time": .number, "request_id": .text, "principal": .text, "endpoint": .text, "entity": .text,
    "model_version": .textOrNumber, "replica": .text, "route": .text, "status": .number, "error_code": .text,
    "error": .text, "queue_ms": .fraction, "ttft_ms": .fraction, "latency_ms": .fraction, "itl_ms": .fraction,
    "tokens_in": .number, "tokens_out": .number, "streamed": .flag, "finish_reason": .text, "cold_start": .flag,
    "attempts": .number, "bytes_in": .number, "bytes_out": .number, "metadata": .textMap,
    "refusal": .text,
  ]

  package var id: String? { self[text: "request_id"] }
  /// When it arrived, in milliseconds since 1970.
  package var time: Int64? { self[number: "time"] }
  package var principal: String? { self[text: "principal"] }
  package var modelVersion: String? { self[textOrNumber: "model_version"] }
  package var status: Int64? { self[number: "status"] }
  package var errorCode: String? { self[text: "error_code"] }
  package var error: String? { self[text: "error"] }
  /// Times in milliseconds.
  package var queue: Double? { members["queue_ms"]?.doubleValue }
  package var timeToFirstToken: Double? { members["ttft_ms"]?.doubleValue }
  package var latency: Double? { members["latency_ms"]?.doubleValue }
  package var tokensIn: Int64? { self[number: "tokens_in"] }
  package var tokensOut: Int64? { self[number: "tokens_out"] }
  /// Whether it has no complete answer.
  package var isFailed: Bool { status.map { $0 >= 400 } ?? true || errorCode != nil }
}
