package import CanonicalJSON

/// The response of `GET /api/setpoint/serving-endpoints/{name}/logs`, a plane's own call: a page of recorded lines of its
/// replicas' output.
package struct WireRecordedLines: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  package init(lines: [WireRecordedLine], next: Int64, isComplete: Bool) {
    self.members = ["next": .int(next), "is_complete": .bool(isComplete)]
    self[list: "lines"] = lines
  }

  package static let fields: [String: WireField] = [
    "lines": .list(.object(WireRecordedLine.self)), "next": .number, "is_complete": .flag,
  ]

  package var lines: [WireRecordedLine] { self[list: "lines"] ?? [] }
  /// The value of `after` for the next page.
  package var next: Int64? { self[number: "next"] }
  /// Whether there was nothing more.
  package var isComplete: Bool { self[flag: "is_complete"] ?? true }
}

/// A line of a replica's output.
package struct WireRecordedLine: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  /// - Parameter time: when it was read, in milliseconds since 1970.
  package init(record: Int64, time: Int64, body: String) {
    self.members = ["record_id": .int(record), "time": .int(time), "body": .string(body)]
  }

  package static let fields: [String: WireField] = [
    "record_id": .number, "time": .number, "entity": .text, "model_version": .textOrNumber, "replica": .text,
    "severity_text": .text, "body": .text,
  ]

  /// When it was read, in milliseconds since 1970.
  package var time: Int64? { self[number: "time"] }
  package var entity: String? {
    get { self[text: "entity"] }
    set { self[text: "entity"] = newValue }
  }
  package var modelVersion: String? {
    get { self[textOrNumber: "model_version"] }
    set { self[text: "model_version"] = newValue }
  }
  package var replica: String? {
    get { self[text: "replica"] }
    set { self[text: "replica"] = newValue }
  }
  /// The line's own word for its severity; nil if it has none.
  package var severity: String? {
    get { self[text: "severity_text"] }
    set { self[text: "severity_text"] = newValue }
  }
  package var body: String { self[text: "body"] ?? "" }
}
