internal import Scheduling

/// Where the workers of a ``KeyQueue`` wait: who is to be called when, without lock or task.
///
/// Between two changes, as of the last one's time: no worker sits while a key is ready; and while a worker sits and a key
/// waits for its time, some worker keeps the time of the earliest or is about to check again.
struct WaitingWorkers: Sendable {
  typealias Ticket = UInt64
  typealias Continuation = CheckedContinuation<Call, Never>

  /// What a sitting worker is called for.
  enum Call: Sendable {
    /// Work on this; nil: there will be no more.
    case work(WorkQueue<String>.Taken?)
    /// Look again: it may have to keep the time from now on.
    case pollAgain
  }

  /// What a worker that looks finds.
  enum Availability: Sendable {
    /// A key, or nil where it has to go.
    case answer(WorkQueue<String>.Taken?)
    /// Nothing; sit down.
    case wait
    /// Nothing yet; sit down, and ring after this time.
    case keepTime(Duration)
  }

  struct Waiter: Sendable {
    let ticket: Ticket
    let continuation: Continuation
  }

  private struct Timekeeper: Sendable {
    let ticket: Ticket
    /// The time that it sleeps until.
    let time: Duration
  }

  var queue: WorkQueue<String>
  var isShutDown = false
  /// Who sits, in the order of their coming.
  private(set) var waiters: [Waiter] = []
  private var timekeeper: Timekeeper?
  private var lastTicket: Ticket = 0
  private var pending: [(Continuation, Call)] = []

  init(queue: WorkQueue<String>) { self.queue = queue }

  mutating func newTicket() -> Ticket {
    lastTicket += 1
    return lastTicket
  }

  mutating func take(now: Duration) -> WorkQueue<String>.Taken? {
    isShutDown ? nil : queue.take(now: now)
  }

  /// A worker looks for work.
  mutating func poll(_ ticket: Ticket, isCancelled: Bool, now: Duration) -> Availability {
    if isShutDown || isCancelled {
      resign(ticket)
      return .answer(nil)
    }
    if let taken = queue.take(now: now) {
      resign(ticket)
      return .answer(taken)
    }
    guard let time = queue.nextReady else {
      resign(ticket)
      return .wait
    }
    if let timekeeper, timekeeper.ticket != ticket, timekeeper.time <= time { return .wait }
    timekeeper = Timekeeper(ticket: ticket, time: time)
    return .keepTime(time - now)
  }

  /// A worker sits down, unless it would miss something.
  mutating func park(_ waiter: Waiter, isCancelled: Bool, now: Duration) {
    queue.advance(to: now)
    let isWorthALook = isShutDown || isCancelled || queue.depth > 0 || lacksTimekeeper(besides: waiter.ticket)
    if isWorthALook { pending.append((waiter.continuation, .pollAgain)) } else { waiters.append(waiter) }
  }

  /// Whether a time is to be kept that nobody keeps but a worker that has yet to sit down, and may be about to.
  private func lacksTimekeeper(besides ticket: Ticket) -> Bool {
    guard let time = queue.nextReady else { return false }
    guard let timekeeper else { return true }
    return timekeeper.ticket == ticket && time < timekeeper.time
  }

  /// The worker keeps the time no longer, if it did.
  mutating func resign(_ ticket: Ticket) {
    if timekeeper?.ticket == ticket { timekeeper = nil }
  }

  /// A sitting worker is to check again.
  mutating func wake(_ ticket: Ticket) {
    guard let index = waiters.firstIndex(where: { $0.ticket == ticket }) else { return }
    pending.append((waiters.remove(at: index).continuation, .pollAgain))
  }

  /// Brings the promise of ``WaitingWorkers`` about again after a change.
  /// - Returns: who is to be called, and what for.
  mutating func settle(now: Duration) -> [(Continuation, Call)] {
    if isShutDown {
      timekeeper = nil
      pending += waiters.map { ($0.continuation, .work(nil)) }
      waiters = []
    }
    // Whoever sat down last is called first: who came first keeps the time, as a rule, and goes on doing so.
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
      // One that does not sit looks at the time before it does.
      guard time < timekeeper.time, waiters.contains(where: { $0.ticket == timekeeper.ticket }) else { return }
      self.timekeeper = Timekeeper(ticket: timekeeper.ticket, time: time)
      wake(timekeeper.ticket)
    } else {
      timekeeper = Timekeeper(ticket: first.ticket, time: time)
      wake(first.ticket)
    }
  }
}
