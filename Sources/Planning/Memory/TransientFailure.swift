package import Endpoints

/// Failures that were not caused by the config sent, or of a call that nothing depends on: the call is retried with
/// growing delays.
package struct TransientFailure: Hashable, Sendable {
  /// The digest being rolled out; nil for calls that roll out nothing. Another digest does not wait for this one.
  package let digest: ConfigDigest?
  /// The number of failures in a row.
  package let failures: Int
  /// The earliest time of the next retry.
  package let until: Timestamp
  /// The provider's message about the last failure.
  package let message: String
  /// Whether the provider refused the call itself, so that a user has to act.
  package let isRefusal: Bool

  package init(digest: ConfigDigest?, failures: Int, until: Timestamp, message: String, isRefusal: Bool = false) {
    self.digest = digest
    self.failures = failures
    self.until = until
    self.message = message
    self.isRefusal = isRefusal
  }

  /// What failed, and when.
  package enum Occasion: Hashable, Sendable {
    /// A call that was not accepted for now, or whose response was lost.
    ///
    /// - Parameters:
    ///   - retryAfter: the server's `Retry-After`; nil if there is none.
    ///   - chance: from 0 up to 1; spreads out those that failed at the same moment.
    case call(at: Timestamp, retryAfter: Duration?, chance: Double)
    /// A call other than a rollout that the provider refused.
    case refusal(at: Timestamp)
    /// A call that was accepted without effect: a rollout that did not come up, a setting that was undone.
    case futile(at: Timestamp)
  }

  init(digest: ConfigDigest?, failures: Int, message: String, _ occasion: Occasion) {
    let until: Timestamp
    var isRefusal = false
    switch occasion {
    case .call(let at, let retryAfter, let chance):
      // Never sooner than the server says, and up to a fifth later, so that not all retries come at once.
      let pause = retryAfter.map { max($0, Self.shortestDelay) } ?? Self.delay(after: failures, first: Self.firstDelay)
      until = at + pause * (1 + 0.2 * chance)
    case .refusal(let at):
      until = at + Self.delay(after: failures, first: Self.firstSlowDelay)
      isRefusal = true
    case .futile(let at): until = at + Self.delay(after: failures, first: Self.firstSlowDelay)
    }
    self.init(digest: digest, failures: failures, until: until, message: message, isRefusal: isRefusal)
  }

  /// The first delay after a call that failed; each following one is twice as long, up to ``longestDelay``.
  package static let firstDelay: Duration = .seconds(1)
  /// The first delay after a refusal or a failed rollout, which should not be repeated soon.
  package static let firstSlowDelay: Duration = .seconds(15)
  package static let longestDelay: Duration = .seconds(15 * 60)
  /// The minimum delay, even if the server asks for none.
  private static let shortestDelay: Duration = .milliseconds(500)

  /// Returns the delay after a number of failures in a row.
  static func delay(after failures: Int, first: Duration) -> Duration {
    min(longestDelay, first * (1 << min(max(failures - 1, 0), 16)))
  }
}
