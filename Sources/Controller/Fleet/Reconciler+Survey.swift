internal import Endpoints
internal import History
package import Planning
internal import ServingAPI
internal import Storage

extension Reconciler {
  /// Observes every endpoint that the source names or the fleet owns: one list call, one read per endpoint, one read of
  /// the history.
  ///
  /// - Throws: `ServingError` if the list cannot be read: without it, the endpoints that the fleet owns are unknown.
  package func survey(_ fleet: DesiredFleet, concurrency: Int = 16) async throws -> [PlanItem] {
    let owned = try await provider.list().filter { $0.tags[FleetTags.fleet] == options.fleet && !$0.isReserved }
    let names = Set(fleet.endpoints.keys).union(owned.map(\.name)).sorted()
    // The list may be older than a recent create, so names that it lacks are read as well.
    let observations = try await mapConcurrently(names, limit: concurrency) { name in
      try await observe(name, desired: fleet.desired(name))
    }
    let seen = Dictionary(uniqueKeysWithValues: zip(names, observations))
    let values = seen.reduce(into: [String: [EndpointConfig]]()) { values, item in
      values[item.key] = Self.values(fleet.desired(item.key), item.value)
    }
    let memories = try await history.memories(host: provider.target.url, values: values)
    return zip(names, observations).map { name, observed in
      let desired = fleet.desired(name)
      switch memories[name] {
      case nil: return PlanItem(name: name, desired: desired, observed: observed, memory: Memory())
      case .success(let recorded):
        return PlanItem(name: name, desired: desired, observed: observed, memory: recorded.memory)
      // Without its memory, no decision is possible for it; the others continue.
      case .failure(let error):
        return PlanItem(
          name: name, desired: desired, observed: .unreadable(error.description), memory: Memory())
      }
    }
  }

  /// The plan for the whole fleet. Nothing is changed.
  package func plan(
    _ fleet: DesiredFleet, allowMassDelete: Bool = false, explain: Bool = false, concurrency: Int = 16
  ) async throws -> Plan {
    Plan.make(
      target: provider.target.url, items: try await asked(survey(fleet, concurrency: concurrency)), now: now(),
      options: PlanOptions(
        options, isSourceWhole: fleet.isComplete, allowMassDelete: allowMassDelete, explain: explain))
  }
}
