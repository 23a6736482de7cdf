/// The consecutive failures of one launch, which determine when it starts next and when an update gives up.
package struct CrashRecord: Hashable, Sendable {
  /// The number of failures without a stable period in between.
  package private(set) var count: Int
  /// The time of the last failure.
  package private(set) var last: Duration
  /// The cause of the last failure, in plain words.
  package private(set) var cause: String
  /// Whether retrying cannot help: an unknown flag, a missing model, weights that do not load.
  package private(set) var isPermanent: Bool
  /// The random number that spreads the delays, drawn once per failure so that the retry time does not change.
  package private(set) var chance: Double

  /// How long a replica must be ready before earlier failures no longer count.
  package static let stableAfter: Duration = .seconds(600)

  /// Records that a replica of a launch failed.
  /// - Parameters:
  ///   - earlier: the launch's record so far.
  ///   - readyFor: how long the replica had been ready; nil if it never was.
  ///   - stableAfter: the time of being ready after which a failure counts as the first again.
  package init(
    after earlier: CrashRecord?, cause: String, isPermanent: Bool, readyFor: Duration?,
    stableAfter: Duration = Self.stableAfter, chance: Double, now: Duration
  ) {
    let startsAnew = readyFor.map { $0 >= stableAfter } ?? false
    count = (startsAnew ? 0 : earlier?.count ?? 0) + 1
    last = now
    self.cause = cause
    self.isPermanent = isPermanent
    self.chance = chance
  }

  /// Returns the time from which the launch may be started again.
  package func retryAt(_ backoff: Backoff) -> Duration { last + backoff.delay(afterFailures: count, chance: chance) }
}
