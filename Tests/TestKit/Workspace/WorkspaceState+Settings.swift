internal import CanonicalJSON
internal import ServingAPI

extension WorkspaceState {
  /// What an endpoint has besides its config and tags. None of it creates a config version (serving-api.md 2.3).
  struct Settings {
    var description = ""
    var isRouteOptimized = false
    var budgetPolicy: String?
    var gateway: [String: JSONValue]?
    var notifications: JSONValue?
    var telemetry: Telemetry?
    var systemMetrics: String?
  }
}

extension WorkspaceState.Settings {
  /// Applies the settings that a create may contain (serving-api.md E1), except telemetry.
  mutating func set(fromCreate body: JSONValue?, _ behaviors: WorkspaceBehaviors) -> WorkspaceResponse? {
    description = body?["description"]?.stringValue ?? ""
    isRouteOptimized = body?["route_optimized"]?.boolValue ?? false
    budgetPolicy = body?["budget_policy_id"]?.stringValue
    notifications = body?["email_notifications"]
    systemMetrics = body?["uc_system_metrics_export_state"]?.stringValue
    guard let wanted = body?["ai_gateway"]?.objectValue else { return nil }
    return setGateway(wanted, behaviors)
  }

  /// Adds to a response what the API echoes (serving-api.md 3). The old `rate_limits` and `budget_policy_id` are never
  /// in one (serving-api.md Q19).
  func show(in wire: inout WireEndpoint, of name: String, _ behaviors: WorkspaceBehaviors, salt: UInt64) {
    if !(description.isEmpty && behaviors.omitsEmptyDescription) { wire.description = description }
    wire.routeOptimized = isRouteOptimized
    if isRouteOptimized {
      let url = JSONValue.string("https://route-optimized.example.com/serving-endpoints/\(name)")
      wire.members["endpoint_url"] = url
      wire.members["data_plane_info"] = ["query_info": ["endpoint_url": url, "authorization_details": "{}"]]
    }
    wire.members["effective_budget_policy_id"] = budgetPolicy.map { .string($0) }
    wire.members["email_notifications"] = notifications
    wire.members["uc_system_metrics_export_state"] = systemMetrics.map { .string($0) }
    wire.members["ai_gateway"] = gateway.map { .object(Self.reordered($0, behaviors.order, salt: salt)) }
    wire.members["telemetry_config"] = telemetry?.shown(behaviors)
  }
}

extension WorkspaceState {
  /// Tags (serving-api.md E6). Never blocked by an update in progress.
  mutating func patchTags(_ name: String, _ patch: WireTagPatch) -> WorkspaceResponse {
    guard var endpoint = endpoints[name] else { return missing(name) }
    var tags = WireTag.dictionary(endpoint.tags)
    for key in patch.deleteTags { tags[key] = nil }
    tags.merge(WireTag.dictionary(patch.addTags)) { $1 }
    endpoint.tags = WireTag.list(tags)
    endpoints[name] = endpoint
    let answer = WireTags(tags: endpoint.tags).json
    return WorkspaceResponse(json: behaviors.answersTagsAsArray ? answer["tags"] : answer)
  }

  /// Notifications (serving-api.md E9). Lists that the patch omits become empty.
  mutating func patchNotifications(_ name: String, _ body: JSONValue?) -> WorkspaceResponse {
    guard endpoints[name] != nil else { return missing(name) }
    let wanted = body?["email_notifications"]
    let addresses = ["on_update_success", "on_update_failure"].flatMap { wanted?[$0]?.arrayValue ?? [] }
    guard addresses.allSatisfy({ $0.stringValue?.contains("@") == true }) else {
      return .invalid("email_notifications: a list of e-mail addresses was expected.")
    }
    endpoints[name]?.settings.notifications = addresses.isEmpty ? nil : wanted
    var answer: [String: JSONValue] = ["name": .string(name)]
    answer["email_notifications"] = wanted
    return WorkspaceResponse(json: .object(answer))
  }

  /// Export of system metrics (serving-api.md E11).
  mutating func patchSystemMetrics(_ name: String, _ body: JSONValue?) -> WorkspaceResponse {
    guard endpoints[name] != nil else { return missing(name) }
    let known = ["FIRST_PARTY_EXPORT_ENABLED", "FIRST_PARTY_EXPORT_DISABLED"]
    guard let word = body?["uc_system_metrics_export_state"]?.stringValue, known.contains(word) else {
      return .invalid("uc_system_metrics_export_state: one of \(known) was expected.")
    }
    endpoints[name]?.settings.systemMetrics = word
    return WorkspaceResponse(json: ["name": .string(name), "uc_system_metrics_export_state": .string(word)])
  }
}
