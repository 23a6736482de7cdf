package import CanonicalJSON

/// The body of a create (serving-api.md E1). Without a config, an empty endpoint is created, which is allowed.
package struct WireCreateRequest: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  package init(name: String, config: WireConfig?, tags: [WireTag] = []) {
    self.members = ["name": .string(name)]
    self.config = config
    if !tags.isEmpty { self.tags = tags }
  }

  package static let fields: [String: WireField] = [
    "name": .text, "config": .object(WireConfig.self), "tags": .list(.object(WireTag.self)), "description": .text,
    "route_optimized": .flag, "budget_policy_id": .text, "ai_gateway": .object(WireGateway.self),
    "email_notifications": .object(WireNotifications.self), "rate_limits": .any,
    "telemetry_config": .object(WireTelemetry.self), "uc_system_metrics_export_state": .text,
  ]

  package var name: String? { self[text: "name"] }
  package var config: WireConfig? {
    get { self[object: "config"] }
    set { self[object: "config"] = newValue }
  }
  package var tags: [WireTag]? {
    get { self[list: "tags"] }
    set { self[list: "tags"] = newValue }
  }
  package var description: String? {
    get { self[text: "description"] }
    set { self[text: "description"] = newValue }
  }
  /// Sent if the user set it, including `false` (serving-api.md Q1).
  package var routeOptimized: Bool? {
    get { self[flag: "route_optimized"] }
    set { self[flag: "route_optimized"] = newValue }
  }
  package var budgetPolicy: String? {
    get { self[text: "budget_policy_id"] }
    set { self[text: "budget_policy_id"] = newValue }
  }
  package var gateway: WireGateway? {
    get { self[object: "ai_gateway"] }
    set { self[object: "ai_gateway"] = newValue }
  }
  package var notifications: WireNotifications? {
    get { self[object: "email_notifications"] }
    set { self[object: "email_notifications"] = newValue }
  }
}

/// The body of a tag patch (serving-api.md E6). Adding an existing key overwrites its value; an empty patch is
/// harmless.
package struct WireTagPatch: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  package init(add: [WireTag], delete: [String]) {
    self.members = [:]
    if !add.isEmpty { self[list: "add_tags"] = add }
    if !delete.isEmpty { self[texts: "delete_tags"] = delete }
  }

  package static let fields: [String: WireField] = [
    "add_tags": .list(.object(WireTag.self)), "delete_tags": .list(.text),
  ]

  package var addTags: [WireTag] { self[list: "add_tags"] ?? [] }
  package var deleteTags: [String] { self[texts: "delete_tags"] ?? [] }
}

/// The response to a tag patch (serving-api.md E6): `{"tags": […]}`; older servers return the bare array.
package struct WireTags: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }
  package init(tags: [WireTag]) { self.members = ["tags": .array(tags.map(\.json))] }

  /// Parses either form; nil for anything else.
  package init?(response: JSONValue) {
    switch response {
    case .array: self.init(members: ["tags": response])
    case .object(let members, _): self.init(members: members)
    default: return nil
    }
  }

  package static let fields: [String: WireField] = ["tags": .list(.object(WireTag.self))]

  package var tags: [WireTag] { self[list: "tags"] ?? [] }
}

/// The response with logs or build logs (serving-api.md E14).
package struct WireLogs: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }
  package init(logs: String) { self.members = ["logs": .string(logs)] }

  package static let fields: [String: WireField] = ["logs": .text]

  package var logs: String { self[text: "logs"] ?? "" }
}

/// The body of an error response in its usual format (serving-api.md 1.7).
package struct WireErrorBody: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  package init(errorCode: String, message: String) {
    self.members = ["error_code": .string(errorCode), "message": .string(message)]
  }

  package static let fields: [String: WireField] = [
    "error_code": .textOrNumber, "message": .text, "details": .list(.any),
  ]

  /// Such as `RESOURCE_DOES_NOT_EXIST`; some servers send a number.
  package var errorCode: String? { self[textOrNumber: "error_code"] }
  package var message: String? { self[text: "message"] }
  package var details: [JSONValue] { members["details"]?.arrayValue ?? [] }
}
