/// The delay before the next attempt: exponential, capped, and spread so that many clients do not retry together.
package struct Backoff: Hashable, Sendable {
  /// The delay after the first failure.
  package var first: Duration
  /// The maximum delay, including jitter.
  package var cap: Duration
  /// The factor by which each further failure multiplies the delay.
  package var factor: Double
  /// The random part of a delay: 0.2 means between 0.8 and 1.2 times the nominal delay.
  package var jitter: Double

  package init(first: Duration, cap: Duration, factor: Double = 2, jitter: Double = 0.2) {
    self.first = first
    self.cap = cap
    self.factor = factor
    self.jitter = jitter
  }

  /// Returns the delay after `failures` failures in a row; zero if there was none.
  /// - Parameter chance: a number from 0 up to 1, the caller's randomness.
  package func delay(afterFailures failures: Int, chance: Double) -> Duration {
    guard failures > 0 else { return .zero }
    var nominal = min(first, cap)
    // Multiplied step by step up to the cap, so that a thousand failures do not overflow.
    var step = 1
    while step < failures, nominal < cap {
      nominal = min(nominal * factor, cap)
      step += 1
    }
    return min(nominal * (1 - jitter + 2 * jitter * chance), cap)
  }

  /// Returns the delay for a server's `Retry-After`: never less, and a little more, so that many clients do not retry
  /// together; nil if it is zero.
  package func pause(asked: Duration, chance: Double) -> Duration? {
    asked > .zero ? asked + .milliseconds(Int64(asked / .milliseconds(1) * jitter * chance)) : nil
  }
}
