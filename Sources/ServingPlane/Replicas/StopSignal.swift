import Synchronization

/// How a replica is asked to stop.
enum StopRequest: Hashable, Sendable {
  /// Requests in flight may continue for this long.
  case drain(Duration)
  /// At once.
  case now

  /// Whether this one leaves the replica less time than the other; any request is more urgent than none.
  func isMoreUrgent(than other: StopRequest?) -> Bool {
    switch (self, other) {
    case (_, nil): true
    case (.now, .drain): true
    case (.drain(let time), .drain(let others)): time < others
    case (_, .now): false
    }
  }
}

/// Carries stop requests to one replica's life. It latches: a request stays in effect once made, so it is not lost when
/// the wait for it is canceled, which happens each time the life moves to its next phase. A repeated request changes
/// nothing unless it is more urgent.
final class StopSignal: Sendable {
  private struct Waiter {
    let known: StopRequest?
    let continuation: CheckedContinuation<StopRequest?, Never>
  }

  private struct State {
    var request: StopRequest?
    var waiter: Waiter?
  }

  private let state = Mutex(State())

  /// The most urgent request so far; nil if there was none.
  var request: StopRequest? { state.withLock { $0.request } }

  /// Sends a request. The most urgent of all requests counts.
  func send(_ request: StopRequest) {
    let waiter = state.withLock { state -> Waiter? in
      guard request.isMoreUrgent(than: state.request) else { return nil }
      state.request = request
      guard let waiter = state.waiter, request.isMoreUrgent(than: waiter.known) else { return nil }
      state.waiter = nil
      return waiter
    }
    waiter?.continuation.resume(returning: request)
  }

  /// Waits for a request that is more urgent than the known one; nil if the task is canceled. Only one caller waits at
  /// a time.
  func next(after known: StopRequest? = nil) async -> StopRequest? {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let (answer, isAnswered) = state.withLock { state -> (StopRequest?, Bool) in
          if let request = state.request, request.isMoreUrgent(than: known) { return (request, true) }
          if Task.isCancelled { return (nil, true) }
          state.waiter = Waiter(known: known, continuation: continuation)
          return (nil, false)
        }
        if isAnswered { continuation.resume(returning: answer) }
      }
    } onCancel: {
      let waiter = state.withLock { state in
        defer { state.waiter = nil }
        return state.waiter
      }
      waiter?.continuation.resume(returning: nil)
    }
  }
}
