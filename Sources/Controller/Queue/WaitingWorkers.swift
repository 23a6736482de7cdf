internal import Scheduling

/// The waiting workers of a ``KeyQueue``: which of them is called when, without locks or tasks.
///
/// Invariant between two changes, as of the time of the last one: no worker waits while a key is ready; and while a
/// worker waits and a key waits for its time, some worker keeps the time of the earliest or is about to check again.
struct WaitingWorkers: Sendable {
  typealias Ticket = UInt64
  typealias Continuation = CheckedContinuation<Call, Never>

  /// The reason for calling a waiting worker.
  enum Call: Sendable {
    /// Work on this key; nil: there is no more work.
    case work(WorkQueue<String>.WorkItem?)
    /// Check again: the worker may have to keep the time from now on.
    case pollAgain
  }

  /// The result of a worker's check.
  enum Availability: Sendable {
    /// A key, or nil if the worker has to end.
    case work(WorkQueue<String>.WorkItem?)
    /// Nothing; wait.
    case wait
    /// Nothing yet; wait, and check again after this time.
    case keepTime(Duration)
  }

  struct Waiter: Sendable {
    let ticket: Ticket
    let continuation: Continuation
  }

  private struct Timekeeper: Sendable {
    let ticket: Ticket
    /// The time until which it sleeps.
    let time: Duration
  }

  var queue: WorkQueue<String>
  var isShutDown = false
  /// The waiting workers, in order of arrival.
  private(set) var waiters: [Waiter] = []
  private var timekeeper: Timekeeper?
  private var lastTicket: Ticket = 0
  private var pending: [(Continuation, Call)] = []

  init(queue: WorkQueue<String>) { self.queue = queue }

  mutating func newTicket() -> Ticket {
    lastTicket += 1
    return lastTicket
  }

  mutating func take(now: Duration) -> WorkQueue<String>.WorkItem? {
    isShutDown ? nil : queue.take(now: now)
  }

  /// Checks for work on behalf of a worker.
  mutating func poll(_ ticket: Ticket, isCancelled: Bool, now: Duration) -> Availability {
    if isShutDown || isCancelled {
      resign(ticket)
      return .work(nil)
    }
    if let taken = queue.take(now: now) {
      resign(ticket)
      return .work(taken)
    }
    guard let time = queue.nextReady else {
      resign(ticket)
      return .wait
    }
    if let timekeeper, timekeeper.ticket != ticket, timekeeper.time <= time { return .wait }
    timekeeper = Timekeeper(ticket: ticket, time: time)
    return .keepTime(time - now)
  }

  /// Adds a waiting worker, unless it would miss something.
  mutating func park(_ waiter: Waiter, isCancelled: Bool, now: Duration) {
    queue.advance(to: now)
    let isWorthALook = isShutDown || isCancelled || queue.depth > 0 || lacksTimekeeper(besides: waiter.ticket)
    if isWorthALook { pending.append((waiter.continuation, .pollAgain)) } else { waiters.append(waiter) }
  }

  /// Whether a time has to be kept and no worker keeps it, except one that is not waiting yet and may be about to.
  private func lacksTimekeeper(besides ticket: Ticket) -> Bool {
    guard let time = queue.nextReady else { return false }
    guard let timekeeper else { return true }
    return timekeeper.ticket == ticket && time < timekeeper.time
  }

  /// Ends the worker's timekeeping, if it had that role.
  mutating func resign(_ ticket: Ticket) {
    if timekeeper?.ticket == ticket { timekeeper = nil }
  }

  /// Makes a waiting worker check again.
  mutating func wake(_ ticket: Ticket) {
    guard let index = waiters.firstIndex(where: { $0.ticket == ticket }) else { return }
    pending.append((waiters.remove(at: index).continuation, .pollAgain))
  }

  /// Restores the invariant of ``WaitingWorkers`` after a change.
  /// - Returns: the workers to call, and why.
  mutating func settle(now: Duration) -> [(Continuation, Call)] {
    if isShutDown {
      timekeeper = nil
      pending += waiters.map { ($0.continuation, .work(nil)) }
      waiters = []
    }
    // The worker that arrived last is called first: the first usually keeps the time and continues to do so.
    while let waiter = waiters.last, let taken = queue.take(now: now) {
      waiters.removeLast()
      resign(waiter.ticket)
      pending.append((waiter.continuation, .work(taken)))
    }
    appointTimekeeper()
    defer { pending = [] }
    return pending
  }

  private mutating func appointTimekeeper() {
    guard let first = waiters.first, let time = queue.nextReady else { return }
    if let timekeeper {
      // A worker that is not waiting checks the time before it waits.
      guard time < timekeeper.time, waiters.contains(where: { $0.ticket == timekeeper.ticket }) else { return }
      self.timekeeper = Timekeeper(ticket: timekeeper.ticket, time: time)
      wake(timekeeper.ticket)
    } else {
      timekeeper = Timekeeper(ticket: first.ticket, time: time)
      wake(first.ticket)
    }
  }
}
