extension Reconciler {
  /// Walks many endpoints, some at once, until each is where it is to be or has to wait for a person. One that fails keeps no
  /// other from going on. When the caller is cancelled each walk says what it left in flight.
  ///
  /// - Returns: the results in the order of `names`.
  package func walk(
    _ names: [String], of fleet: DesiredFleet, limits: WalkLimits,
    sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) },
    report: @escaping @Sendable (WalkEvent) -> Void
  ) async -> [WalkResult] {
    // A walk throws nothing, so neither does the map.
    let results = try? await mapConcurrently(names, limit: limits.concurrency) { name in
      await walk(name, desired: fleet.desired(name), limits: limits, sleep: sleep, report: report)
    }
    return results ?? []
  }
}
