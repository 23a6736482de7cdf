internal import CanonicalJSON
internal import Endpoints
internal import ServingAPI

/// How the workspace shows an endpoint (serving-api.md E2, E3).
extension WorkspaceState {
  func list() -> WorkspaceResponse {
    let sorted = endpoints.values.sorted { $0.name < $1.name }
    let shown = isRandom ? behaviors.order.sorted(sorted, salt: answered, by: \.name) : sorted
    let items = Self.foundationNames.compactMap { foundationEndpoint($0) } + shown.map { item($0) }
    return WorkspaceResponse(json: WireEndpointList(endpoints: items).json)
  }

  private var isRandom: Bool { if case .random = behaviors.order { true } else { false } }

  /// The list contains only the models, and no settings except the gateway's (serving-api.md E2).
  private func item(_ endpoint: Endpoint) -> WireEndpoint {
    var item = shown(endpoint)
    item.pendingConfig = nil
    for key in ["email_notifications", "telemetry_config", "permission_level", "route_optimized"] {
      item.members[key] = nil
    }
    let kept: Set = ["name", "entity_name", "entity_version", "external_model", "foundation_model"]
    let models = item.config?.entities.map { JSONValue.object($0.members.filter { kept.contains($0.key) }) }
    item.config = models.map { WireConfig(members: ["served_entities": .array($0)]) }
    return item
  }

  func shown(_ endpoint: Endpoint) -> WireEndpoint {
    var wire = WireEndpoint()
    wire.name = endpoint.name
    wire.id = endpoint.id
    wire.creator = endpoint.creator
    wire.task = "llm/v1/chat"
    wire.permissionLevel = permissionLevel(of: endpoint)
    wire.creationTimestamp = endpoint.created
    wire.lastUpdatedTimestamp = endpoint.lastUpdated
    wire.tags = behaviors.order.sorted(endpoint.tags, salt: answered) { $0.key ?? "" }
    wire.state = WireState(ready: endpoint.isReady ? .ready : .notReady, configUpdate: update(of: endpoint))
    if endpoint.isStopped { wire.state?[text: "suspend"] = "SUSPENDED" }
    let (deployment, message) = deployment(of: endpoint)
    wire.config = endpoint.active.map { shown($0, deployment: deployment, message: message) }
    wire.pendingConfig = endpoint.pending.map { pending in
      let (word, reason) = self.deployment(of: pending)
      return shown(pending.version, deployment: word, message: reason)
    }
    if let failed = endpoint.failed, showsFailed(endpoint) {
      wire.pendingConfig = shown(failed, deployment: DeploymentState.failed, message: endpoint.message)
    }
    endpoint.settings.show(in: &wire, of: endpoint.name, behaviors, salt: answered)
    if behaviors.speaksOfTheFuture {
      wire.members["a_member_of_the_future"] = ["depth": 2]
      wire.members["creator_kind"] = "User"
      if !endpoint.isStopped { wire.state?[text: "suspend"] = "NOT_SUSPENDED" }
    }
    if behaviors.writesNullForEmpty { wire.members = wire.members.mapValues { $0.isEmpty ? .null : $0 } }
    return wire
  }

  private func showsFailed(_ endpoint: Endpoint) -> Bool {
    endpoint.active == nil ? !behaviors.hidesFirstFailure : behaviors.keepsPendingAfterFailure
  }

  /// Whether an update is still so new that its state is an unknown value.
  private func isNew(_ pending: Pending) -> Bool { pending.looks < behaviors.newWordLooks }

  private func update(of endpoint: Endpoint) -> UpdateState {
    endpoint.pending.map(isNew) == true ? .unknown("UPDATE_QUEUED") : endpoint.update
  }

  private func deployment(of pending: Pending) -> (String, String) {
    if behaviors.showsFailureEarly, case .fails(_, let message) = pending.behavior, pending.polls <= 1 {
      return (DeploymentState.failed, message)
    }
    return (
      isNew(pending) ? "DEPLOYMENT_QUEUED" : DeploymentState.creating, "Creating resources for served entity."
    )
  }

  private func deployment(of endpoint: Endpoint) -> (String, String) {
    if endpoint.isStopped { return (DeploymentState.aborted, "The endpoint is stopped.") }
    if endpoint.isAtZero { return (DeploymentState.ready, "Scaled to zero. It will start with the next request.") }
    return (DeploymentState.ready, "")
  }

  private func shown(_ version: Version, deployment: String, message: String) -> WireConfig {
    var config = version.config
    config.configVersion = version.number
    config.startTime = version.since
    let entities = config.entities.map { entity in
      var entity = entity
      entity.state = WireDeploymentState(deployment: deployment, message: message)
      if behaviors.speaksOfTheFuture {
        entity.type = "UC_MODEL"
        entity.members["batching_config"] = ["enabled": false]
      }
      return entity
    }
    let routes = config.trafficConfig?.routes ?? []
    if !routes.isEmpty {
      config.trafficConfig = WireTrafficConfig(
        routes: behaviors.order.sorted(routes, salt: answered &+ 1) { $0.servedEntityName ?? "" })
    }
    config.servedEntities = behaviors.order.sorted(entities, salt: answered, by: \.resolvedName)
    // One live capture has the mirror in a different order than the entities (serving-api.md Q22).
    if behaviors.mirrors {
      config.servedModels = behaviors.order.sorted(entities, salt: answered &+ 2, by: \.resolvedName).map(\.asModel)
    }
    return config
  }

  // MARK: - Databricks' own

  private static let foundationNames = ["databricks-claude-sonnet-4", "databricks-meta-llama-3-3-70b-instruct"]

  /// A pay-per-token endpoint, which no user may change (serving-api.md E2).
  func foundationEndpoint(_ name: String) -> WireEndpoint? {
    guard behaviors.hasFoundationEndpoints, Self.foundationNames.contains(name) else { return nil }
    let entity: JSONValue = [
      "name": .string(name),
      "foundation_model": ["name": .string("system.ai.\(name.dropFirst(11))"), "display_name": .string(name)],
    ]
    return WireEndpoint(members: [
      "name": .string(name), "id": .string("foundation-\(name.count)"), "creator": "Databricks",
      "task": "llm/v1/chat", "creation_timestamp": 1_700_000_000_000, "last_updated_timestamp": 1_700_000_000_000,
      "state": ["ready": "READY", "config_update": "NOT_UPDATING"], "permission_level": "CAN_QUERY",
      "config": ["served_entities": [entity]],
    ])
  }
}

extension WireServedEntity {
  /// As an item of `served_models`.
  fileprivate var asModel: WireServedEntity {
    var model = self
    model.members["model_name"] = model.members.removeValue(forKey: "entity_name")
    model.members["model_version"] = model.members.removeValue(forKey: "entity_version")
    return model
  }
}

extension JSONValue {
  /// Whether it is empty: `""`, `[]` or `{}`.
  fileprivate var isEmpty: Bool { self == "" || self == .array([]) || self == .object([:]) }
}
