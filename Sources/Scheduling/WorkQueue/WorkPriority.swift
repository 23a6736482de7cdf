/// How urgent the work on a key is.
package enum WorkPriority: Int, Comparable, Sendable, CaseIterable {
  /// Looking again to be safe: the first list after a start, and the periodic look at everything.
  case resync
  /// A person changed something, or what waits for a change saw one.
  case edit
  /// A rollback, or what a person waits for.
  case rescue

  package static func < (one: WorkPriority, other: WorkPriority) -> Bool { one.rawValue < other.rawValue }
}

/// How the work on a key ended.
package enum WorkOutcome: Hashable, Sendable {
  /// With success. Its failures are forgotten, and nothing more is to be done until an add.
  case done
  /// With success. Its failures are forgotten, and it is to be looked at again after this time.
  case again(after: Duration, WorkPriority)
  /// With an error that time may heal: again after back-off.
  case failed
  /// The same, but when the server said (`Retry-After`), be that sooner or later than back-off; zero: it did not say.
  case failedFor(atLeast: Duration)
  /// With an error that time will not heal: not again until an add. Earlier failures stay counted.
  case terminal
}
