package import CanonicalJSON

/// The AI gateway's block: the body of serving-api.md E7, and `ai_gateway` of an endpoint. The body replaces the whole
/// block: omitted members are removed, and `{}` removes everything.
package struct WireGateway: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  package static let fields: [String: WireField] = [
    "rate_limits": .list(.object(WireRateLimit.self)), "usage_tracking_config": .object(WireSwitch.self),
    "inference_table_config": .object(WireInferenceTable.self), "fallback_config": .any, "guardrails": .any,
  ]

  package var rateLimits: [WireRateLimit]? {
    get { self[list: "rate_limits"] }
    set { self[list: "rate_limits"] = newValue }
  }
  /// Present but empty differs from absent (serving-api.md Q3).
  package var usageTracking: WireSwitch? {
    get { self[object: "usage_tracking_config"] }
    set { self[object: "usage_tracking_config"] = newValue }
  }
  package var inferenceTable: WireInferenceTable? {
    get { self[object: "inference_table_config"] }
    set { self[object: "inference_table_config"] = newValue }
  }
}

/// A block that is on or off. Always sent with `enabled`, including `false` (serving-api.md Q2).
package struct WireSwitch: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }
  package init(enabled: Bool) { self.members = ["enabled": .bool(enabled)] }

  package static let fields: [String: WireField] = ["enabled": .flag]

  package var enabled: Bool? { self[flag: "enabled"] }
}

/// One rate limit of the gateway.
package struct WireRateLimit: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  package static let fields: [String: WireField] = [
    "key": .text, "principal": .text, "calls": .number, "tokens": .number, "renewal_period": .text,
  ]

  /// `endpoint`, `user`, `user_group` or `service_principal`.
  package var key: String? {
    get { self[text: "key"] }
    set { self[text: "key"] = newValue }
  }
  package var principal: String? {
    get { self[text: "principal"] }
    set { self[text: "principal"] = newValue }
  }
  package var calls: Int64? {
    get { self[number: "calls"] }
    set { self[number: "calls"] = newValue }
  }
  package var tokens: Int64? {
    get { self[number: "tokens"] }
    set { self[number: "tokens"] = newValue }
  }
  package var renewalPeriod: String? {
    get { self[text: "renewal_period"] }
    set { self[text: "renewal_period"] = newValue }
  }
}

/// The gateway's table of requests and responses. It must be switched off before its names can change.
package struct WireInferenceTable: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  package static let fields: [String: WireField] = [
    "catalog_name": .text, "schema_name": .text, "table_name_prefix": .text, "enabled": .flag,
  ]

  package var catalogName: String? {
    get { self[text: "catalog_name"] }
    set { self[text: "catalog_name"] = newValue }
  }
  package var schemaName: String? {
    get { self[text: "schema_name"] }
    set { self[text: "schema_name"] = newValue }
  }
  package var tableNamePrefix: String? {
    get { self[text: "table_name_prefix"] }
    set { self[text: "table_name_prefix"] = newValue }
  }
  /// Always sent, including `false` (serving-api.md Q2).
  package var enabled: Bool? {
    get { self[flag: "enabled"] }
    set { self[flag: "enabled"] = newValue }
  }
}
