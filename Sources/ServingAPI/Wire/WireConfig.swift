package import CanonicalJSON

/// An endpoint's config: the body of serving-api.md E5, `config` of E1, and in responses `config` and `pending_config`.
package struct WireConfig: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  package static let fields: [String: WireField] = [
    "config_version": .number, "start_time": .number, "served_entities": .list(.object(WireServedEntity.self)),
    "served_models": .list(.object(WireServedEntity.self)), "traffic_config": .object(WireTrafficConfig.self),
    "auto_capture_config": .any,
  ]

  /// Increases with every accepted change. Only in responses.
  package var configVersion: Int64? {
    get { self[number: "config_version"] }
    set { self[number: "config_version"] = newValue }
  }
  /// Milliseconds since 1970 at which this config's rollout began. Only in responses.
  package var startTime: Int64? {
    get { self[number: "start_time"] }
    set { self[number: "start_time"] = newValue }
  }
  package var servedEntities: [WireServedEntity]? {
    get { self[list: "served_entities"] }
    set { self[list: "served_entities"] = newValue }
  }
  /// The older name of `served_entities`: mirrored in responses, refused together with `served_entities` in requests
  /// (serving-api.md Q8).
  package var servedModels: [WireServedEntity]? {
    get { self[list: "served_models"] }
    set { self[list: "served_models"] = newValue }
  }
  package var trafficConfig: WireTrafficConfig? {
    get { self[object: "traffic_config"] }
    set { self[object: "traffic_config"] = newValue }
  }

  /// The served entities, under either of the two names.
  package var entities: [WireServedEntity] {
    if let servedEntities, !servedEntities.isEmpty { servedEntities } else { servedModels ?? [] }
  }
}

/// One served entity: as sent (serving-api.md E5), and with its state in responses.
package struct WireServedEntity: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  package static let fields: [String: WireField] = [
    "name": .text, "entity_name": .text, "entity_version": .textOrNumber, "model_name": .text,
    "model_version": .textOrNumber, "workload_type": .text, "workload_size": .text, "scale_to_zero_enabled": .flag,
    "environment_vars": .textMap, "min_provisioned_concurrency": .number, "max_provisioned_concurrency": .number,
    "creator": .text, "creation_timestamp": .number, "state": .object(WireDeploymentState.self),
    "external_model": .any, "foundation_model": .any, "type": .text,
  ]

  package var name: String? {
    get { self[text: "name"] }
    set { self[text: "name"] = newValue }
  }
  /// The registered model; in a `served_models` item the API calls it `model_name`.
  package var entityName: String? {
    get { self[text: "entity_name"] ?? self[text: "model_name"] }
    set { self[text: "entity_name"] = newValue }
  }
  /// Always sent as text; a number is accepted too (serving-api.md Q4).
  package var entityVersion: String? {
    get { self[textOrNumber: "entity_version"] ?? self[textOrNumber: "model_version"] }
    set { self[textOrNumber: "entity_version"] = newValue }
  }
  package var workloadType: String? {
    get { self[text: "workload_type"] }
    set { self[text: "workload_type"] = newValue }
  }
  /// Blank in responses if the entity is sized by concurrency.
  package var workloadSize: String? {
    get { self[text: "workload_size"] }
    set { self[text: "workload_size"] = newValue }
  }
  /// Always sent, including `false` (serving-api.md Q1).
  package var scaleToZeroEnabled: Bool? {
    get { self[flag: "scale_to_zero_enabled"] }
    set { self[flag: "scale_to_zero_enabled"] = newValue }
  }
  package var environmentVars: [String: String]? {
    get { self[textMap: "environment_vars"] }
    set { self[textMap: "environment_vars"] = newValue }
  }
  /// The variables that ``environmentVars`` cannot hold, because their names differ from another one's only in their
  /// Unicode form.
  package var alikeVariables: [JSONMember] {
    guard case .object(_, let alike)? = members["environment_vars"] else { return [] }
    return alike
  }
  package var minProvisionedConcurrency: Int64? {
    get { self[number: "min_provisioned_concurrency"] }
    set { self[number: "min_provisioned_concurrency"] = newValue }
  }
  package var maxProvisionedConcurrency: Int64? {
    get { self[number: "max_provisioned_concurrency"] }
    set { self[number: "max_provisioned_concurrency"] = newValue }
  }
  package var creator: String? {
    get { self[text: "creator"] }
    set { self[text: "creator"] = newValue }
  }
  /// Milliseconds since 1970.
  package var creationTimestamp: Int64? {
    get { self[number: "creation_timestamp"] }
    set { self[number: "creation_timestamp"] = newValue }
  }
  /// A marker such as `UC_MODEL`; returned by live servers, but in no SDK.
  package var type: String? {
    get { self[text: "type"] }
    set { self[text: "type"] = newValue }
  }
  package var state: WireDeploymentState? {
    get { self[object: "state"] }
    set { self[object: "state"] = newValue }
  }
}

/// `state` of a served entity. Only its message says why a deployment failed (serving-api.md 2.1).
package struct WireDeploymentState: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }
  package init(deployment: String, message: String) {
    self.members = ["deployment": .string(deployment), "deployment_state_message": .string(message)]
  }

  package static let fields: [String: WireField] = ["deployment": .text, "deployment_state_message": .text]

  /// One of ``DeploymentState``, or a value newer than this version.
  package var deployment: String { self[text: "deployment"] ?? "" }
  package var message: String { self[text: "deployment_state_message"] ?? "" }
}

/// The known values of `state.deployment`.
package enum DeploymentState {
  package static let creating = "DEPLOYMENT_CREATING"
  package static let ready = "DEPLOYMENT_READY"
  package static let recovering = "DEPLOYMENT_RECOVERING"
  package static let failed = "DEPLOYMENT_FAILED"
  package static let aborted = "DEPLOYMENT_ABORTED"
}

/// How requests are split between the served entities; the percentages add up to 100.
package struct WireTrafficConfig: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }
  package init(routes: [WireRoute]) { self.members = ["routes": .array(routes.map(\.json))] }

  package static let fields: [String: WireField] = ["routes": .list(.object(WireRoute.self))]

  package var routes: [WireRoute] { self[list: "routes"] ?? [] }
}

/// One entity's share of the traffic.
package struct WireRoute: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  /// Creates a route as a client sends it.
  package init(servedEntityName: String, trafficPercentage: Int) {
    self.members = [
      "served_entity_name": .string(servedEntityName), "traffic_percentage": .int(Int64(trafficPercentage)),
    ]
  }

  /// Creates a route as a server returns it: under both names (serving-api.md Q15).
  package static func mirrored(servedEntityName: String, trafficPercentage: Int) -> WireRoute {
    var route = WireRoute(servedEntityName: servedEntityName, trafficPercentage: trafficPercentage)
    route[text: "served_model_name"] = servedEntityName
    return route
  }

  package static let fields: [String: WireField] = [
    "served_entity_name": .text, "served_model_name": .text, "traffic_percentage": .number,
  ]

  /// The entity's name, under either of the two keys.
  package var servedEntityName: String? { self[text: "served_entity_name"] ?? self[text: "served_model_name"] }
  /// 0...100.
  package var trafficPercentage: Int64? { self[number: "traffic_percentage"] }
}
