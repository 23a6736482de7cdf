internal import CanonicalJSON
package import Endpoints

extension WireGateway {
  /// The block as it is sent: the settings and, since it replaces what is there, everything else that was told of it.
  package init(_ settings: GatewaySettings) {
    self.init(members: settings.other)
    if let limits = settings.rateLimits {
      rateLimits = limits.isEmpty ? nil : limits.map(WireRateLimit.init)
    }
    if let usage = settings.usageTracking { usageTracking = WireSwitch(enabled: usage) }
    if let table = settings.inferenceTable { inferenceTable = WireInferenceTable(table) }
  }

  /// What the block says; nil where it says nothing.
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
        // An empty object of another kind is what servers write for nothing; here it is a setting (serving-api.md Q3).
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
  /// What servers write for nothing: `null`, `""`, `[]` and `{}` are one (serving-api.md Q18).
  var isBlank: Bool {
    switch self {
    case .null: true
    case .string(let text): text.isEmpty
    case .array(let items): items.isEmpty
    case .object(let members): members.isEmpty
    case .bool, .int, .double: false
    }
  }
}
