internal import Planning

extension Reconciler {
  /// Walks many endpoints, some at once, until each is where it is to be or has to wait for a person. One that fails keeps no
  /// other from going on. When the caller is cancelled each walk says what it left in flight.
  ///
  /// - Parameter admit: asked before an endpoint is walked; what it returns is how that walk ends before it began.
  /// - Returns: the results in the order of `names`.
  package func converge(
    _ names: [String], of fleet: DesiredFleet, limits: ConvergenceLimits,
    admit: @escaping @Sendable (String) async -> ConvergenceResult.Ending? = { _ in nil },
    sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) },
    report: @escaping @Sendable (ConvergenceEvent) -> Void
  ) async -> [ConvergenceResult] {
    // A walk throws nothing, so neither does the map.
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
