package import Planning

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
      if let refusal = await refusal(of: name, desired: fleet.desired(name), limits: limits, admit: admit) {
        report(.ended(refusal))
        return refusal
      }
      return await converge(name, desired: fleet.desired(name), limits: limits, sleep: sleep, report: report)
    }
    return results ?? []
  }

  /// Asks whether an endpoint may be reconciled.
  ///
  /// - Returns: its result if it must not be; nil: it may be.
  package func refusal(
    of name: String, desired: Desired, limits: ConvergenceLimits,
    admit: @Sendable (String) async -> ConvergenceResult.Ending?
  ) async -> ConvergenceResult? {
    let began = now()
    guard let ending = await admit(name) ?? (Task.isCancelled ? .interrupted : nil) else { return nil }
    return ConvergenceResult(
      name: name, ending: ending, calls: [], last: nil, evidence: nil, elapsed: now() - began,
      limit: limits.end(of: desired, from: began) - began)
  }
}
