internal import CanonicalJSON
internal import Endpoints
internal import ServingAPI

/// What the workspace checks before it accepts a create or a config (serving-api.md 2.3, step 1).
extension WorkspaceState {
  func refusal(ofName name: String) -> WorkspaceResponse? {
    if name.isEmpty { return .invalid("An endpoint name is required.") }
    guard name.count <= 63, name.allSatisfy(\.isNameCharacter) else {
      return .invalid("Endpoint name '\(name)' may hold letters, digits, '-' and '_', 63 at most.")
    }
    if name.hasPrefix("databricks-") {
      return .invalid("Endpoint names that begin with 'databricks-' are reserved.")
    }
    if endpoints[name] != nil {
      return .error(409, "RESOURCE_ALREADY_EXISTS", "Endpoint with name '\(name)' already exists.")
    }
    return nil
  }

  /// Nil if the config is accepted.
  func refusal(of config: WireConfig?, for name: String) -> WorkspaceResponse? {
    guard let config else { return nil }
    if config.members["served_entities"] != nil, config.members["served_models"] != nil {
      return .invalid("Only one of served_entities and served_models may be given.")
    }
    let entities = config.entities
    if entities.count > 15 { return .invalid("served_entities cannot contain more than 15 elements.") }
    for entity in entities {
      if let refusal = entity.isExternal ? refusal(ofExternal: entity) : refusal(of: entity) { return refusal }
    }
    if Set(entities.map(\.behaviorKey)).count < entities.filter({ !$0.isExternal }).count {
      return .invalid("Cannot create 2+ served entities of the same model and version.")
    }
    if Set(entities.map(\.resolvedName)).count < entities.count {
      return .invalid("Cannot create 2+ served entities with the same name.")
    }
    return refusal(ofTraffic: config) ?? refusal(ofChange: config, for: name)
  }

  private func refusal(of entity: WireServedEntity) -> WorkspaceResponse? {
    let key = entity.behaviorKey
    if case .refused(let status, let code, let message) = versionBehaviors[key]?.first {
      return .error(status, code, message)
    }
    guard let model = entity.entityName, let version = entity.entityVersion else {
      return .invalid("A served entity needs entity_name and entity_version.")
    }
    // Unity Catalog's numbers are not versions here (serving-api.md Q4).
    guard (entity.members["entity_version"] ?? entity.members["model_version"])?.stringValue != nil else {
      return .error(400, "MALFORMED_REQUEST", "entity_version: a string was expected, got \(version).")
    }
    guard entity.scaleToZeroEnabled != nil else { return .invalid("scaleToZeroEnabled is undefined") }
    guard entity.resolvedName.allSatisfy(\.isNameCharacter), entity.resolvedName.count <= 63 else {
      return .invalid("Served entity name '\(entity.resolvedName)' may hold letters, digits, '-' and '_'.")
    }
    if behaviors.gatedModels.contains(model) {
      return .error(400, "BAD_REQUEST", "Model entrypoint is not supported for your workspace.")
    }
    return refusal(ofSize: entity) ?? refusal(ofVersion: version, of: model)
  }

  private func refusal(ofSize entity: WireServedEntity) -> WorkspaceResponse? {
    let type = entity.workloadType ?? "CPU"
    let bounds = [entity.minProvisionedConcurrency, entity.maxProvisionedConcurrency]
    let concurrency = bounds.compactMap(\.self)
    if !concurrency.isEmpty {
      if entity.workloadSize?.isEmpty == false, !behaviors.allowsSizeWithConcurrency {
        return .invalid("workload_size cannot be given together with min/max_provisioned_concurrency.")
      }
      guard concurrency.count == 2, concurrency[0] <= concurrency[1], concurrency.allSatisfy({ $0 >= 0 && $0 % 4 == 0 })
      else { return .invalid("Provisioned concurrency: min and max are needed, in multiples of 4, min <= max.") }
    }
    if let field = Self.throughputFields.first(where: { entity.members[$0].map { !$0.isNull } == true }) {
      return .invalid("\(field) is only for provisioned throughput endpoints.")
    }
    if behaviors.unavailableWorkloadTypes.contains(type) {
      return .invalid(
        "Workload type \(type) with size \(entity.workloadSize ?? "Small") is not supported. Supported types: []")
    }
    if behaviors.neverAtZero.contains(type), entity.scaleToZeroEnabled == true {
      return .invalid("Scale to zero is not supported for workload type \(type).")
    }
    return nil
  }

  private static let throughputFields = [
    "min_provisioned_throughput", "max_provisioned_throughput", "provisioned_model_units",
  ]

  /// Models that were never set are accepted as they are.
  private func refusal(ofVersion version: String, of model: String) -> WorkspaceResponse? {
    guard let registered = models[model] else { return nil }
    guard let number = Int64(version), let status = registered.versions[number] else {
      return .error(404, "RESOURCE_DOES_NOT_EXIST", "Model version '\(model)' \(version) does not exist.")
    }
    guard status == .ready, registered.registering[number, default: 0] == 0 else {
      return .error(400, "INVALID_STATE", "Model version '\(model)' \(version) is not ready: \(status.word).")
    }
    return nil
  }

  /// Fields that apply only to custom models are refused for external ones (serving-api.md Q7).
  private func refusal(ofExternal entity: WireServedEntity) -> WorkspaceResponse? {
    let foreign = ["entity_name", "entity_version", "workload_type", "workload_size"] + Self.throughputFields
    guard let field = foreign.first(where: { entity.members[$0].map { !$0.isNull } == true }) else { return nil }
    return .invalid("\(field) cannot be set for an external model.")
  }

  private func refusal(ofTraffic config: WireConfig) -> WorkspaceResponse? {
    let (routes, names) = (config.trafficConfig?.routes ?? [], Set(config.entities.map(\.resolvedName)))
    if routes.isEmpty {
      return names.count < 2 ? nil : .invalid("traffic_config is required for two and more served entities.")
    }
    if let stranger = routes.map({ $0.servedEntityName ?? "" }).first(where: { !names.contains($0) }) {
      return .invalid("traffic_config names '\(stranger)', which is no served entity.")
    }
    let shares = routes.map { $0.trafficPercentage ?? 0 }
    guard shares.allSatisfy({ (0...100).contains($0) }), shares.reduce(0, +) == 100 else {
      return .invalid("The traffic percentages must add up to 100.")
    }
    return nil
  }

  /// Changes that an existing endpoint cannot take (serving-api.md 3: recreate).
  private func refusal(ofChange config: WireConfig, for name: String) -> WorkspaceResponse? {
    guard let live = endpoints[name]?.active?.config else { return nil }
    if live.entities.contains(where: \.isExternal) != config.entities.contains(where: \.isExternal) {
      return .invalid("External models cannot be added to or removed from an endpoint.")
    }
    guard let before = live.members["auto_capture_config"], let after = config.members["auto_capture_config"] else {
      return nil
    }
    if before["enabled"] == false, after["enabled"] == true {
      return .invalid("auto_capture_config cannot be enabled again.")
    }
    let isMoved = ["catalog_name", "schema_name", "table_name_prefix"].contains {
      after[$0] != nil && after[$0] != before[$0]
    }
    return isMoved ? .invalid("auto_capture_config: the table cannot be changed.") : nil
  }
}

extension Character {
  /// Of endpoints and served entities (serving-api.md Q12, Q13).
  var isNameCharacter: Bool { isASCII && (isLetter || isNumber || self == "-" || self == "_") }
}

extension WireServedEntity {
  var isExternal: Bool { members["external_model"].map { !$0.isNull } == true }
}

extension WireConfig {
  /// Whether it serves a custom model: only then does it have telemetry (serving-api.md E10).
  var hasOwnModels: Bool { entities.contains { !$0.isExternal } }
}
