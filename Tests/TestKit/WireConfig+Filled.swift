internal import CanonicalJSON
internal import ServingAPI

extension WireConfig {
  /// As the workspace stores it: with everything that it fills in and without what it never shows (serving-api.md 3).
  func filled(_ behaviors: WorkspaceBehaviors, creator: String, at clock: Int64) -> WireConfig {
    var filled = self
    filled.servedModels = nil
    filled.servedEntities = entities.map { $0.filled(behaviors, creator: creator, at: clock) }
    let routes = trafficConfig?.routes ?? []
    var shares = routes.map { ($0.servedEntityName ?? "", Int($0.trafficPercentage ?? 0)) }
    if routes.isEmpty, behaviors.fillsDefaults { shares = filled.entities.map { ($0.resolvedName, 100) } }
    filled.trafficConfig =
      shares.isEmpty
      ? nil
      : WireTrafficConfig(
        routes: shares.map { share in
          behaviors.mirrors
            ? .mirrored(servedEntityName: share.0, trafficPercentage: share.1)
            : WireRoute(servedEntityName: share.0, trafficPercentage: share.1)
        })
    return filled
  }
}

extension WireServedEntity {
  fileprivate func filled(_ behaviors: WorkspaceBehaviors, creator: String, at clock: Int64) -> WireServedEntity {
    var entity = self
    entity.name = resolvedName
    entity.creator = creator
    entity.creationTimestamp = clock
    if !isExternal {
      entity.fillOwnModel(behaviors)
    }
    if behaviors.dropsWriteOnlyFields {
      entity.members["burst_scaling_enabled"] = nil
      entity.members["external_model"] = entity.members["external_model"]?.withoutPlaintext
    }
    return entity
  }

  private mutating func fillOwnModel(_ behaviors: WorkspaceBehaviors) {
    // Sent under the old names and shown under the new ones.
    let (model, version) = (entityName, entityVersion)
    entityName = model
    entityVersion = version
    members["model_name"] = nil
    members["model_version"] = nil
    if behaviors.fillsDefaults { workloadType = workloadType ?? "CPU" }
    if minProvisionedConcurrency != nil || maxProvisionedConcurrency != nil {
      workloadSize = behaviors.namesSizeBesideConcurrency ? "Small" : ""
    } else if behaviors.fillsDefaults {
      workloadSize = workloadSize ?? "Small"
    }
    // Pay-per-token models never scale to zero, whatever was requested (serving-api.md Q23).
    if entityName?.hasPrefix("system.ai.") == true { scaleToZeroEnabled = false }
  }
}

extension JSONValue {
  /// Without the members whose names end in `_plaintext`, at any depth.
  var withoutPlaintext: JSONValue {
    switch self {
    case .object(let members, _):
      .object(members.filter { !$0.key.hasSuffix("_plaintext") }.mapValues(\.withoutPlaintext))
    case .array(let items): .array(items.map(\.withoutPlaintext))
    default: self
    }
  }
}
