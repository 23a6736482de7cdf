package import CanonicalJSON

/// What a plane knows of an endpoint, for a diagnosis. The call is a plane's own; a workspace does not have it. A part that
/// is missing is not known. Times are in milliseconds.
package struct WireEvidence: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  package static let fields: [String: WireField] = [
    "name": .text, "ready": .flag, "window_ms": .number, "unknown": .list(.text), "usual_start_ms": .number,
    "update": .object(WireEvidenceUpdate.self), "entities": .list(.object(WireEvidenceEntity.self)),
    "failures": .list(.object(WireEvidenceFailure.self)), "settings": .object(WireEvidenceSettings.self),
    "load": .object(WireEvidenceLoad.self), "room": .object(WireEvidenceRoom.self),
    "requests": .object(WireEvidenceRequests.self), "engines": .list(.object(WireEvidenceEngine.self)),
    "lines": .list(.object(WireEvidenceLine.self)), "dropped": .object(WireEvidenceDrops.self),
  ]

  package var name: String? {
    get { self[text: "name"] }
    set { self[text: "name"] = newValue }
  }
  package var isReady: Bool? {
    get { self[flag: "ready"] }
    set { self[flag: "ready"] = newValue }
  }
  /// How far back requests, failures and figures go.
  package var window: Int64? {
    get { self[number: "window_ms"] }
    set { self[number: "window_ms"] = newValue }
  }
  /// How long the endpoint's last start of a replica took.
  package var usualStart: Int64? {
    get { self[number: "usual_start_ms"] }
    set { self[number: "usual_start_ms"] = newValue }
  }
  /// What the plane could not look at, or does not show to the caller.
  package var unknown: [String]? {
    get { self[texts: "unknown"] }
    set { self[texts: "unknown"] = newValue }
  }
  /// Missing if no config is being rolled out and the last rollout succeeded.
  package var update: WireEvidenceUpdate? {
    get { self[object: "update"] }
    set { self[object: "update"] = newValue }
  }
  package var entities: [WireEvidenceEntity]? {
    get { self[list: "entities"] }
    set { self[list: "entities"] = newValue }
  }
  /// The replicas that ended by themselves in the window, newest first.
  package var failures: [WireEvidenceFailure]? {
    get { self[list: "failures"] }
    set { self[list: "failures"] = newValue }
  }
  package var settings: WireEvidenceSettings? {
    get { self[object: "settings"] }
    set { self[object: "settings"] = newValue }
  }
  package var load: WireEvidenceLoad? {
    get { self[object: "load"] }
    set { self[object: "load"] = newValue }
  }
  /// Missing if the machine has no bound.
  package var room: WireEvidenceRoom? {
    get { self[object: "room"] }
    set { self[object: "room"] = newValue }
  }
  package var requests: WireEvidenceRequests? {
    get { self[object: "requests"] }
    set { self[object: "requests"] = newValue }
  }
  package var engines: [WireEvidenceEngine]? {
    get { self[list: "engines"] }
    set { self[list: "engines"] = newValue }
  }
  /// Warnings and errors of the logs, newest first.
  package var lines: [WireEvidenceLine]? {
    get { self[list: "lines"] }
    set { self[list: "lines"] = newValue }
  }
  package var dropped: WireEvidenceDrops? {
    get { self[object: "dropped"] }
    set { self[object: "dropped"] = newValue }
  }
}

/// The config that is being rolled out, or that failed.
package struct WireEvidenceUpdate: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  package static let fields: [String: WireField] = [
    "failed": .flag, "config_version": .number, "entity": .text, "reason": .text, "running_ms": .number,
  ]

  package var hasFailed: Bool? {
    get { self[flag: "failed"] }
    set { self[flag: "failed"] = newValue }
  }
  package var version: Int64? {
    get { self[number: "config_version"] }
    set { self[number: "config_version"] = newValue }
  }
  package var entity: String? {
    get { self[text: "entity"] }
    set { self[text: "entity"] = newValue }
  }
  package var reason: String? {
    get { self[text: "reason"] }
    set { self[text: "reason"] = newValue }
  }
  package var runningFor: Int64? {
    get { self[number: "running_ms"] }
    set { self[number: "running_ms"] = newValue }
  }
}

/// The limits that requests are under.
package struct WireEvidenceSettings: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  package static let fields: [String: WireField] = [
    "queue_length": .number, "queue_wait_ms": .number, "concurrency": .number, "idle_after_ms": .number,
    "rate_limits": .number,
  ]

  package var queueLength: Int64? {
    get { self[number: "queue_length"] }
    set { self[number: "queue_length"] = newValue }
  }
  package var queueWait: Int64? {
    get { self[number: "queue_wait_ms"] }
    set { self[number: "queue_wait_ms"] = newValue }
  }
  /// Missing if the engine decides.
  package var concurrency: Int64? {
    get { self[number: "concurrency"] }
    set { self[number: "concurrency"] = newValue }
  }
  package var idleAfter: Int64? {
    get { self[number: "idle_after_ms"] }
    set { self[number: "idle_after_ms"] = newValue }
  }
  /// Their number.
  package var rateLimits: Int64? {
    get { self[number: "rate_limits"] }
    set { self[number: "rate_limits"] = newValue }
  }
}

/// The requests that are there now.
package struct WireEvidenceLoad: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  package static let fields: [String: WireField] = ["waiting": .number, "in_flight": .number, "idle_ms": .number]

  package var waiting: Int64? {
    get { self[number: "waiting"] }
    set { self[number: "waiting"] = newValue }
  }
  package var inFlight: Int64? {
    get { self[number: "in_flight"] }
    set { self[number: "in_flight"] = newValue }
  }
  /// Missing while there is a request.
  package var idleFor: Int64? {
    get { self[number: "idle_ms"] }
    set { self[number: "idle_ms"] = newValue }
  }
}

/// The machine's places for replicas.
package struct WireEvidenceRoom: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  package static let fields: [String: WireField] = ["total": .number, "free": .number, "unit": .text]

  package var total: Int64? {
    get { self[number: "total"] }
    set { self[number: "total"] = newValue }
  }
  package var free: Int64? {
    get { self[number: "free"] }
    set { self[number: "free"] = newValue }
  }
  /// `GPU` or `slot`.
  package var unit: String? {
    get { self[text: "unit"] }
    set { self[text: "unit"] = newValue }
  }
}

/// A line of an engine's log.
package struct WireEvidenceLine: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  package static let fields: [String: WireField] = ["severity": .number, "text": .text, "replica": .text]

  /// OpenTelemetry's number.
  package var severity: Int64? {
    get { self[number: "severity"] }
    set { self[number: "severity"] = newValue }
  }
  package var text: String? {
    get { self[text: "text"] }
    set { self[text: "text"] = newValue }
  }
  package var replica: String? {
    get { self[text: "replica"] }
    set { self[text: "replica"] = newValue }
  }
}

/// Telemetry that was dropped since the plane started.
package struct WireEvidenceDrops: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  package static let fields: [String: WireField] = ["rows": .number, "causes": .list(.text), "last_failure": .text]

  package var rows: Int64? {
    get { self[number: "rows"] }
    set { self[number: "rows"] = newValue }
  }
  package var causes: [String]? {
    get { self[texts: "causes"] }
    set { self[texts: "causes"] = newValue }
  }
  package var lastFailure: String? {
    get { self[text: "last_failure"] }
    set { self[text: "last_failure"] = newValue }
  }
}
