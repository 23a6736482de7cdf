internal import Synchronization

/// An event that tasks wait for. It stays set until it is cleared, so that nobody misses it.
///
/// For one event, nobody clears it. A task that waits for work again and again clears it before it looks for work, and
/// waits only if there is none: what is added later sets it again.
package final class EventFlag: Sendable {
  private struct State {
    var isSet = false
    var waiters: [UInt64: CheckedContinuation<Void, Never>] = [:]
    var nextWaiter: UInt64 = 0
  }

  private let state = Mutex(State())

  package init() {}

  package var isSet: Bool { state.withLock { $0.isSet } }

  /// Ends all waiting.
  package func set() {
    let waiters = state.withLock { state in
      state.isSet = true
      defer { state.waiters = [:] }
      return state.waiters.values
    }
    for waiter in waiters { waiter.resume() }
  }

  /// Lets the next wait wait for the next ``set()``.
  package func clear() { state.withLock { $0.isSet = false } }

  /// Returns when it is set, after `limit`, or when the task is canceled.
  package func wait(atMost limit: Duration? = nil) async {
    guard let limit else { return await untilSet() }
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.untilSet() }
      group.addTask { try? await Task.sleep(for: limit) }
      await group.next()
      group.cancelAll()
    }
  }

  private func untilSet() async {
    let waiter = state.withLock { state in
      state.nextWaiter += 1
      return state.nextWaiter
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isOver = state.withLock { state in
          if state.isSet || Task.isCancelled { return true }
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
