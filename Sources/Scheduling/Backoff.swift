/// How long to wait before the next try: exponential, capped, and spread so that many waiters do not come back together.
package struct Backoff: Hashable, Sendable {
  /// The wait after the first failure.
  package var first: Duration
  /// No wait is longer, jitter included.
  package var cap: Duration
  /// What each further failure multiplies the wait by.
  package var factor: Double
  /// The part of a wait that chance decides: 0.2 means between 0.8 and 1.2 times the nominal wait.
  package var jitter: Double

  package init(first: Duration, cap: Duration, factor: Double = 2, jitter: Double = 0.2) {
    self.first = first
    self.cap = cap
    self.factor = factor
    self.jitter = jitter
  }

  /// The wait after `failures` failures in a row; zero when there was none.
  /// - Parameter chance: a number from 0 up to 1, the caller's randomness.
  package func delay(afterFailures failures: Int, chance: Double) -> Duration {
    guard failures > 0 else { return .zero }
    var nominal = min(first, cap)
    // Multiplied step by step and left at the cap, so that a thousandth failure overflows nothing.
    var step = 1
    while step < failures, nominal < cap {
      nominal = min(nominal * factor, cap)
      step += 1
    }
    return min(nominal * (1 - jitter + 2 * jitter * chance), cap)
  }

  /// The wait where a server says how long it is to be: never less, and a little more, so that many do not come back together.
  /// Nil where it asks for none.
  package func pause(asked: Duration, chance: Double) -> Duration? {
    asked > .zero ? asked + .milliseconds(Int64(asked / .milliseconds(1) * jitter * chance)) : nil
  }
}
