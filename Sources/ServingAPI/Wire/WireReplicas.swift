package import CanonicalJSON

/// The replicas of an endpoint. The call is a plane's own; a workspace does not have it.
package struct WireReplicaList: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  package init(replicas: [WireReplica]) {
    self.init()
    self[list: "replicas"] = replicas
  }

  package static let fields: [String: WireField] = ["replicas": .list(.object(WireReplica.self))]

  package var replicas: [WireReplica] { self[list: "replicas"] ?? [] }
}

/// One replica of a serving plane. Times are in milliseconds since 1970.
package struct WireReplica: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  package init(id: String, phase: String) { self.members = ["id": .string(id), "phase": .string(phase)] }

  package static let fields: [String: WireField] = [
    "id": .text, "phase": .text, "since": .number, "entity_name": .text, "entity_version": .textOrNumber,
    "config_version": .number, "start": .list(.object(WireStartPhase.self)),
  ]

  package var id: String { self[text: "id"] ?? "" }
  /// A phase of its start (`starting`, `loading weights`, `warming`), `ready`, `draining`, `stopping`, `stopped` or
  /// `failed`.
  package var phase: String { self[text: "phase"] ?? "" }
  /// When the phase began; nil if unknown.
  package var since: Int64? {
    get { self[number: "since"] }
    set { self[number: "since"] = newValue }
  }
  package var entityName: String? {
    get { self[text: "entity_name"] }
    set { self[text: "entity_name"] = newValue }
  }
  package var entityVersion: String? {
    get { self[textOrNumber: "entity_version"] }
    set { self[textOrNumber: "entity_version"] = newValue }
  }
  package var configVersion: Int64? {
    get { self[number: "config_version"] }
    set { self[number: "config_version"] = newValue }
  }
  /// The phases of its start, in order; nil if they are unknown.
  package var start: [WireStartPhase]? {
    get { self[list: "start"] }
    set { self[list: "start"] = newValue }
  }
  /// Whether it has ended.
  package var isOver: Bool { ["stopped", "failed"].contains(phase) }
}

/// A phase of a replica's start.
package struct WireStartPhase: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  /// - Parameters:
  ///   - since: when it began, in milliseconds since 1970.
  ///   - milliseconds: how long it took; nil while it lasts.
  package init(phase: String, since: Int64, milliseconds: Int64?) {
    self.members = ["phase": .string(phase), "since": .int(since)]
    self[number: "duration_ms"] = milliseconds
  }

  package static let fields: [String: WireField] = ["phase": .text, "since": .number, "duration_ms": .number]

  package var phase: String { self[text: "phase"] ?? "" }
  /// How long it took; nil while it lasts.
  package var milliseconds: Int64? { self[number: "duration_ms"] }
}

/// The events of an endpoint's replicas. The call is a plane's own; a workspace does not have it.
package struct WireReplicaEventList: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  package init(events: [WireReplicaEvent]) {
    self.init()
    self[list: "events"] = events
  }

  package static let fields: [String: WireField] = ["events": .list(.object(WireReplicaEvent.self))]

  package var events: [WireReplicaEvent] { self[list: "events"] ?? [] }
}

/// A change in the life of a replica.
package struct WireReplicaEvent: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  /// - Parameter at: in milliseconds since 1970.
  package init(at: Int64, replica: String, phase: String, message: String) {
    self.members = [
      "at": .int(at), "replica": .string(replica), "phase": .string(phase), "message": .string(message),
    ]
  }

  package static let fields: [String: WireField] = [
    "at": .number, "replica": .text, "phase": .text, "message": .text,
  ]

  /// In milliseconds since 1970; nil if it is missing.
  package var at: Int64? { self[number: "at"] }
  package var message: String { self[text: "message"] ?? "" }
}
