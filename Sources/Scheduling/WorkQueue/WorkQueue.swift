/// Which keys are to be worked on, in what order, and when again: a machine without clock, lock or task.
///
/// An event carries only a key; whoever takes the key looks at the world anew. So any number of adds become one run.
/// Times are durations since any origin that stays the same; a time before the last one counts as the last one.
///
/// - A key is queued once, and is worked on by one worker. Added while it runs, it runs once more afterwards.
/// - Adds of one key merge: the earliest time and the highest priority of them hold. Its priority never drops before the
///   key is taken.
/// - ``take(now:)`` gives the highest priority that is ready; within a priority, what became ready first. A key that rises
///   goes to the end of its new priority.
/// - A failure beats every other wish of its run: the key comes back after exponential back-off with its priority. Only a
///   success forgets failures. During back-off, an add does not bring the key forward, so that a broken endpoint costs one
///   run for each step of its back-off; an edit of a person does (``WorkPriority/edit`` or higher, without delay), since
///   what failed may be put right. Where a server says when to come back, that is kept, and not even an edit goes before it
///   (``WorkOutcome/failedFor(atLeast:)``).
/// - Keys that are neither queued, running nor failing are not kept.
///
/// Every operation takes O(log n) for n queued keys.
package struct WorkQueue<Key: Hashable & Sendable>: Sendable {
  package typealias Priority = WorkPriority
  package typealias Outcome = WorkOutcome

  /// A key that is to be worked on now; ``WorkQueue/finish(_:_:now:chance:)`` ends the work.
  package struct Taken: Hashable, Sendable {
    package let key: Key
    package let priority: Priority
    /// Since the key became ready, or was added while it ran.
    package let waited: Duration
    /// How often in a row its work has failed.
    package let failures: Int

    package init(key: Key, priority: Priority, waited: Duration, failures: Int) {
      self.key = key
      self.priority = priority
      self.waited = waited
      self.failures = failures
    }
  }

  // Keys are names of slots. The decisions are taken on slots, whose numbers cost less to keep in order than keys do.
  private var slots: SlotQueue
  private var names = SlotNames<Key>()

  package init(backoff: Backoff) { slots = SlotQueue(backoff: backoff) }

  // MARK: Events

  // The controller's keys are text. Specialized for it, calls from another module look no types up while they run, which
  // would take as long as the work itself.

  /// The key is to be worked on, `after` at the earliest; less than nothing counts as nothing.
  @specialized(where Key == String)
  package mutating func add(_ key: Key, priority: Priority, after: Duration = .zero, now: Duration) {
    let slot = names.slot(for: key)
    slots.makeRoom(for: slot)
    slots.add(slot, priority: priority, after: after, now: now)
  }

  /// The next key, from now on running; nil while none is ready.
  @specialized(where Key == String)
  package mutating func take(now: Duration) -> Taken? {
    guard let run = slots.take(now: now), let key = names[run.slot] else { return nil }
    return Taken(key: key, priority: run.priority, waited: run.waited, failures: run.failures)
  }

  /// The work on a key has ended. Nothing happens for a key that does not run.
  /// - Parameter chance: a number from 0 up to 1, the caller's randomness, which spreads back-off.
  @specialized(where Key == String)
  package mutating func finish(_ key: Key, _ outcome: Outcome, now: Duration, chance: Double) {
    guard let slot = names.find(key) else { return }
    slots.finish(slot, outcome, now: now, chance: chance)
    if slots.isUnused(slot) { names.remove(slot) }
  }

  /// Lets time pass, so that the figures are those of `now`.
  package mutating func advance(to now: Duration) { slots.advance(to: now) }

  // MARK: What there is

  /// When the next key becomes ready; in the past where one is ready already, nil where none is queued.
  package var nextReady: Duration? { slots.nextReady }

  /// Keys that are ready, as of the last time that was told.
  package var depth: Int { slots.depth }

  /// Keys of one priority that are ready.
  package func depth(of priority: Priority) -> Int { slots.depth(of: priority) }

  /// Keys that are queued for later.
  package var waiting: Int { slots.waiting }

  /// Keys that are being worked on.
  package var running: Int { slots.running }

  /// Keys whose last work failed.
  package var failing: Int { slots.failing }

  /// Keys that the queue knows, for whatever reason.
  package var known: Int { names.count }

  /// How many times a key came onto the queue. Adds that merged with an earlier one do not count.
  package var adds: Int { slots.adds }

  /// How many times work was put off because it failed.
  package var retries: Int { slots.retries }

  /// How often in a row the key's work has failed.
  package func failures(of key: Key) -> Int { names.find(key).map { slots.failures(of: $0) } ?? 0 }

  /// When the key becomes or became ready; nil while it is not queued.
  package func readyTime(of key: Key) -> Duration? { names.find(key).flatMap { slots.readyTime(of: $0) } }

  /// How long the work that has not ended runs: the longest of it, and all together.
  package func unfinished(now: Duration) -> (longest: Duration, total: Duration) { slots.unfinished(now: now) }
}
