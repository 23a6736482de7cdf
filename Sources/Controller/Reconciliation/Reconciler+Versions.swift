internal import Endpoints
package import Planning

// What the registry says of versions before they are rolled out. A version that is not there yet is waited for, as an alias
// without a version is: what is desired is not known (row 1). So nothing is sent, nothing held, and each look asks again.
extension Reconciler {
  /// Which of the versions that nobody is known to have served cannot be served now, in words; nil: none, or nobody can tell.
  func missing(in rollout: Rollout, _ observed: Observation, _ memory: Memory) async throws -> String? {
    guard gatesVersions else { return nil }
    var live: ObservedEndpoint?
    if case .present(let endpoint) = observed { live = endpoint }
    return try await missing(among: rollout.unproven(on: live, memory))
  }

  /// Which of these versions cannot be served, in the registry's words; nil: none, or nobody can tell.
  func missing(among entities: [ServedEntity]) async throws -> String? {
    for entity in entities {
      do {
        try await servable(entity)
      } catch let error as CancellationError {
        throw error
      } catch {
        if let words = UnservableVersion.words(error) { return words }
      }
    }
    return nil
  }

  /// The items with what the registry does not have of what would be rolled out, for a plan that nobody walks.
  package func asked(_ items: [PlanItem], concurrency: Int = 16) async throws -> [PlanItem] {
    try await mapConcurrently(items, limit: concurrency) { item in
      let decision = decide(
        desired: item.desired, observed: item.observed, memory: item.memory, now: now(), options: options)
      guard decision.sendsConfig, decision.action != .hold, decision.action != .rollback,
        case .present(_, let rollout) = item.desired
      else { return item }
      return PlanItem(
        name: item.name, desired: item.desired, observed: item.observed, memory: item.memory,
        missing: try await missing(in: rollout, item.observed, item.memory))
    }
  }
}
