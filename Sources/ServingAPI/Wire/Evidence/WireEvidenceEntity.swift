package import CanonicalJSON

/// A served entity, as far as a diagnosis needs it.
package struct WireEvidenceEntity: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  package static let fields: [String: WireField] = [
    "name": .text, "entity_name": .text, "entity_version": .text, "traffic_percentage": .number, "pending": .flag,
    "wanted": .number, "ready": .number, "starting": .number, "sleep": .text, "waiting_for_room": .flag,
    "download": .text, "start_phase": .text, "starting_ms": .number, "failure": .object(WireEvidenceFailure.self),
    "deployment": .text, "message": .text,
  ]

  package var name: String? {
    get { self[text: "name"] }
    set { self[text: "name"] = newValue }
  }
  package var model: String? {
    get { self[text: "entity_name"] }
    set { self[text: "entity_name"] = newValue }
  }
  package var version: String? {
    get { self[text: "entity_version"] }
    set { self[text: "entity_version"] = newValue }
  }
  package var share: Int64? {
    get { self[number: "traffic_percentage"] }
    set { self[number: "traffic_percentage"] = newValue }
  }
  /// Whether it belongs to a config that is being rolled out or has failed.
  package var isPending: Bool? {
    get { self[flag: "pending"] }
    set { self[flag: "pending"] = newValue }
  }
  package var wanted: Int64? {
    get { self[number: "wanted"] }
    set { self[number: "wanted"] = newValue }
  }
  package var ready: Int64? {
    get { self[number: "ready"] }
    set { self[number: "ready"] = newValue }
  }
  package var starting: Int64? {
    get { self[number: "starting"] }
    set { self[number: "starting"] = newValue }
  }
  /// `asleep` or `waking`; missing if it is awake.
  package var sleep: String? {
    get { self[text: "sleep"] }
    set { self[text: "sleep"] = newValue }
  }
  package var isWaitingForRoom: Bool? {
    get { self[flag: "waiting_for_room"] }
    set { self[flag: "waiting_for_room"] = newValue }
  }
  package var download: String? {
    get { self[text: "download"] }
    set { self[text: "download"] = newValue }
  }
  package var startPhase: String? {
    get { self[text: "start_phase"] }
    set { self[text: "start_phase"] = newValue }
  }
  package var startingFor: Int64? {
    get { self[number: "starting_ms"] }
    set { self[number: "starting_ms"] = newValue }
  }
  package var failure: WireEvidenceFailure? {
    get { self[object: "failure"] }
    set { self[object: "failure"] = newValue }
  }
  package var state: String? {
    get { self[text: "deployment"] }
    set { self[text: "deployment"] = newValue }
  }
  package var message: String? {
    get { self[text: "message"] }
    set { self[text: "message"] = newValue }
  }
}

/// Why a replica ended by itself, or did not start.
package struct WireEvidenceFailure: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  package static let fields: [String: WireField] = [
    "entity": .text, "replica": .text, "code": .text, "explanation": .text, "line": .text, "was_ready": .flag,
    "ago_ms": .number, "count": .number, "retry_in_ms": .number, "permanent": .flag,
  ]

  package var entity: String? {
    get { self[text: "entity"] }
    set { self[text: "entity"] = newValue }
  }
  package var replica: String? {
    get { self[text: "replica"] }
    set { self[text: "replica"] = newValue }
  }
  /// The stable name of the cause.
  package var code: String? {
    get { self[text: "code"] }
    set { self[text: "code"] = newValue }
  }
  package var explanation: String? {
    get { self[text: "explanation"] }
    set { self[text: "explanation"] = newValue }
  }
  /// The line of the log that says so.
  package var line: String? {
    get { self[text: "line"] }
    set { self[text: "line"] = newValue }
  }
  package var wasReady: Bool? {
    get { self[flag: "was_ready"] }
    set { self[flag: "was_ready"] = newValue }
  }
  package var ago: Int64? {
    get { self[number: "ago_ms"] }
    set { self[number: "ago_ms"] = newValue }
  }
  /// Failures in a row.
  package var count: Int64? {
    get { self[number: "count"] }
    set { self[number: "count"] = newValue }
  }
  package var retryIn: Int64? {
    get { self[number: "retry_in_ms"] }
    set { self[number: "retry_in_ms"] = newValue }
  }
  package var isPermanent: Bool? {
    get { self[flag: "permanent"] }
    set { self[flag: "permanent"] = newValue }
  }
}
