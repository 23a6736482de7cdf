import Controller
import Synchronization
import Testing

/// One timer for many waits.
@Suite struct SharedAlarmTests {
  /// A clock that goes on by a second whenever somebody sleeps by it.
  private final class Clock: Sendable {
    private let time = Mutex(Duration.zero)
    var now: Duration { time.withLock { $0 } }

    func sleep() async throws {
      try Task.checkCancellation()
      await Task.yield()
      time.withLock { $0 += .seconds(1) }
    }
  }

  private func alarm(_ clock: Clock) -> SharedAlarm {
    SharedAlarm(now: { clock.now }, sleep: { _ in try await clock.sleep() })
  }

  @Test(.timeLimit(.minutes(1)), arguments: [0, 1, 600])
  func `whoever waits is woken when the time is over, and not before`(seconds: Int) async throws {
    let clock = Clock()
    let alarm = alarm(clock)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await alarm.run() }
      let start = clock.now
      try await alarm.wait(for: .seconds(seconds))
      #expect(clock.now - start >= .seconds(seconds))
      group.cancelAll()
      try await group.waitForAll()
    }
  }

  @Test(.timeLimit(.minutes(1)))
  func `a wait ends with its task, before and while it waits, and the others go on`() async throws {
    let clock = Clock()
    let alarm = alarm(clock)
    let other = Task { try await alarm.wait(for: .seconds(60)) }
    for _ in 0..<100 {
      let wait = Task { try await alarm.wait(for: .seconds(3600)) }
      if Bool.random() { await Task.yield() }
      wait.cancel()
      await #expect(throws: CancellationError.self) { try await wait.value }
    }
    let run = Task { try await alarm.run() }
    try await other.value
    run.cancel()
    try await run.value
  }
}
