internal import Endpoints
internal import History
internal import Planning
internal import ServingAPI

extension Reconciler {
  /// The last desired state of one endpoint, for commands that name it without its manifest (`rollback`, `retry`): the
  /// held config if there is one, otherwise the last rollout, with the steps and checks that its manifest had then. Its
  /// tags, protection and fleet stay unchanged.
  ///
  /// - Returns: unknown if this machine's history does not contain that config.
  package func standing(_ name: String) async throws -> DesiredFleet {
    guard case .present(let live) = try await provider.observe(name) else { throw noSuchEndpoint(name) }
    let recorded = try await history.memory(of: key(name), values: Self.values(.none, .present(live)))
    return DesiredFleet(
      endpoints: [name: recorded.memory.standing(of: live, name: name)], isComplete: false)
  }
}

extension Reconciler {
  /// Whether this machine knows the rollout policy of the endpoint's manifest.
  package func knowsPolicy(of name: String) async throws -> Bool {
    try await history.memory(of: key(name)).memory.policy != nil
  }
}

extension Memory {
  /// The last desired state of an endpoint that is named without its manifest.
  func standing(of live: ObservedEndpoint, name: String) -> Desired {
    let held = HeldTag(tags: live.tags).held ?? heldWhileAbsent
    guard let rollout = held.map({ rollout(of: $0.digest) }) ?? present(live) else {
      return .unknown(
        "its config is not in this machine's history; run \"setpoint apply -f\" with its manifest to continue")
    }
    let owned = OwnedKeys(tags: live.tags)
    let tags = live.tags.filter { !FleetTags.isOwn($0.key) && owned.contains($0.key) }
    return .present(
      DesiredEndpoint(
        name: name, config: rollout.config, sideSettings: SideSettings(tags: tags), rollout: policy ?? RolloutPolicy(),
        deletionPolicy: live.isRetained ? .retain : .delete),
      rollout)
  }

  /// The live config, or the last one that was sent if that is not live yet.
  private func present(_ live: ObservedEndpoint) -> Rollout? {
    if let attempt, let rollout = rollout(of: attempt.digest) { return rollout }
    if let newest = revisions.last, let config = newest.config { return Rollout(config, digest: newest.digest) }
    return live.active.map { Rollout($0.config) }
  }
}
