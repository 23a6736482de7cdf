package import Scheduling
internal import Synchronization

/// The work queue that workers wait for: a ``WorkQueue`` of names with a lock, a clock and wake-ups.
///
/// A key that becomes ready is handed to one waiting worker and wakes no other. While keys wait for their time, one of
/// the waiting workers sleeps until the earliest of these times; there is no polling and no separate timer.
package final class KeyQueue: Sendable {
  package typealias WorkItem = WorkQueue<String>.WorkItem

  private let waiting: Mutex<WaitingWorkers>
  private let now: @Sendable () -> Duration
  private let chance: @Sendable () -> Double
  private let sleep: @Sendable (Duration) async throws -> Void

  /// The maximum length of one sleep, so that no clock gets a time that it cannot represent.
  private static let longestSleep = Duration.seconds(3600)

  /// - Parameters:
  ///   - now: the time since a fixed origin.
  ///   - chance: a number from 0 up to, but not including, 1, which spreads back-off.
  ///   - sleep: waits by the clock of `now`; throws if its task is canceled.
  package init(
    backoff: Backoff,
    now: @escaping @Sendable () -> Duration,
    chance: @escaping @Sendable () -> Double = { .random(in: 0..<1) },
    sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
  ) {
    waiting = Mutex(WaitingWorkers(queue: WorkQueue(backoff: backoff)))
    self.now = now
    self.chance = chance
    self.sleep = sleep
  }

  // MARK: Events

  /// Queues a key, `after` at the earliest; the rules are those of ``WorkQueue``.
  package func add(_ key: String, priority: WorkPriority, after: Duration = .zero) {
    change { waiting, now in waiting.queue.add(key, priority: priority, after: after, now: now) }
  }

  /// Records that the work on a taken key has ended.
  package func finish(_ key: String, _ outcome: WorkOutcome) {
    let chance = chance()
    change { waiting, now in waiting.queue.finish(key, outcome, now: now, chance: chance) }
  }

  /// Stops handing out work: all waiting workers, now or later, get nil. Work in progress can still be finished.
  package func shutDown() {
    change { waiting, _ in waiting.isShutDown = true }
  }

  // MARK: Taking

  /// Takes the next ready key, which then counts as running; nil if none is ready and after ``shutDown()``. Never
  /// waits.
  package func takeReady() -> WorkItem? {
    change { waiting, now in waiting.take(now: now) }
  }

  /// Takes the next key as soon as one is ready; nil after ``shutDown()`` and when the task is canceled. The caller has
  /// to ``finish(_:_:)`` a returned key even if its task was canceled meanwhile.
  package func next() async -> WorkItem? {
    let ticket = waiting.withLock { $0.newTicket() }
    while true {
      let isCancelled = Task.isCancelled
      let availability = change { waiting, now in waiting.poll(ticket, isCancelled: isCancelled, now: now) }
      let call: WaitingWorkers.Call
      switch availability {
      case .work(let taken): return taken
      case .wait: call = await park(ticket)
      case .keepTime(let pause): call = await park(ticket, keepingTime: pause)
      }
      switch call {
      case .work(let taken): return taken
      case .pollAgain: continue
      }
    }
  }

  private func park(_ ticket: WaitingWorkers.Ticket, keepingTime pause: Duration) async -> WaitingWorkers.Call {
    await withTaskGroup { group in
      group.addTask {
        try? await self.sleep(min(pause, Self.longestSleep))
        // If the sleep was canceled, the worker was called, and another may be keeping the time.
        guard !Task.isCancelled else { return }
        self.change { waiting, _ in waiting.resign(ticket) }
      }
      let call = await self.park(ticket)
      group.cancelAll()
      return call
    }
  }

  /// Waits to be called. Returns immediately if the waiting workers may have changed since the last check.
  private func park(_ ticket: WaitingWorkers.Ticket) async -> WaitingWorkers.Call {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        // The task's flag is set before its handler runs: either it is seen here, or the handler finds the waiter.
        let isCancelled = Task.isCancelled
        change { waiting, now in
          waiting.park(
            WaitingWorkers.Waiter(ticket: ticket, continuation: continuation), isCancelled: isCancelled, now: now)
        }
      }
    } onCancel: {
      change { waiting, _ in waiting.wake(ticket) }
    }
  }

  // MARK: State

  /// When the next key becomes ready; in the past if one is ready already, nil if none is queued.
  package var nextReady: Duration? {
    read { queue in queue.nextReady }
  }

  /// Returns when the key becomes or became ready; nil if it is not queued.
  package func readyTime(of key: String) -> Duration? {
    read { queue in queue.readyTime(of: key) }
  }

  /// Returns how many times in a row the key's work has failed.
  package func failures(of key: String) -> Int {
    read { queue in queue.failures(of: key) }
  }

  package var metrics: Metrics {
    let now = now()
    return waiting.withLock { waiting in
      waiting.queue.advance(to: now)
      return Metrics(waiting.queue, idleWorkers: waiting.waiters.count, now: now)
    }
  }

  private func read<Value: Sendable>(_ body: (WorkQueue<String>) -> Value) -> Value {
    let now = now()
    return waiting.withLock { waiting in
      waiting.queue.advance(to: now)
      return body(waiting.queue)
    }
  }

  /// Changes the waiting workers, and then calls those that the change affects.
  @discardableResult
  private func change<Value: Sendable>(_ body: (inout WaitingWorkers, Duration) -> Value) -> Value {
    let now = now()
    let (value, calls) = waiting.withLock { waiting in
      let value = body(&waiting, now)
      return (value, waiting.settle(now: now))
    }
    for (continuation, call) in calls { continuation.resume(returning: call) }
    return value
  }
}
