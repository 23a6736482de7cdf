import Synchronization

/// An event that happens once, or never.
final class Latch: Sendable {
  private struct State {
    var isOn = false
    var waiters: [UInt64: CheckedContinuation<Void, Never>] = [:]
    var nextWaiter: UInt64 = 0
  }

  private let state = Mutex(State())

  var isOn: Bool { state.withLock { $0.isOn } }

  func turnOn() {
    let waiters = state.withLock { state in
      state.isOn = true
      defer { state.waiters = [:] }
      return state.waiters.values
    }
    for waiter in waiters { waiter.resume() }
  }

  /// Returns when the event has happened, after `limit`, or when the task is canceled.
  func wait(atMost limit: Duration? = nil) async {
    guard let limit else { return await untilOn() }
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.untilOn() }
      group.addTask { try? await Task.sleep(for: limit) }
      await group.next()
      group.cancelAll()
    }
  }

  private func untilOn() async {
    let waiter = state.withLock { state in
      state.nextWaiter += 1
      return state.nextWaiter
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isOver = state.withLock { state in
          if state.isOn || Task.isCancelled { return true }
          state.waiters[waiter] = continuation
          return false
        }
        if isOver { continuation.resume() }
      }
    } onCancel: {
      state.withLock { $0.waiters.removeValue(forKey: waiter) }?.resume()
    }
  }
}
