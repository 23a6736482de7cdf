internal import CanonicalJSON
package import Endpoints

extension WireGateway {
  /// Creates the block as sent: the settings and, since it replaces the existing ones, everything else that was read
  /// from it.
  package init(_ settings: GatewaySettings) {
    self.init(members: settings.other)
    if let limits = settings.rateLimits {
      rateLimits = limits.isEmpty ? nil : limits.map(WireRateLimit.init)
    }
    if let usage = settings.usageTracking { usageTracking = WireSwitch(enabled: usage) }
    if let table = settings.inferenceTable { inferenceTable = WireInferenceTable(table) }
  }

  /// The settings in the block; nil if it contains none.
  package var settings: GatewaySettings? {
    var other = members
    other["rate_limits"] = nil
    let usage = usageTracking?.enabled
    if usage != nil { other["usage_tracking_config"] = nil }
    let table = inferenceTable.flatMap { $0.members.isEmpty ? nil : $0.table }
    if table != nil { other["inference_table_config"] = nil }
    let limits = (rateLimits ?? []).map(\.limit)
    let settings = GatewaySettings(
      rateLimits: limits.isEmpty ? nil : limits, usageTracking: usage, inferenceTable: table,
      other: other.filter { key, value in
        // An empty object of another kind is how servers write an unset value; here it is a setting (serving-api.md
        // Q3).
        key == "usage_tracking_config" && value == .object([:]) || !value.isBlank
      })
    return settings.isEmpty ? nil : settings
  }
}

extension WireRateLimit {
  fileprivate init(_ limit: RateLimit) {
    self.init()
    key = limit.key
    principal = limit.principal
    calls = limit.calls
    tokens = limit.tokens
    renewalPeriod = limit.renewalPeriod
  }

  fileprivate var limit: RateLimit {
    RateLimit(
      key: key ?? "", principal: principal.flatMap { $0.isEmpty ? nil : $0 }, calls: calls, tokens: tokens,
      renewalPeriod: renewalPeriod ?? "minute")
  }
}

extension WireInferenceTable {
  fileprivate init(_ table: InferenceTable) {
    self.init()
    // A table that was only ever switched off has no names, and an empty one would be refused.
    if !table.catalog.isEmpty { catalogName = table.catalog }
    if !table.schema.isEmpty { schemaName = table.schema }
    tableNamePrefix = table.tableNamePrefix
    enabled = table.enabled
  }

  fileprivate var table: InferenceTable {
    InferenceTable(
      catalog: catalogName ?? "", schema: schemaName ?? "",
      tableNamePrefix: tableNamePrefix.flatMap { $0.isEmpty ? nil : $0 }, enabled: enabled ?? false)
  }
}

extension JSONValue {
  /// Whether the value is one that servers use for unset: `null`, `""`, `[]` and `{}` are equal (serving-api.md Q18).
  var isBlank: Bool {
    switch self {
    case .null: true
    case .string(let text): text.isEmpty
    case .array(let items): items.isEmpty
    case .object(let members, _): members.isEmpty
    case .bool, .int, .double: false
    }
  }
}
