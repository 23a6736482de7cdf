internal import CanonicalJSON
package import Endpoints

extension WireConfig {
  /// The request body for a config, and `config` of a create: every name, `scale_to_zero_enabled` and the traffic
  /// spelled out, since whatever a full replacement leaves out is re-defaulted (serving-api.md E5, Q1).
  package init(_ config: EndpointConfig) {
    self.init()
    servedEntities = config.entities.map(WireServedEntity.init)
    trafficConfig = WireTrafficConfig(
      routes: config.entities.map { WireRoute(servedEntityName: $0.name, trafficPercentage: $0.traffic) })
  }

  /// The meaning of a config as a server reports it or a client sends it, with what the server fills in where a member is
  /// missing (serving-api.md 3): `CPU`, `Small`, all traffic to a single entity.
  package var endpointConfig: EndpointConfig {
    let shares = trafficShares
    let entities = entities
    return EndpointConfig(
      entities: entities.map { entity in
        let share = entities.count == 1 ? shares[entity.resolvedName] ?? 100 : shares[entity.resolvedName] ?? 0
        return entity.servedEntity(traffic: share)
      })
  }

  /// What makes a rollout and has no place in ``Endpoints/EndpointConfig``, as paths such as
  /// `served_entities[main].instance_profile_arn`. While there is any, writing the config back would change it.
  package var unrepresentedMembers: [String] {
    let capture = members["auto_capture_config"]
    // Once it is off it is off for good (serving-api.md E5): nothing is lost with it.
    let isCaptured = capture.map { !$0.isBlank && $0["enabled"] != .bool(false) } ?? false
    return (isCaptured ? ["auto_capture_config"] : [])
      + entities.flatMap { entity in
        entity.unrepresentedMembers.map { "served_entities[\(entity.resolvedName)].\($0)" }
      }
  }

  /// Per cent by entity name. A percentage outside of 0...100 is a server's mistake and is cut to it.
  private var trafficShares: [String: Int] {
    let routes = trafficConfig?.routes ?? []
    return Dictionary(
      routes.compactMap { route in
        route.servedEntityName.map { ($0, Int(min(max(route.trafficPercentage ?? 0, 0), 100))) }
      }, uniquingKeysWith: { $1 })
  }
}

extension WireServedEntity {
  /// The entity as it is sent.
  package init(_ entity: ServedEntity) {
    self.init()
    name = entity.name
    entityName = entity.entityName
    entityVersion = entity.entityVersion
    workloadType = entity.workloadType
    // A size beside concurrency would be refused (serving-api.md Q5, Q6).
    workloadSize = entity.workloadSize
    minProvisionedConcurrency = entity.concurrency.map { Int64($0.min) }
    maxProvisionedConcurrency = entity.concurrency.map { Int64($0.max) }
    scaleToZeroEnabled = entity.scaleToZero
    if !entity.environment.isEmpty { environmentVars = entity.environment }
  }

  /// The entity's meaning. `traffic` is told beside it, since the API keeps the split elsewhere.
  package func servedEntity(traffic: Int) -> ServedEntity {
    ServedEntity(
      name: nonBlankName, entityName: resolvedEntityName, entityVersion: entityVersion ?? "",
      workloadType: workloadType.flatMap { $0.isEmpty ? nil : $0 } ?? "CPU", workloadSize: resolvedSize,
      concurrency: concurrency, scaleToZero: scaleToZeroEnabled ?? false, environment: environmentVars ?? [:],
      traffic: traffic)
  }

  /// The name under which routes, logs and invocations know the entity: its own, else the server's default.
  package var resolvedName: String {
    nonBlankName ?? ServedEntity.defaultName(entityName: resolvedEntityName, entityVersion: entityVersion ?? "")
  }

  /// Members that make a rollout and that ``Endpoints/ServedEntity`` has no place for, such as an external model. While one is set, writing the entity back would change it.
  package var unrepresentedMembers: [String] {
    Self.unrepresentable.filter { key in
      guard let value = members[key], !value.isNull else { return false }
      return value != .object([:]) && value != .bool(false)
    }
  }

  private static let unrepresentable = [
    "burst_scaling_enabled", "external_model", "instance_profile_arn", "max_provisioned_throughput",
    "min_provisioned_throughput", "provisioned_model_units",
  ]

  private var nonBlankName: String? { name.flatMap { $0.isEmpty ? nil : $0 } }

  /// An external or foundation model has no entity name of its own kind; its own name stands in.
  private var resolvedEntityName: String {
    entityName ?? members["external_model"]?["name"]?.stringValue ?? members["foundation_model"]?["name"]?.stringValue
      ?? ""
  }

  /// Where concurrency rules, the size is blank, or a `Small` that the server filled in (serving-api.md Q16).
  private var resolvedSize: String { workloadSize.flatMap { $0.isEmpty ? nil : $0 } ?? "Small" }

  /// Of two bounds one may be missing in an answer: the lower one is then zero, the upper one the lower.
  private var concurrency: ProvisionedConcurrency? {
    guard minProvisionedConcurrency != nil || maxProvisionedConcurrency != nil else { return nil }
    let least = Int(clamping: minProvisionedConcurrency ?? 0)
    return ProvisionedConcurrency(min: least, max: maxProvisionedConcurrency.map { Int(clamping: $0) } ?? least)
  }
}
