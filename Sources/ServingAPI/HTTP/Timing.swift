internal import FoundationEssentials

/// The clocks, pauses and random numbers of a client, so that tests can replace them.
package struct Timing: Sendable {
  /// Time since a fixed point, never set back; for measuring.
  package var elapsed: @Sendable () -> Duration
  /// Seconds since 1970, for dates that servers name.
  package var secondsSince1970: @Sendable () -> Int64
  /// Waits.
  ///
  /// - Throws: `CancellationError` if the task is canceled meanwhile.
  package var sleep: @Sendable (Duration) async throws -> Void
  /// A random number in 0..<1, which spreads out clients that failed at the same moment.
  package var jitter: @Sendable () -> Double

  package init(
    elapsed: @escaping @Sendable () -> Duration, secondsSince1970: @escaping @Sendable () -> Int64,
    sleep: @escaping @Sendable (Duration) async throws -> Void, jitter: @escaping @Sendable () -> Double
  ) {
    self.elapsed = elapsed
    self.secondsSince1970 = secondsSince1970
    self.sleep = sleep
    self.jitter = jitter
  }

  /// This machine's clocks.
  package static var system: Timing {
    let start = ContinuousClock.now
    return Timing(
      elapsed: { start.duration(to: .now) }, secondsSince1970: { Int64(Date().timeIntervalSince1970) },
      sleep: { try await Task.sleep(for: $0) }, jitter: { Double.random(in: 0..<1) })
  }
}
