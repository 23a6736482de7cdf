import Controller

/// How long it takes to create 1,000 endpoints, compared with their calls alone.
enum CreationBench {
  private static let endpoints = 1000
  private static let concurrency = 16.0
  private static let latency = Duration.milliseconds(50)
  private static let bound = 1.25

  /// - Returns: whether the bound is met.
  static func run() async throws -> Bool {
    try await withTemporaryDirectory { directory in
      let provider = SimulatedProvider(latency: latency)
      let benched = try BenchedController(provider, GeneratedSource(of: endpoints), directory: directory)
      let took = try await benched.run {
        let start = ContinuousClock.now
        try await benched.settled(looks: endpoints)
        return start.duration(to: .now)
      }
      try await benched.check(inSync: endpoints)
      return report(took, calls: provider.calls)
    }
  }

  private static func report(_ took: Duration, calls: Int) -> Bool {
    let ideal = latency * Double(calls) / concurrency
    let ratio = took / ideal
    print(
      "creation: \(endpoints) endpoints converge in \(fixed(took / .seconds(1), 1)) s, the \(calls) calls alone would "
        + "take \(fixed(ideal / .seconds(1), 1)) s at 50 ms, sixteen at a time: ratio \(fixed(ratio, 2)) "
        + "(bound \(fixed(bound, 2)))")
    return ratio <= bound
  }
}
