internal import Planning

extension Reconciler {
  /// Reconciles many endpoints concurrently, until each is done or waits for a user. A failure of one does not stop the
  /// others. When the caller is canceled, each result states what is left in flight.
  ///
  /// - Parameter admit: called before an endpoint is reconciled; a returned ending replaces the reconciliation.
  /// - Returns: the results in the order of `names`.
  package func converge(
    _ names: [String], of fleet: DesiredFleet, limits: ConvergenceLimits,
    admit: @escaping @Sendable (String) async -> ConvergenceResult.Ending? = { _ in nil },
    sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) },
    report: @escaping @Sendable (ConvergenceEvent) -> Void
  ) async -> [ConvergenceResult] {
    // Reconciling throws nothing, so neither does the map.
    let results = try? await mapConcurrently(names, limit: limits.concurrency) { name in
      let began = now()
      if let ending = await admit(name) {
        let result = ConvergenceResult(
          name: name, ending: ending, calls: [], last: nil, evidence: nil, elapsed: now() - began,
          limit: limits.end(of: fleet.desired(name), from: began) - began)
        report(.ended(result))
        return result
      }
      return await converge(name, desired: fleet.desired(name), limits: limits, sleep: sleep, report: report)
    }
    return results ?? []
  }
}
