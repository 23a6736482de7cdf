internal import CanonicalJSON
package import Endpoints

extension WireConfig {
  /// Creates the request body for a config, and `config` of a create: every name, `scale_to_zero_enabled` and the
  /// traffic are explicit, because a full replacement resets omitted members to defaults (serving-api.md E5, Q1).
  package init(_ config: EndpointConfig) {
    self.init()
    servedEntities = config.entities.map(WireServedEntity.init)
    trafficConfig = WireTrafficConfig(
      routes: config.entities.map { WireRoute(servedEntityName: $0.name, trafficPercentage: $0.traffic) })
  }

  /// The config that a server reports or a client sends, with the server's defaults for missing members (serving-api.md
  /// 3): `CPU`, `Small`, all traffic to a single entity.
  package var endpointConfig: EndpointConfig {
    let shares = trafficShares
    let entities = entities
    return EndpointConfig(
      entities: entities.map { entity in
        let share = entities.count == 1 ? shares[entity.resolvedName] ?? 100 : shares[entity.resolvedName] ?? 0
        return entity.servedEntity(traffic: share)
      })
  }

  /// Members that cause a rollout but have no field in ``Endpoints/EndpointConfig``, as paths such as
  /// `served_entities[main].instance_profile_arn`. If there are any, writing the config back would change it.
  package var unrepresentedMembers: [String] {
    let capture = members["auto_capture_config"]
    // Once it is off, it stays off (serving-api.md E5): nothing is lost with it.
    let isCaptured = capture.map { !$0.isBlank && $0["enabled"] != .bool(false) } ?? false
    return (isCaptured ? ["auto_capture_config"] : [])
      + entities.flatMap { entity in
        entity.unrepresentedMembers.map { "served_entities[\(entity.resolvedName)].\($0)" }
      }
  }

  /// Percentages by entity name. A percentage outside of 0...100 is a server's error and is clamped.
  private var trafficShares: [String: Int] {
    let routes = trafficConfig?.routes ?? []
    return Dictionary(
      routes.compactMap { route in
        route.servedEntityName.map { ($0, Int(min(max(route.trafficPercentage ?? 0, 0), 100))) }
      }, uniquingKeysWith: { $1 })
  }
}

extension WireServedEntity {
  /// Creates the entity as sent.
  package init(_ entity: ServedEntity) {
    self.init()
    name = entity.name
    entityName = entity.entityName
    entityVersion = entity.entityVersion
    workloadType = entity.workloadType
    // A size in addition to concurrency would be refused (serving-api.md Q5, Q6).
    workloadSize = entity.workloadSize
    minProvisionedConcurrency = entity.concurrency.map { Int64($0.min) }
    maxProvisionedConcurrency = entity.concurrency.map { Int64($0.max) }
    scaleToZeroEnabled = entity.scaleToZero
    if !entity.environment.isEmpty { environmentVars = entity.environment }
  }

  /// Returns the entity. `traffic` is passed separately, because the API keeps the split elsewhere.
  package func servedEntity(traffic: Int) -> ServedEntity {
    ServedEntity(
      name: nonBlankName, entityName: resolvedEntityName, entityVersion: entityVersion ?? "",
      workloadType: workloadType.flatMap { $0.isEmpty ? nil : $0 } ?? "CPU", workloadSize: resolvedSize,
      concurrency: concurrency, scaleToZero: scaleToZeroEnabled ?? false, environment: environmentVars ?? [:],
      traffic: traffic)
  }

  /// The name of the entity in routes, logs and invocations: its own, else the server's default.
  package var resolvedName: String {
    nonBlankName ?? ServedEntity.defaultName(entityName: resolvedEntityName, entityVersion: entityVersion ?? "")
  }

  /// Members that cause a rollout but have no field in ``Endpoints/ServedEntity``, such as an external model. If one is
  /// set, writing the entity back would change it.
  package var unrepresentedMembers: [String] {
    let set = Self.unrepresentable.filter { key in
      guard let value = members[key], !value.isNull else { return false }
      return value != .object([:]) && value != .bool(false)
    }
    return alikeVariables.isEmpty ? set : set + ["environment_vars names that differ only in their Unicode form"]
  }

  private static let unrepresentable = [
    "burst_scaling_enabled", "external_model", "instance_profile_arn", "max_provisioned_throughput",
    "min_provisioned_throughput", "provisioned_model_units",
  ]

  private var nonBlankName: String? { name.flatMap { $0.isEmpty ? nil : $0 } }

  /// An external or foundation model has no entity name; its own name is used instead.
  private var resolvedEntityName: String {
    entityName ?? members["external_model"]?["name"]?.stringValue ?? members["foundation_model"]?["name"]?.stringValue
      ?? ""
  }

  /// For an entity sized by concurrency, the size is blank, or a `Small` that the server filled in (serving-api.md
  /// Q16).
  private var resolvedSize: String { workloadSize.flatMap { $0.isEmpty ? nil : $0 } ?? "Small" }

  /// A response may omit one of the two bounds: a missing lower one is zero, a missing upper one equals the lower.
  private var concurrency: ProvisionedConcurrency? {
    guard minProvisionedConcurrency != nil || maxProvisionedConcurrency != nil else { return nil }
    let least = Int(clamping: minProvisionedConcurrency ?? 0)
    return ProvisionedConcurrency(min: least, max: maxProvisionedConcurrency.map { Int(clamping: $0) } ?? least)
  }
}
