package import Endpoints

/// Failures that are no fault of what was sent, or of a call that nothing hangs on: it is sent again, later and later.
package struct Setback: Hashable, Sendable {
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

  /// The first delay; each following one is twice as long, up to ``longestDelay``.
  package static let firstDelay: Duration = .seconds(15)
  package static let longestDelay: Duration = .seconds(15 * 60)

  /// How long to wait after so many failures in a row.
  package static func delay(after failures: Int) -> Duration {
    min(longestDelay, firstDelay * (1 << min(max(failures - 1, 0), 16)))
  }
}
