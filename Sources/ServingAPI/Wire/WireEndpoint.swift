package import CanonicalJSON
package import Endpoints

/// One endpoint in the API: the object of serving-api.md E1, E3 and E5, and with fewer members an item of the list E2
/// (whose config contains only the served entities' models).
package struct WireEndpoint: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  package static let fields: [String: WireField] = [
    "name": .text, "id": .text, "creator": .text, "description": .text, "permission_level": .text, "task": .text,
    "creation_timestamp": .number, "last_updated_timestamp": .number, "route_optimized": .flag,
    "state": .object(WireState.self), "config": .object(WireConfig.self), "pending_config": .object(WireConfig.self),
    "tags": .list(.object(WireTag.self)), "ai_gateway": .object(WireGateway.self),
    "email_notifications": .object(WireNotifications.self), "telemetry_config": .object(WireTelemetry.self),
    "effective_budget_policy_id": .text,
  ]

  package var name: String? {
    get { self[text: "name"] }
    set { self[text: "name"] = newValue }
  }
  /// The provider's ID, 32 hex digits; the same name with another ID is another endpoint (serving-api.md Q42).
  package var id: String? {
    get { self[text: "id"] }
    set { self[text: "id"] = newValue }
  }
  package var creator: String? {
    get { self[text: "creator"] }
    set { self[text: "creator"] = newValue }
  }
  package var description: String? {
    get { self[text: "description"] }
    set { self[text: "description"] = newValue }
  }
  /// The caller's permission: `CAN_MANAGE`, `CAN_QUERY` or `CAN_VIEW`.
  package var permissionLevel: String? {
    get { self[text: "permission_level"] }
    set { self[text: "permission_level"] = newValue }
  }
  /// Such as `llm/v1/chat`.
  package var task: String? {
    get { self[text: "task"] }
    set { self[text: "task"] = newValue }
  }
  /// Milliseconds since 1970.
  package var creationTimestamp: Int64? {
    get { self[number: "creation_timestamp"] }
    set { self[number: "creation_timestamp"] = newValue }
  }
  /// Milliseconds since 1970.
  package var lastUpdatedTimestamp: Int64? {
    get { self[number: "last_updated_timestamp"] }
    set { self[number: "last_updated_timestamp"] = newValue }
  }
  /// Always returned by a workspace; false if unset.
  package var routeOptimized: Bool? {
    get { self[flag: "route_optimized"] }
    set { self[flag: "route_optimized"] = newValue }
  }
  package var state: WireState? {
    get { self[object: "state"] }
    set { self[object: "state"] = newValue }
  }
  /// The config that serves requests; absent until the first one has been activated.
  package var config: WireConfig? {
    get { self[object: "config"] }
    set { self[object: "config"] = newValue }
  }
  /// The config being rolled out.
  package var pendingConfig: WireConfig? {
    get { self[object: "pending_config"] }
    set { self[object: "pending_config"] = newValue }
  }
  package var tags: [WireTag]? {
    get { self[list: "tags"] }
    set { self[list: "tags"] = newValue }
  }
  package var gateway: WireGateway? {
    get { self[object: "ai_gateway"] }
    set { self[object: "ai_gateway"] = newValue }
  }
  package var notifications: WireNotifications? {
    get { self[object: "email_notifications"] }
    set { self[object: "email_notifications"] = newValue }
  }
  package var telemetry: WireTelemetry? {
    get { self[object: "telemetry_config"] }
    set { self[object: "telemetry_config"] = newValue }
  }
  /// The budget policy in effect; `budget_policy_id`, which a create sends, is never returned (serving-api.md E1).
  package var effectiveBudgetPolicy: String? {
    get { self[text: "effective_budget_policy_id"] }
    set { self[text: "effective_budget_policy_id"] = newValue }
  }
}

/// `state` of an endpoint.
package struct WireState: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  package init(ready: Readiness, configUpdate: UpdateState) {
    self.members = ["ready": .string(ready.word), "config_update": .string(configUpdate.word)]
  }

  package static let fields: [String: WireField] = ["ready": .text, "config_update": .text, "update_state": .text]

  /// A missing value reads as unknown, which is not ready.
  package var ready: Readiness {
    get { Readiness(word: self[text: "ready"] ?? "") }
    set { self[text: "ready"] = newValue.word }
  }
  /// A missing value reads as unknown, which counts as updating. Very old servers call it `update_state`
  /// (serving-api.md E3).
  package var configUpdate: UpdateState {
    get { UpdateState(word: self[text: "config_update"] ?? self[text: "update_state"] ?? "") }
    set { self[text: "config_update"] = newValue.word }
  }
}

/// A tag of an endpoint. Absent and empty values are equal (serving-api.md E1).
package struct WireTag: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }
  package init(key: String, value: String) { self.members = ["key": .string(key), "value": .string(value)] }

  package static let fields: [String: WireField] = ["key": .text, "value": .text]

  package var key: String? { self[text: "key"] }
  package var value: String { self[text: "value"] ?? "" }

  /// Returns the API's array for a dictionary of tags, sorted by key.
  package static func list(_ tags: [String: String]) -> [WireTag] {
    tags.sorted { $0.key < $1.key }.map { WireTag(key: $0.key, value: $0.value) }
  }

  /// Returns the dictionary for an array of tags; of duplicate keys, the last one counts.
  package static func dictionary(_ tags: [WireTag]) -> [String: String] {
    Dictionary(tags.compactMap { tag in tag.key.map { ($0, tag.value) } }, uniquingKeysWith: { $1 })
  }
}

/// The response to a list (serving-api.md E2). It is not paged.
package struct WireEndpointList: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }
  package init(endpoints: [WireEndpoint]) { self.members = ["endpoints": .array(endpoints.map(\.json))] }

  package static let fields: [String: WireField] = ["endpoints": .list(.object(WireEndpoint.self))]

  /// Empty if the server omits the member, as it does for a workspace without endpoints.
  package var endpoints: [WireEndpoint] { self[list: "endpoints"] ?? [] }
}
