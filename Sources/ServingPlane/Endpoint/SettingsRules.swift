import CanonicalJSON
import LibCrypto
import ServingAPI

/// Converts the settings in a call into what the plane keeps, or into the protocol's refusal (serving-api.md E7, E9,
/// E10). Pure.
enum SettingsRules {
  /// The most rate limits of an endpoint.
  static let mostRateLimits = 1000
  /// The most addresses in each list of notifications.
  static let mostAddresses = 100
  static let rateLimitKeys = ["endpoint", "user", "user_group", "service_principal"]
  static let telemetryFeatures = [
    "TELEMETRY_FEATURE_LOGS", "TELEMETRY_FEATURE_METRICS", "TELEMETRY_FEATURE_TRACES", inferenceTableFeature,
  ]
  static let inferenceTableFeature = "TELEMETRY_FEATURE_INFERENCE_TABLE"

  // MARK: The AI gateway

  /// - Parameter live: the block in force, which is replaced.
  /// - Returns: the block to keep; nil for none.
  static func gateway(_ wanted: WireGateway, replacing live: WireGateway?) throws(APIError) -> WireGateway? {
    try refuse(wanted.typeFindings(path: "ai_gateway"))
    let unsupported = ["fallback_config", "guardrails"] + wanted.unknownMembers.keys.sorted()
    try refuse(unsupported, in: wanted.members, of: "ai_gateway")
    var kept = WireGateway()
    let limits = try rateLimits(wanted.rateLimits ?? [])
    if !limits.isEmpty { kept.rateLimits = limits }
    if let usage = wanted.usageTracking { kept.usageTracking = usage }
    if let table = wanted.inferenceTable, !table.members.isEmpty {
      try check(table, replacing: live?.inferenceTable)
      kept.inferenceTable = table
    }
    return kept.members.isEmpty ? nil : kept
  }

  private static func rateLimits(_ wanted: [WireRateLimit]) throws(APIError) -> [WireRateLimit] {
    guard wanted.count <= mostRateLimits else {
      throw .invalid("ai_gateway.rate_limits has \(wanted.count) limits; at most \(mostRateLimits) are allowed")
    }
    var limits: [WireRateLimit] = []
    for (index, limit) in wanted.enumerated() {
      limits.append(try rateLimit(limit, path: "ai_gateway.rate_limits[\(index)]"))
    }
    return limits
  }

  private static func rateLimit(_ wanted: WireRateLimit, path: String) throws(APIError) -> WireRateLimit {
    try refuse(wanted.unknownMembers.keys.sorted(), in: wanted.members, of: path)
    guard wanted.renewalPeriod == "minute" else {
      throw .invalid("\(path).renewal_period must be \"minute\"")
    }
    let key = wanted.key ?? "endpoint"
    guard rateLimitKeys.contains(key) else {
      throw .invalid("\(path).key \"\(key)\" is unknown; supported: \(rateLimitKeys.joined(separator: ", "))")
    }
    guard wanted.calls != nil || wanted.tokens != nil else {
      throw .invalid("\(path) sets neither calls nor tokens")
    }
    // Zero blocks: whoever the limit applies to may not send requests.
    for (name, amount) in [("calls", wanted.calls), ("tokens", wanted.tokens)] {
      if let amount, amount < 0 { throw .invalid("\(path).\(name) must not be negative; it is \(amount)") }
    }
    let principal = wanted.principal ?? ""
    if principal.isEmpty, key == "user_group" || key == "service_principal" {
      throw .invalid("\(path).principal is required for the key \(key)")
    }
    if !principal.isEmpty, key == "endpoint" {
      throw .invalid("\(path).principal does not apply to the key endpoint; remove it")
    }
    var limit = wanted
    limit.key = key
    return limit
  }

  private static func check(_ table: WireInferenceTable, replacing live: WireInferenceTable?) throws(APIError) {
    try refuse(table.unknownMembers.keys.sorted(), in: table.members, of: "ai_gateway.inference_table_config")
    guard table.enabled == true else { return }
    guard table.catalogName?.isEmpty == false, table.schemaName?.isEmpty == false else {
      throw .invalid("ai_gateway.inference_table_config requires catalog_name and schema_name")
    }
    guard let live, live.enabled == true else { return }
    let hasMoved =
      table.catalogName != live.catalogName || table.schemaName != live.schemaName
      || table.tableNamePrefix != nil && table.tableNamePrefix != live.tableNamePrefix
    if hasMoved {
      throw .invalid(
        "ai_gateway.inference_table_config: the table must be disabled before its names can change; set enabled to "
          + "false first")
    }
  }

  // MARK: Notifications

  /// - Parameter live: the lists in force. One that the call omits stays.
  /// - Returns: the lists to keep; nil if nobody is notified.
  static func notifications(
    _ wanted: WireNotifications, changing live: WireNotifications?
  ) throws(APIError) -> WireNotifications? {
    try refuse(wanted.typeFindings(path: "email_notifications"))
    try refuse(wanted.unknownMembers.keys.sorted(), in: wanted.members, of: "email_notifications")
    var kept = WireNotifications()
    for name in ["on_update_success", "on_update_failure"] {
      let list = wanted[texts: name]
      for (index, text) in (list ?? []).enumerated() where NotificationAddress(text) == nil {
        // Not repeated: most of a webhook's URL is a secret.
        throw .invalid(
          "email_notifications.\(name)[\(index)] is neither an email address nor an http or https URL")
      }
      if let list, list.count > mostAddresses {
        throw .invalid("email_notifications.\(name) has \(list.count) addresses; at most \(mostAddresses) are allowed")
      }
      kept[texts: name] = list ?? live?[texts: name] ?? []
    }
    return kept.onUpdateSuccess.isEmpty && kept.onUpdateFailure.isEmpty ? nil : kept
  }

  // MARK: Telemetry

  /// - Parameters:
  ///   - live: the telemetry in force.
  ///   - endpoint: the endpoint's ID.
  /// - Returns: the telemetry to keep; nil for none.
  static func telemetry(
    _ wanted: WireTelemetry, changing live: WireTelemetry?, of endpoint: String
  ) throws(APIError) -> WireTelemetry? {
    try refuse(wanted.typeFindings(path: "telemetry_config"))
    try refuse(wanted.unknownMembers.keys.sorted(), in: wanted.members, of: "telemetry_config")
    var kept = WireTelemetry()
    let tables = try tables(wanted.tableNames)
    let profile = wanted.profileID ?? ""
    guard profile.isEmpty || profile == live?.profileID else {
      throw .invalid(
        "telemetry_config.telemetry_profile_id: a serving plane has no telemetry profiles; use table_names")
    }
    kept.tableNames = tables ?? (profile.isEmpty ? nil : live?.tableNames)
    if let fraction = wanted.sampling?.fraction {
      guard (0...1).contains(fraction) else {
        throw .invalid("telemetry_config.inference_table_config.sampling_fraction must be between 0 and 1")
      }
      var sampling = WireSampling(fraction: fraction)
      if let logs = kept.tableNames?.logs { sampling[text: "name"] = logs + EndpointSettings.payloadSuffix }
      kept.sampling = sampling
    }
    let features = wanted[texts: "enabled_telemetry_features"] ?? []
    if let unknown = features.first(where: { !telemetryFeatures.contains($0) }) {
      throw .invalid(
        "telemetry_config.enabled_telemetry_features: \"\(unknown)\" is unknown; supported: "
          + telemetryFeatures.joined(separator: ", "))
    }
    if !features.isEmpty { kept[texts: "enabled_telemetry_features"] = features }
    guard !kept.members.isEmpty || !profile.isEmpty else { return nil }
    kept.profileID = kept.tableNames == live?.tableNames ? live?.profileID : nil
    kept.profileID = kept.profileID ?? newProfile(kept.tableNames, of: endpoint)
    return kept
  }

  /// The table names that are not empty; nil if there are none.
  private static func tables(_ wanted: WireTelemetryTables?) throws(APIError) -> WireTelemetryTables? {
    guard let wanted else { return nil }
    try refuse(wanted.unknownMembers.keys.sorted(), in: wanted.members, of: "telemetry_config.table_names")
    var kept = WireTelemetryTables()
    for name in WireTelemetryTables.fields.keys.sorted() {
      guard let table = wanted[text: name], !table.isEmpty else { continue }
      let isName =
        table.utf8.count <= 767 && table.utf8.last != UInt8(ascii: ".")
        && table.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
      guard isName else { throw .invalid("telemetry_config.table_names.\(name) is not a valid table name") }
      kept[text: name] = table
    }
    return kept.members.isEmpty ? nil : kept
  }

  /// The ID of a profile: new table names have a new one (serving-api.md Q21).
  private static func newProfile(_ tables: WireTelemetryTables?, of endpoint: String) -> String {
    let digest = SHA256.hash(endpoint + (tables?.json.text() ?? ""))
    return "plane-" + String(digest.description.prefix(12))
  }

  // MARK: -

  private static func refuse(_ findings: [String]) throws(APIError) {
    guard findings.isEmpty else { throw .invalid(findings.joined(separator: "; ")) }
  }

  /// Refuses members that set something: clients also send empty and disabled ones.
  private static func refuse(
    _ names: [String], in members: [String: JSONValue], of path: String
  ) throws(APIError) {
    for name in names {
      guard let value = members[name], !value.setsNothing else { continue }
      throw .invalid("\(path).\(name) is not supported by this serving plane; remove it")
    }
  }
}

extension JSONValue {
  /// Whether the value is one that clients send for a setting that is off: `null`, `false`, or an empty one at any depth.
  fileprivate var setsNothing: Bool {
    switch self {
    case .null: true
    case .bool(let flag): !flag
    case .string(let text): text.isEmpty
    case .array(let items): items.isEmpty
    case .object(let members, let alike): alike.isEmpty && members.values.allSatisfy(\.setsNothing)
    case .int, .double: false
    }
  }
}
