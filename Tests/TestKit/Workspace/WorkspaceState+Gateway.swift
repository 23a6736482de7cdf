internal import CanonicalJSON
internal import ServingAPI

/// The AI Gateway of an endpoint (serving-api.md E7).
extension WorkspaceState {
  /// Replaces the whole block; `{}` removes it.
  mutating func putGateway(_ name: String, _ body: JSONValue?) -> WorkspaceResponse {
    guard var settings = endpoints[name]?.settings else { return missing(name) }
    if let refusal = settings.setGateway(body?.objectValue ?? [:], behaviors) { return refusal }
    endpoints[name]?.settings = settings
    return WorkspaceResponse(json: .object(settings.gateway ?? [:]))
  }
}

extension WorkspaceState.Settings {
  mutating func setGateway(_ wanted: [String: JSONValue], _ behaviors: WorkspaceBehaviors) -> WorkspaceResponse? {
    if let block = wanted.keys.sorted().first(where: { behaviors.refusedGatewayBlocks.contains($0) }) {
      return .invalid("AI Gateway: \(block) is not supported for this type of endpoint.")
    }
    for limit in wanted["rate_limits"]?.arrayValue ?? [] {
      if let words = Self.refusal(ofLimit: limit) { return .invalid("AI Gateway: \(words)") }
    }
    if let refusal = refusal(ofTable: wanted["inference_table_config"]) { return refusal }
    gateway = wanted.isEmpty ? nil : behaviors.fillsDefaults ? Self.filled(wanted) : wanted
    return nil
  }

  private static func refusal(ofLimit limit: JSONValue) -> String? {
    let kinds = ["endpoint", "user", "user_group", "service_principal"]
    guard limit["renewal_period"] == "minute" else { return "renewal_period must be 'minute'." }
    let key = limit["key"]?.stringValue ?? "endpoint"
    guard kinds.contains(key) else {
      return "key must be in \(kinds)."
    }
    guard limit["calls"]?.intValue != nil || limit["tokens"]?.intValue != nil else {
      return "calls or tokens are needed."
    }
    if ["user_group", "service_principal"].contains(key), limit["principal"]?.stringValue == nil {
      return "principal is needed for \(key)."
    }
    return nil
  }

  /// A table has to be switched off before it can be replaced by another one.
  private func refusal(ofTable wanted: JSONValue?) -> WorkspaceResponse? {
    guard let wanted, wanted["enabled"]?.boolValue == true else { return nil }
    guard wanted["catalog_name"]?.stringValue != nil, wanted["schema_name"]?.stringValue != nil else {
      return .invalid("AI Gateway: inference_table_config needs catalog_name and schema_name.")
    }
    guard let live = gateway?["inference_table_config"], live["enabled"]?.boolValue == true else { return nil }
    let isMoved = ["catalog_name", "schema_name", "table_name_prefix"].contains { key in
      wanted[key].map { $0 != live[key] } == true
    }
    return isMoved
      ? .invalid("AI Gateway: the inference table must be disabled before its catalog, schema or prefix can change.")
      : nil
  }

  /// What the server adds to a gateway that is not empty.
  private static func filled(_ wanted: [String: JSONValue]) -> [String: JSONValue] {
    var filled = wanted
    if filled["usage_tracking_config"]?["enabled"] == nil { filled["usage_tracking_config"] = ["enabled": false] }
    if filled["fallback_config"] == nil { filled["fallback_config"] = ["enabled": false] }
    if let table = filled["inference_table_config"]?.objectValue, table["table_name_prefix"] == nil {
      filled["inference_table_config"] = .object(table.merging(["table_name_prefix": "inference"]) { $1 })
    }
    return filled
  }

  static func reordered(_ gateway: [String: JSONValue], _ order: WorkspaceOrder, salt: UInt64) -> [String: JSONValue] {
    guard let limits = gateway["rate_limits"]?.arrayValue, limits.count > 1 else { return gateway }
    var reordered = gateway
    reordered["rate_limits"] = .array(order.sorted(limits, salt: salt) { $0.text() })
    return reordered
  }
}
