package import Endpoints

/// The differences between a live config and a target config, in the manifest's own terms. Entities are paired by
/// meaning, not by position in a list.
package enum FieldDiff {
  /// Returns the differences; empty exactly when `live` meets `target`.
  ///
  /// - Parameters:
  ///   - live: the live config; nil if there is none and everything is new.
  ///   - cloud: the workspace's cloud, which determines the names of accelerators; nil for a plane.
  package static func changes(
    from live: EndpointConfig?, to target: EndpointConfig, on cloud: Cloud? = nil
  ) -> [FieldChange] {
    let old = live?.entities ?? []
    if target.entities.count == 1, old.count <= 1, let entity = target.entities.first {
      // The five flat fields describe one entity completely, unless it was given a name.
      let path = entity.givenName == nil ? "spec" : path(of: entity)
      return EntityDiff(path: path, old: old.first, new: entity, cloud: cloud).changes
        + PlaneDiff.changes([(entity, old.first)])
    }
    let pairs = pairs(old: old, new: target.entities)
    let kept = pairs.flatMap { new, old -> [FieldChange] in
      guard let old else {
        let whole = FieldChange(path: path(of: new), from: nil, to: summary(of: new, on: cloud), effect: .rolling)
        return [whole] + EntityDiff(path: path(of: new), old: nil, new: new, cloud: cloud).environment
      }
      return EntityDiff(path: path(of: new), old: old, new: new, cloud: cloud).changes
    }
    let gone = old.filter { entity in !pairs.contains { $0.old == entity } }.map {
      FieldChange(path: path(of: $0), from: summary(of: $0, on: cloud), to: nil, effect: .inPlace)
    }
    // A version that joins others only takes over what the endpoint has.
    let continued = pairs.filter { $0.old != nil }
    let plane = PlaneDiff.changes(continued.isEmpty ? pairs.map { (new: $0.new, old: old.first) } : continued)
    return kept + plane + gone
  }

  /// Returns the changes of tags: the manifest's, and those of Setpoint's own that mean something to the user.
  package static func changes(of patch: TagPatch, on live: [String: String]) -> [FieldChange] {
    Set(patch.add.keys).union(patch.remove).sorted().compactMap { key -> FieldChange? in
      let from = live[key]
      let to = patch.add[key]
      switch key {
      case FleetTags.fleet: return FieldChange(path: "fleet", from: from, to: to, effect: .inPlace)
      case FleetTags.retain:
        return FieldChange(
          path: "spec.deletionPolicy", from: from == nil ? "Delete" : "Retain", to: to == nil ? "Delete" : "Retain",
          effect: .inPlace)
      case _ where OwnedKeys.isMark(key) || key == FleetTags.manages: return nil
      default: return FieldChange(path: "spec.tags.\(key)", from: from, to: to, effect: .inPlace)
      }
    }
  }

  /// Returns the tags of a new endpoint, and whether it is protected. The fleet tag is implied and omitted.
  package static func changes(ofNew endpoint: DesiredEndpoint) -> [FieldChange] {
    let tags = endpoint.sideSettings.tags.sorted { $0.key < $1.key }.map { key, value in
      FieldChange(path: "spec.tags.\(key)", from: nil, to: value, effect: .inPlace)
    }
    guard endpoint.deletionPolicy == .retain else { return tags }
    return tags + [FieldChange(path: "spec.deletionPolicy", from: nil, to: "Retain", effect: .inPlace)]
  }

  /// Pairs each new entity with the old one that it continues: by given name, else by model and version, else by model.
  private static func pairs(old: [ServedEntity], new: [ServedEntity]) -> [(new: ServedEntity, old: ServedEntity?)] {
    var free = old
    var partner: [ServedEntity: ServedEntity] = [:]
    func pair(where matches: (ServedEntity, ServedEntity) -> Bool) {
      for entity in new where partner[entity] == nil {
        guard let index = free.firstIndex(where: { matches(entity, $0) }) else { continue }
        partner[entity] = free.remove(at: index)
      }
    }
    pair { $0.givenName != nil && $0.givenName == $1.name }
    pair { $0.entityName == $1.entityName && $0.entityVersion == $1.entityVersion }
    pair { $0.givenName == nil && $0.entityName == $1.entityName }
    return new.map { ($0, partner[$0]) }
  }

  private static func text(_ concurrency: ProvisionedConcurrency) -> String {
    "\(concurrency.min) to \(concurrency.max) concurrent requests"
  }

  private static func path(of entity: ServedEntity) -> String { "spec.servedEntities[name=\(entity.name)]" }

  private static func summary(of entity: ServedEntity, on cloud: Cloud?) -> String {
    let size = (entity.workloadSize ?? entity.concurrency.map(Self.text)).map { ", \($0)" } ?? ""
    return
      "\(entity.entityName) version \(entity.entityVersion) on \(Workload.shown(entity.workloadType, on: cloud))\(size), "
      + "\(entity.traffic)% of the traffic\(entity.scaleToZero ? ", scales to zero" : "")"
  }
}

/// One entity before and after a change.
private struct EntityDiff {
  let path: String
  let old: ServedEntity?
  let new: ServedEntity
  let cloud: Cloud?

  var changes: [FieldChange] {
    var changes = [
      change("model", old?.entityName, new.entityName),
      change("entityVersion", old?.entityVersion, new.entityVersion),
      change(
        "workloadType", old.map { Workload.shown($0.workloadType, on: cloud) },
        Workload.shown(new.workloadType, on: cloud)),
      change("size", old?.workloadSize, new.workloadSize),
      change("concurrency.min", (old?.concurrency?.min).map { "\($0)" }, (new.concurrency?.min).map { "\($0)" }),
      change("concurrency.max", (old?.concurrency?.max).map { "\($0)" }, (new.concurrency?.max).map { "\($0)" }),
      change("scaleToZero", old.map { "\($0.scaleToZero)" }, "\(new.scaleToZero)"),
    ].compactMap(\.self)
    if let chosen = new.givenName, let change = change("name", old?.name, chosen) { changes.append(change) }
    if old != nil || new.traffic != 100,
      let change = change("traffic", old.map { "\($0.traffic)" }, "\(new.traffic)", effect: .inPlace)
    {
      changes.append(change)
    }
    return changes + environment
  }

  /// The changes of environment variables, including the engine's flags and adapters, without a plane's settings
  /// (``PlaneDiff``).
  var environment: [FieldChange] {
    let before = old?.environment ?? [:]
    let adapters = EngineAdapters.variable
    let variables = Set(before.keys).union(new.environment.keys).subtracting([adapters, PlaneArguments.variable])
    let changes = variables.sorted().compactMap { variable -> FieldChange? in
      let (from, to) = (before[variable], new.environment[variable])
      if from == to { return nil }
      let field = variable == EngineArguments.variable ? "engine" : "environment.\(variable)"
      // A value that becomes a secret, or was one, is a secret whatever it looks like.
      let isSecret = [from, to].compactMap(\.self).contains { SecretReference($0) != nil }
      return FieldChange(
        path: "\(path).\(field)", from: from, to: to, effect: .rolling,
        hiding: {
          isSecret ? SecretReference($0) == nil : PublicValue.mayBeCredential(variable: variable, value: $0)
        })
    }
    return changes + AdapterDiff.changes(from: before[adapters], to: new.environment[adapters], path: path)
  }

  private func change(
    _ field: String, _ from: String?, _ to: String?, effect: FieldChange.Effect = .rolling
  ) -> FieldChange? {
    from == to ? nil : FieldChange(path: "\(path).\(field)", from: from, to: to, effect: effect)
  }
}
