package import Endpoints
package import History
package import Planning
package import Storage

/// A plan as `diff --out` writes it and `apply --plan` executes it: the desired state of each endpoint, and the live
/// state when the plan was made. Plain environment values are stored only as codes (``ConfigSnapshot``).
package struct SavedPlan: Hashable, Sendable {
  package let target: String
  package let fleet: String
  package let adopt: Bool
  package let prune: Bool
  package let allowRecreate: Bool
  /// The endpoints that the plan changes, by name.
  package let entries: [Entry]

  /// One endpoint's part.
  package struct Entry: Hashable, Sendable {
    package let name: String
    package let action: PlanAction
    /// The endpoint's live state when the plan was made.
    package let base: Attempt.Base
    /// The desired state; nil: the endpoint is deleted.
    package let savedEndpoint: SavedEndpoint?
  }

  /// - Parameter items: the input of the plan.
  package init(_ plan: Plan, of items: [PlanItem], options: DecisionOptions, key: RedactionKey) {
    target = plan.target
    fleet = plan.fleet
    adopt = options.adopt
    prune = options.prune
    allowRecreate = options.allowRecreate
    let desired = Dictionary(items.map { ($0.name, $0.desired) }, uniquingKeysWith: { one, _ in one })
    entries = plan.changes.compactMap { change in
      guard change.action != .hold, change.action != .none, let base = change.base else { return nil }
      var savedEndpoint: SavedEndpoint?
      if case .present(let endpoint, _) = desired[change.endpoint] { savedEndpoint = SavedEndpoint(endpoint, key: key) }
      return Entry(name: change.endpoint, action: change.action, base: base, savedEndpoint: savedEndpoint)
    }
  }

  /// The plan's desired state, with environment values restored from configs that contain them.
  ///
  /// - Parameter values: for each endpoint, the configs to search: the manifest's and the live one.
  /// - Throws: `StorageError` `cannotRestore`, which names the variables that are in none of them.
  package func desiredFleet(values: [String: [EndpointConfig]], key: RedactionKey) throws(StorageError) -> DesiredFleet
  {
    var endpoints: [String: Desired] = [:]
    for entry in entries {
      endpoints[entry.name] = Desired.none
      if let savedEndpoint = entry.savedEndpoint {
        endpoints[entry.name] = .present(try savedEndpoint.restored(from: values[entry.name] ?? [], key: key))
      }
    }
    return DesiredFleet(endpoints: endpoints, isComplete: false)
  }

  /// Changes to live state since the plan was made, one line each; empty: the plan can be applied.
  package func movements(now items: [PlanItem], replanned: Plan) -> [String] {
    let observed = Dictionary(items.map { ($0.name, $0.observed) }, uniquingKeysWith: { one, _ in one })
    return entries.compactMap { entry in
      switch (observed[entry.name] ?? .absent, entry.base) {
      case (.unreadable(let why), _): return "\(entry.name) cannot be read: \(why)"
      case (.absent, .absent): break
      case (.absent, .present): return "\(entry.name) no longer exists"
      case (.present, .absent): return "\(entry.name) now exists"
      case (.present(let live), .present):
        if Attempt.Base(live) != entry.base { return "\(entry.name) has changed since" }
      }
      let action = replanned.changes.first { $0.endpoint == entry.name }?.action ?? .none
      return action == entry.action
        ? nil : "\(entry.name): the action is now \(action.rawValue), but the plan says \(entry.action.rawValue)"
    }
  }
}

/// A desired endpoint as it may be written to disk.
package struct SavedEndpoint: Hashable, Sendable {
  let endpoint: DesiredEndpoint
  let config: ConfigSnapshot

  init(_ endpoint: DesiredEndpoint, key: RedactionKey) {
    config = ConfigSnapshot(of: endpoint.config, key: key)
    self.endpoint = endpoint.with(config: config.outline)
  }

  init(endpoint: DesiredEndpoint, config: ConfigSnapshot) {
    self.endpoint = endpoint
    self.config = config
  }

  func restored(from values: [EndpointConfig], key: RedactionKey) throws(StorageError) -> DesiredEndpoint {
    endpoint.with(config: try config.restored(from: values, key: key))
  }
}

extension DesiredEndpoint {
  fileprivate func with(config: EndpointConfig) -> DesiredEndpoint {
    DesiredEndpoint(
      name: name, config: config, sideSettings: sideSettings, rollout: rollout, deletionPolicy: deletionPolicy,
      suspend: suspend, resolvedAliases: resolvedAliases)
  }
}
