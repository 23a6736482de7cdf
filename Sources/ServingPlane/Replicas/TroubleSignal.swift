import Synchronization

/// Carries the gateway's reports that a replica does not take requests, or has stalled, to the replica's life. Any
/// number of reports is one until the life takes it.
final class TroubleSignal: Sendable {
  private struct State {
    var isRaised = false
    var waiter: CheckedContinuation<Bool, Never>?
  }

  private let state = Mutex(State())

  /// Whether there was a report since the last ``take()``.
  var isRaised: Bool { state.withLock { $0.isRaised } }

  /// Reports trouble.
  func raise() {
    let waiter = state.withLock { state in
      state.isRaised = true
      defer { state.waiter = nil }
      return state.waiter
    }
    waiter?.resume(returning: true)
  }

  /// Returns whether there was a report, and forgets it.
  func take() -> Bool {
    state.withLock { state in
      defer { state.isRaised = false }
      return state.isRaised
    }
  }

  /// Waits for a report, which stays until it is taken; false if the task is canceled. Only one caller waits at a time.
  func next() async -> Bool {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let answer = state.withLock { state -> Bool? in
          if state.isRaised { return true }
          if Task.isCancelled { return false }
          state.waiter = continuation
          return nil
        }
        if let answer { continuation.resume(returning: answer) }
      }
    } onCancel: {
      let waiter = state.withLock { state in
        defer { state.waiter = nil }
        return state.waiter
      }
      waiter?.resume(returning: false)
    }
  }
}
