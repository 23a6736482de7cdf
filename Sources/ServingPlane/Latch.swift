import Synchronization

/// An event that happens once, or never.
final class Latch: Sendable {
  private let state = Mutex(false)

  var isOn: Bool { state.withLock { $0 } }

  func turnOn() { state.withLock { $0 = true } }

  /// Returns when the event has happened, after `limit`, or when the task is canceled.
  func wait(atMost limit: Duration? = nil) async {
    let end = limit.map { ContinuousClock.now + $0 }
    while !isOn, !Task.isCancelled, end.map({ ContinuousClock.now < $0 }) ?? true {
      try? await Task.sleep(for: .milliseconds(20))
    }
  }
}
