import Synchronization

/// Something that happens once, or not at all.
final class Latch: Sendable {
  private let state = Mutex(false)

  var isOn: Bool { state.withLock { $0 } }

  func turnOn() { state.withLock { $0 = true } }

  /// Returns when it has happened, after `limit`, or when the task is cancelled.
  func wait(atMost limit: Duration? = nil) async {
    let end = limit.map { ContinuousClock.now + $0 }
    while !isOn, !Task.isCancelled, end.map({ ContinuousClock.now < $0 }) ?? true {
      try? await Task.sleep(for: .milliseconds(20))
    }
  }
}
