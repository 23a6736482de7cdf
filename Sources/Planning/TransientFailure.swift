package import Endpoints

/// Failures that are no fault of what was sent, or of a call that nothing hangs on: it is sent again, later and later.
package struct TransientFailure: Hashable, Sendable {
  /// What was being rolled out; nil for calls that roll out nothing. Another digest does not wait for this one.
  package let digest: ConfigDigest?
  /// How many times in a row.
  package let failures: Int
  /// Not sent again before.
  package let until: Timestamp
  /// The provider's words on the last failure.
  package let words: String
  /// Whether the provider refused the call itself, so that only a person can mend it.
  package let isRefusal: Bool

  package init(digest: ConfigDigest?, failures: Int, until: Timestamp, words: String, isRefusal: Bool = false) {
    self.digest = digest
    self.failures = failures
    self.until = until
    self.words = words
    self.isRefusal = isRefusal
  }

  /// What failed, and when.
  package enum Occasion: Hashable, Sendable {
    /// A call that was not taken for now, or whose answer was lost.
    ///
    /// - Parameters:
    ///   - retryAfter: how long the server asks to be left alone; nil: it does not say.
    ///   - chance: from 0 up to 1; spreads out those that failed at the same moment.
    case call(at: Timestamp, retryAfter: Duration?, chance: Double)
    /// A call that the provider refused, beside what is rolled out.
    case refusal(at: Timestamp)
    /// A call that was taken and came to nothing: a rollout that did not come up, a setting that is undone.
    case futile(at: Timestamp)
  }

  init(digest: ConfigDigest?, failures: Int, words: String, _ occasion: Occasion) {
    let until: Timestamp
    var isRefusal = false
    switch occasion {
    case .call(let at, let retryAfter, let chance):
      // Never sooner than the server says, and up to a fifth later, so that not all come back at once.
      let pause = retryAfter.map { max($0, Self.shortestDelay) } ?? Self.delay(after: failures, first: Self.firstDelay)
      until = at + pause * (1 + 0.2 * chance)
    case .refusal(let at):
      until = at + Self.delay(after: failures, first: Self.firstSlowDelay)
      isRefusal = true
    case .futile(let at): until = at + Self.delay(after: failures, first: Self.firstSlowDelay)
    }
    self.init(digest: digest, failures: failures, until: until, words: words, isRefusal: isRefusal)
  }

  /// The first delay after a call that failed; each following one is twice as long, up to ``longestDelay``.
  package static let firstDelay: Duration = .seconds(1)
  /// The same after what is not to be repeated soon: a refusal, a rollout that failed.
  package static let firstSlowDelay: Duration = .seconds(15)
  package static let longestDelay: Duration = .seconds(15 * 60)
  /// A server that asks for no pause at all gets one.
  private static let shortestDelay: Duration = .milliseconds(500)

  /// How long to wait after so many failures in a row.
  static func delay(after failures: Int, first: Duration) -> Duration {
    min(longestDelay, first * (1 << min(max(failures - 1, 0), 16)))
  }
}
