import Synchronization

/// How a replica is asked to end.
enum StopRequest: Hashable, Sendable {
  /// Requests in flight may finish, for so long.
  case drain(Duration)
  /// At once.
  case now
}

/// Carries stop requests to one replica's life. Unlike an `AsyncStream` it survives that a wait is cancelled, which happens
/// each time the life goes from one phase to the next.
final class StopSignal: Sendable {
  private struct State {
    var pending: StopRequest?
    var waiter: CheckedContinuation<StopRequest?, Never>?
  }

  private let state = Mutex(State())

  /// Asks. Of two requests that nobody has taken yet the later one counts.
  func send(_ request: StopRequest) {
    let waiter = state.withLock { state -> CheckedContinuation<StopRequest?, Never>? in
      if let waiter = state.waiter {
        state.waiter = nil
        return waiter
      }
      state.pending = request
      return nil
    }
    waiter?.resume(returning: request)
  }

  /// Takes the next request; nil when the task is cancelled. One waits at a time.
  func next() async -> StopRequest? {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let (answer, isAnswered) = state.withLock { state -> (StopRequest?, Bool) in
          if let request = state.pending {
            state.pending = nil
            return (request, true)
          }
          if Task.isCancelled { return (nil, true) }
          state.waiter = continuation
          return (nil, false)
        }
        if isAnswered { continuation.resume(returning: answer) }
      }
    } onCancel: {
      let waiter = state.withLock { state in
        defer { state.waiter = nil }
        return state.waiter
      }
      waiter?.resume(returning: nil)
    }
  }
}
