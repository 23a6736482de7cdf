/// Decides which keys are worked on, in which order, and when again: a state machine without clock, lock or task.
///
/// An event carries only a key; whoever takes the key reads the current state. So any number of adds become one run.
/// Times are durations since any fixed origin; a time before the last one counts as the last one.
///
/// - A key is queued once, and one worker works on it. If added while it runs, it runs once more afterwards.
/// - Adds of one key merge: the earliest time and the highest priority apply. The priority never drops before the key
///   is taken.
/// - ``take(now:)`` returns the highest priority that is ready; within a priority, the key that became ready first. A
///   key whose priority rises goes to the end of its new priority.
/// - A failure overrides the adds made during its run: the key is retried after exponential back-off with its
///   priority. Only a success resets failures. During back-off, an add does not bring the key forward, so that a broken
///   endpoint costs one run per step of its back-off; a user's edit does (``WorkPriority/edit`` or higher, without
///   delay), because it may have fixed the problem. If a server says when to retry, not even an edit is earlier
///   (``WorkOutcome/failedFor(atLeast:)``).
/// - Keys that are not queued, running or failing are not kept.
///
/// Every operation takes O(log n) for n queued keys.
package struct WorkQueue<Key: Hashable & Sendable>: Sendable {
  package typealias Priority = WorkPriority
  package typealias Outcome = WorkOutcome

  /// A key to work on now; ``WorkQueue/finish(_:_:now:chance:)`` ends the work.
  package struct WorkItem: Hashable, Sendable {
    package let key: Key
    package let priority: Priority
    /// The time since the key became ready, or was added while it ran.
    package let waited: Duration
    /// The number of failures in a row.
    package let failures: Int

    package init(key: Key, priority: Priority, waited: Duration, failures: Int) {
      self.key = key
      self.priority = priority
      self.waited = waited
      self.failures = failures
    }
  }

  // Keys are names of slots. Decisions are made on slots, because their numbers are cheaper to order than keys.
  private var slots: SlotQueue
  private var names = SlotNames<Key>()

  package init(backoff: Backoff) { slots = SlotQueue(backoff: backoff) }

  // MARK: Events

  // The controller's keys are strings. Specialization avoids type look-ups at run time in calls from other modules,
  // which would take as long as the work itself.

  /// Adds a key to work on after `after` at the earliest; a negative delay counts as zero.
  @specialized(where Key == String)
  package mutating func add(_ key: Key, priority: Priority, after: Duration = .zero, now: Duration) {
    let slot = names.slot(for: key)
    slots.makeRoom(for: slot)
    slots.add(slot, priority: priority, after: after, now: now)
  }

  /// Takes the next key, which is then running; nil if none is ready.
  @specialized(where Key == String)
  package mutating func take(now: Duration) -> WorkItem? {
    guard let run = slots.take(now: now), let key = names[run.slot] else { return nil }
    return WorkItem(key: key, priority: run.priority, waited: run.waited, failures: run.failures)
  }

  /// Ends the work on a key. Does nothing if the key is not running.
  /// - Parameter chance: a number from 0 up to 1, the caller's randomness, which spreads back-off.
  @specialized(where Key == String)
  package mutating func finish(_ key: Key, _ outcome: Outcome, now: Duration, chance: Double) {
    guard let slot = names.find(key) else { return }
    slots.finish(slot, outcome, now: now, chance: chance)
    if slots.isUnused(slot) { names.remove(slot) }
  }

  /// Advances the time, so that the figures are those of `now`.
  package mutating func advance(to now: Duration) { slots.advance(to: now) }

  // MARK: State

  /// The time when the next key becomes ready; in the past if one is ready already, nil if none is queued.
  package var nextReady: Duration? { slots.nextReady }

  /// The number of keys that were ready at the last known time.
  package var depth: Int { slots.depth }

  /// Returns the number of ready keys of a priority.
  package func depth(of priority: Priority) -> Int { slots.depth(of: priority) }

  /// The number of keys that are queued for later.
  package var waiting: Int { slots.waiting }

  /// The number of running keys.
  package var running: Int { slots.running }

  /// The number of keys whose last run failed.
  package var failing: Int { slots.failing }

  /// The number of keys that the queue keeps, for any reason.
  package var known: Int { names.count }

  /// The number of times that a key was queued. Adds that merged with an earlier one do not count.
  package var adds: Int { slots.adds }

  /// The number of retries after failures.
  package var retries: Int { slots.retries }

  /// Returns the number of failures in a row of a key.
  package func failures(of key: Key) -> Int { names.find(key).map { slots.failures(of: $0) } ?? 0 }

  /// Returns the time when the key becomes or became ready; nil if it is not queued.
  package func readyTime(of key: Key) -> Duration? { names.find(key).flatMap { slots.readyTime(of: $0) } }

  /// Returns how long unfinished work has been running: the longest, and the total.
  package func unfinished(now: Duration) -> (longest: Duration, total: Duration) { slots.unfinished(now: now) }
}
