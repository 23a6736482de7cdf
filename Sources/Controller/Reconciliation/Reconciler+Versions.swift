internal import Endpoints
package import Planning

// The registry's answers about versions before they are rolled out. A version that does not exist yet is treated like
// an alias without a version: the desired state is unknown (row 1). So nothing is sent or held, and each check queries
// the registry again.
extension Reconciler {
  /// Returns which of the versions that are not known to have been served cannot be served now, as text; nil: none, or
  /// that is unknown.
  func missing(in rollout: Rollout, _ observed: Observation, _ memory: Memory) async throws -> String? {
    guard gatesVersions else { return nil }
    var live: ObservedEndpoint?
    if case .present(let endpoint) = observed { live = endpoint }
    return try await missing(among: rollout.unproven(on: live, memory))
  }

  /// Returns which of these versions cannot be served, with the registry's reason; nil: none, or that is unknown.
  func missing(among entities: [ServedEntity]) async throws -> String? {
    for entity in entities {
      do {
        try await servable(entity)
      } catch let error as CancellationError {
        throw error
      } catch {
        if let reason = UnservableVersion.reason(error) { return reason }
      }
    }
    return nil
  }

  /// Adds the versions that the registry lacks to the items, for a plan that is not executed.
  package func asked(_ items: [PlanItem], concurrency: Int = 16) async throws -> [PlanItem] {
    try await mapConcurrently(items, limit: concurrency) { item in
      let decision = item.decided(now(), options).decision
      guard decision.sendsConfig, decision.action != .hold, decision.action != .rollback,
        case .present(_, let rollout) = item.desired
      else { return item }
      return PlanItem(
        name: item.name, desired: item.desired, observed: item.observed, memory: item.memory,
        missing: try await missing(in: rollout, item.observed, item.memory))
    }
  }
}
