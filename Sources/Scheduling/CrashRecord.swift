/// The failures of one launch, in a row: what its next start waits for, and when an update gives up on it.
package struct CrashRecord: Hashable, Sendable {
  /// Failures without a stable time between them.
  package private(set) var count: Int
  /// When the last one was.
  package private(set) var last: Duration
  /// The last one's cause, in plain words.
  package private(set) var cause: String
  /// Whether trying again cannot help: an unknown flag, a model that is not there, weights that do not load.
  package private(set) var isPermanent: Bool
  /// The chance that spreads the waits, drawn once for each failure so that looking twice gives the same time.
  package private(set) var chance: Double

  /// A replica of a launch failed.
  /// - Parameters:
  ///   - earlier: the launch's record so far.
  ///   - readyFor: how long the replica had been ready; nil when it never was.
  ///   - stableAfter: after being ready for so long, a failure is the first of a new row.
  package init(
    after earlier: CrashRecord?, cause: String, isPermanent: Bool, readyFor: Duration?,
    stableAfter: Duration = .seconds(600), chance: Double, now: Duration
  ) {
    let startsAnew = readyFor.map { $0 >= stableAfter } ?? false
    count = (startsAnew ? 0 : earlier?.count ?? 0) + 1
    last = now
    self.cause = cause
    self.isPermanent = isPermanent
    self.chance = chance
  }

  /// When the launch may be started again.
  package func retryAt(_ backoff: Backoff) -> Duration { last + backoff.delay(afterFailures: count, chance: chance) }
}
