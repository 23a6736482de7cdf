/// What has been taken under a limit per minute: a bucket that holds as much as the limit allows in a minute, and refills
/// evenly over it.
///
/// ``TokenBucket`` is a strict window with a line of waiting keys, for the few writes of a controller: it remembers each
/// token that was taken. This one is for the callers of an endpoint. It is two numbers, whatever the limit; nobody stands
/// in line; and it may be overdrawn, because the tokens of an answer are known only when it is complete. The debt is paid
/// off by the refill, and delays later calls.
struct RefillingBucket: Hashable, Sendable {
  /// Units of a bucket's content for one call or token. A limit of L a minute refills L units in a nanosecond, so that
  /// nothing is ever rounded.
  private static let unit: Int128 = 60_000_000_000

  /// What is missing from a full bucket, in units.
  private var missing: Int128 = 0
  /// The time of ``missing``, in nanoseconds.
  private var asOf: Int64 = 0

  /// How long until there is one whole call or token to take; zero if there is.
  func wait(limit: Int64, now: Int64) -> Duration {
    // Nothing will ever be allowed; a caller that asks once a minute notices a change.
    guard limit > 0 else { return .seconds(60) }
    let lacking = missing(limit: limit, now: now) + Self.unit - Self.unit * Int128(limit)
    guard lacking > 0 else { return .zero }
    return .nanoseconds(Int64(clamping: (lacking + Int128(limit) - 1) / Int128(limit)))
  }

  /// Takes this many, whether they are there or not.
  mutating func take(_ count: Int64, limit: Int64, now: Int64) {
    missing = missing(limit: limit, now: now) + Self.unit * Int128(max(0, count))
    asOf = max(asOf, now)
  }

  /// Whether it is as good as new.
  func isFull(limit: Int64, now: Int64) -> Bool { missing(limit: limit, now: now) == 0 }

  private func missing(limit: Int64, now: Int64) -> Int128 {
    max(0, missing - Int128(max(0, limit)) * Int128(max(0, now - asOf)))
  }
}
