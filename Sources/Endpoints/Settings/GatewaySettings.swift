package import CanonicalJSON

/// The AI gateway's settings. In a manifest, nil means not managed. In a live endpoint, nil means not set.
package struct GatewaySettings: Hashable, Sendable {
  /// The rate limits, one per key and principal; their order has no meaning.
  package var rateLimits: [RateLimit]? {
    didSet { rateLimits = rateLimits?.sorted() }
  }
  /// Whether usage is recorded in the system tables.
  package var usageTracking: Bool?
  package var inferenceTable: InferenceTable?
  /// In a live endpoint only: members of the API's block that no manifest can express, such as `fallback_config`, under
  /// the API's names. They are sent back when the block is replaced, because a replacement removes omitted members.
  package var other: [String: JSONValue]

  package init(
    rateLimits: [RateLimit]? = nil, usageTracking: Bool? = nil, inferenceTable: InferenceTable? = nil,
    other: [String: JSONValue] = [:]
  ) {
    self.rateLimits = rateLimits?.sorted()
    self.usageTracking = usageTracking
    self.inferenceTable = inferenceTable
    self.other = other
  }

  /// Whether nothing is set or managed.
  package var isEmpty: Bool { self == GatewaySettings() }
}

/// The number of calls or tokens that a client may use in a period.
package struct RateLimit: Hashable, Sendable, Comparable {
  /// What the limit applies to: `endpoint`, `user`, `user_group`, `service_principal`, or a word newer than this
  /// version.
  package let key: String
  /// The group, the user or the service principal, of which the latter two are case-insensitive; nil for the endpoint
  /// and for each user.
  package let principal: String?
  package let calls: Int64?
  package let tokens: Int64?
  /// The period: `minute`, the only one supported (serving-api.md E7).
  package let renewalPeriod: String

  package init(
    key: String, principal: String? = nil, calls: Int64? = nil, tokens: Int64? = nil, renewalPeriod: String = "minute"
  ) {
    self.key = key
    self.principal = key == "user_group" ? principal : principal?.lowercased()
    self.calls = calls
    self.tokens = tokens
    self.renewalPeriod = renewalPeriod
  }

  package static func < (one: RateLimit, other: RateLimit) -> Bool {
    if one.key != other.key { return one.key < other.key }
    if one.principal != other.principal { return (one.principal ?? "") < (other.principal ?? "") }
    if one.calls != other.calls { return (one.calls ?? 0) < (other.calls ?? 0) }
    if one.tokens != other.tokens { return (one.tokens ?? 0) < (other.tokens ?? 0) }
    return one.renewalPeriod < other.renewalPeriod
  }
}

/// The table that requests and answers are written to.
package struct InferenceTable: Hashable, Sendable {
  package let catalog: String
  package let schema: String
  /// The prefix of the table's name; nil if the server chooses one.
  package let tableNamePrefix: String?
  /// Whether rows are written. A table must be switched off before its names change (serving-api.md E7).
  package let enabled: Bool

  package init(catalog: String, schema: String, tableNamePrefix: String? = nil, enabled: Bool = true) {
    self.catalog = catalog
    self.schema = schema
    self.tableNamePrefix = tableNamePrefix
    self.enabled = enabled
  }
}
