/// A point in time, in milliseconds since 1970 UTC, as in the serving API. Passed in wherever a decision needs the
/// time.
package struct Timestamp: Hashable, Comparable, Sendable {
  package let milliseconds: Int64

  package init(milliseconds: Int64) { self.milliseconds = milliseconds }

  package static func < (one: Timestamp, other: Timestamp) -> Bool { one.milliseconds < other.milliseconds }

  /// Returns the time `duration` later; clamped, so that an absurd duration means forever and does not trap.
  package static func + (moment: Timestamp, duration: Duration) -> Timestamp {
    let (seconds, attoseconds) = duration.components
    let (whole, overflowed) = seconds.multipliedReportingOverflow(by: 1000)
    let (sum, passed) = moment.milliseconds.addingReportingOverflow(whole + (attoseconds / 1_000_000_000_000_000))
    if overflowed || passed { return Timestamp(milliseconds: seconds < 0 ? .min : .max) }
    return Timestamp(milliseconds: sum)
  }

  package static func - (later: Timestamp, earlier: Timestamp) -> Duration {
    .milliseconds(later.milliseconds.subtractingReportingOverflow(earlier.milliseconds).partialValue)
  }
}
