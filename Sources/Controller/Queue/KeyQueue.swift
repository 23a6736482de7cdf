package import Scheduling
internal import Synchronization

/// The work queue that workers wait at: a ``WorkQueue`` of names with a lock, a clock and a bell.
///
/// A key that becomes ready is handed to one waiting worker and wakes no other. While keys wait for their time, one of the
/// waiting workers sleeps until the earliest of these times and rings then; there is no polling and no timer of its own.
package final class KeyQueue: Sendable {
  package typealias Taken = WorkQueue<String>.Taken

  private let desk: Mutex<Desk>
  private let now: @Sendable () -> Duration
  private let chance: @Sendable () -> Double
  private let sleep: @Sendable (Duration) async throws -> Void

  /// Nobody sleeps longer at a stretch, so that no clock is asked for a time that it cannot express.
  private static let longestSleep = Duration.seconds(3600)

  /// - Parameters:
  ///   - now: the time since any origin that stays the same.
  ///   - chance: a number from 0 up to 1, which spreads back-off.
  ///   - sleep: waits for a time by the clock of `now`; throws when its task is cancelled.
  package init(
    backoff: Backoff,
    now: @escaping @Sendable () -> Duration,
    chance: @escaping @Sendable () -> Double = { .random(in: 0..<1) },
    sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
  ) {
    desk = Mutex(Desk(queue: WorkQueue(backoff: backoff)))
    self.now = now
    self.chance = chance
    self.sleep = sleep
  }

  // MARK: Events

  /// The key is to be worked on, `after` at the earliest; the rules are those of ``WorkQueue``.
  package func add(_ key: String, priority: WorkPriority, after: Duration = .zero) {
    change { desk, now in desk.queue.add(key, priority: priority, after: after, now: now) }
  }

  /// The work on a key that was taken has ended.
  package func finish(_ key: String, _ outcome: WorkOutcome) {
    let chance = chance()
    change { desk, now in desk.queue.finish(key, outcome, now: now, chance: chance) }
  }

  /// No work is handed out any more: everybody who waits, now or later, gets nil. Work that runs can still be finished.
  package func shutDown() {
    change { desk, _ in desk.isShutDown = true }
  }

  // MARK: Taking

  /// The next key, from now on running; nil while none is ready and after ``shutDown()``. Never waits.
  package func takeReady() -> Taken? {
    change { desk, now in desk.take(now: now) }
  }

  /// The next key, from now on running, as soon as there is one; nil after ``shutDown()`` and when the task is cancelled.
  /// Whoever gets a key has to ``finish(_:_:)`` it, also where its task was cancelled meanwhile.
  package func next() async -> Taken? {
    let ticket = desk.withLock { $0.newTicket() }
    while true {
      let isCancelled = Task.isCancelled
      let look = change { desk, now in desk.look(ticket, isCancelled: isCancelled, now: now) }
      let call: Desk.Call
      switch look {
      case .answer(let taken): return taken
      case .wait: call = await sit(ticket)
      case .keepTime(let pause): call = await sit(ticket, keepingTime: pause)
      }
      switch call {
      case .work(let taken): return taken
      case .lookAgain: continue
      }
    }
  }

  private func sit(_ ticket: Desk.Ticket, keepingTime pause: Duration) async -> Desk.Call {
    await withTaskGroup { group in
      group.addTask {
        try? await self.sleep(min(pause, Self.longestSleep))
        // Cancelled, it was called meanwhile, and may be keeping another time.
        guard !Task.isCancelled else { return }
        self.change { desk, _ in desk.resign(ticket) }
      }
      let call = await self.sit(ticket)
      group.cancelAll()
      return call
    }
  }

  /// Waits to be called. Returns at once where a look is worth while: the desk may have changed since the last one.
  private func sit(_ ticket: Desk.Ticket) async -> Desk.Call {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        // The task's flag is set before its handler runs: either it is seen here, or the handler finds the seat.
        let isCancelled = Task.isCancelled
        change { desk, now in
          desk.sit(Desk.Seat(ticket: ticket, continuation: continuation), isCancelled: isCancelled, now: now)
        }
      }
    } onCancel: {
      change { desk, _ in desk.callBack(ticket) }
    }
  }

  // MARK: What there is

  /// When the next key becomes ready; in the past where one is ready already, nil where none is queued.
  package var nextReady: Duration? {
    read { queue in queue.nextReady }
  }

  /// When the key becomes or became ready; nil while it is not queued.
  package func readyTime(of key: String) -> Duration? {
    read { queue in queue.readyTime(of: key) }
  }

  /// How often in a row the key's work has failed.
  package func failures(of key: String) -> Int {
    read { queue in queue.failures(of: key) }
  }

  package var figures: Figures {
    let now = now()
    return desk.withLock { desk in
      desk.queue.advance(to: now)
      return Figures(desk.queue, idleWorkers: desk.seats.count, now: now)
    }
  }

  private func read<Value: Sendable>(_ body: (WorkQueue<String>) -> Value) -> Value {
    let now = now()
    return desk.withLock { desk in
      desk.queue.advance(to: now)
      return body(desk.queue)
    }
  }

  /// Changes the desk, and then calls whom the change concerns.
  @discardableResult
  private func change<Value: Sendable>(_ body: (inout Desk, Duration) -> Value) -> Value {
    let now = now()
    let (value, calls) = desk.withLock { desk in
      let value = body(&desk, now)
      return (value, desk.settle(now: now))
    }
    for (continuation, call) in calls { continuation.resume(returning: call) }
    return value
  }
}
