internal import ServiceLifecycle
internal import Synchronization

/// Keeps the time for many who wait long, and are nearly always done before, such as the deadlines of runs: one timer for
/// all of them. A timer of its own for each would be set and looked after at every run, and lie in memory to the end of
/// its time when its run is long over.
///
/// Nobody is woken before the service runs, nor after it has ended.
package final class SharedAlarm: Service {
  private struct Wait {
    let end: Duration
    let continuation: CheckedContinuation<Void, any Error>
  }

  private struct State {
    var lastNumber: UInt64 = 0
    var waits: [UInt64: Wait] = [:]
  }

  private let state = Mutex(State())
  private let now: @Sendable () -> Duration
  private let sleep: @Sendable (Duration) async throws -> Void

  /// How late somebody may be woken.
  private static let tick = Duration.seconds(1)

  /// - Parameters:
  ///   - now: the time since any origin that stays the same.
  ///   - sleep: waits for a time by the clock of `now`; throws when its task is cancelled.
  package init(now: @escaping @Sendable () -> Duration, sleep: @escaping @Sendable (Duration) async throws -> Void) {
    self.now = now
    self.sleep = sleep
  }

  /// Returns when the time is over, or up to a second later.
  ///
  /// - Throws: `CancellationError` when the task is cancelled first.
  package func wait(for time: Duration) async throws {
    let end = now() + time
    let number = state.withLock { state in
      state.lastNumber += 1
      return state.lastNumber
    }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        // The task's flag is set before its handler runs: either it is seen here, or the handler finds the wait.
        let isCancelled = state.withLock { state in
          if Task.isCancelled { return true }
          state.waits[number] = Wait(end: end, continuation: continuation)
          return false
        }
        if isCancelled { continuation.resume(throwing: CancellationError()) }
      }
    } onCancel: {
      state.withLock { $0.waits.removeValue(forKey: number) }?.continuation.resume(throwing: CancellationError())
    }
  }

  /// Wakes those whose time is over, until it is asked to stop.
  package func run() async throws {
    try await cancelWhenGracefulShutdown {
      do {
        while true {
          try await self.sleep(Self.tick)
          self.wake()
        }
      } catch is CancellationError {}
    }
  }

  private func wake() {
    let now = now()
    let over = state.withLock { state in
      let over = state.waits.filter { $0.value.end <= now }
      for number in over.keys { state.waits[number] = nil }
      return over
    }
    for wait in over.values { wait.continuation.resume() }
  }
}
