/// The urgency of the work on a key.
package enum WorkPriority: Int, Comparable, Sendable, CaseIterable {
  /// A periodic resync, and the first list after a start.
  case resync
  /// A user's change, or a change that was detected while waiting for one.
  case edit
  /// A rollback, or work that a user is waiting for.
  case rescue

  package static func < (one: WorkPriority, other: WorkPriority) -> Bool { one.rawValue < other.rawValue }
}

/// The outcome of the work on a key.
package enum WorkOutcome: Hashable, Sendable {
  /// Success. Failures are reset, and nothing more is done until an add.
  case done
  /// Success. Failures are reset, and the key is checked again after this time.
  case again(after: Duration, WorkPriority)
  /// A temporary error: retried after back-off.
  case failed
  /// A temporary error, retried at the server's time (`Retry-After`), whether earlier or later than back-off; zero if
  /// the server gave none.
  case failedFor(atLeast: Duration)
  /// A permanent error: not retried until an add. Earlier failures stay counted.
  case terminal
}
