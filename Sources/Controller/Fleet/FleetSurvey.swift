internal import Endpoints
internal import History
package import Planning
internal import ServingAPI

extension Reconciler {
  /// Looks at every endpoint that the source names or the fleet owns: one list, one read of each, one reading of the history.
  ///
  /// - Throws: `ServingError` where the list cannot be had: without it nobody can tell what the fleet owns.
  package func survey(_ fleet: DesiredFleet, concurrency: Int = 16) async throws -> [PlanItem] {
    let owned = try await provider.list().filter { $0.tags[FleetTags.fleet] == options.fleet && !$0.isReserved }
    let names = Set(fleet.endpoints.keys).union(owned.map(\.name)).sorted()
    // A list may be older than a create of a moment ago, so even what it does not name is asked for.
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
      // Without what is remembered nobody can tell what to do with it; the others go on.
      case .failure(let error):
        return PlanItem(
          name: name, desired: desired, observed: .unreadable(error.description), memory: Memory())
      }
    }
  }

  /// What is to be done to the whole fleet now, and why. Nothing is changed.
  package func plan(
    _ fleet: DesiredFleet, allowMassDelete: Bool = false, explain: Bool = false, concurrency: Int = 16
  ) async throws -> Plan {
    Plan.make(
      target: provider.target.url, items: try await asked(survey(fleet, concurrency: concurrency)), now: now(),
      options: PlanOptions(
        options, isSourceWhole: fleet.isComplete, allowMassDelete: allowMassDelete, explain: explain))
  }
}
