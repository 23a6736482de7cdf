import Synchronization

/// Time that stands still until a test advances it.
final class VirtualClock: Sendable {
  private struct Sleeper {
    let id: Int
    let time: Duration
    let continuation: CheckedContinuation<Void, any Error>
  }

  private struct State {
    var now = Duration.zero
    var sleepers: [Sleeper] = []
    var sleeps = 0
  }

  private let state = Mutex(State())

  var now: Duration { state.withLock { $0.now } }

  /// How many tasks sleep.
  var sleepers: Int { state.withLock { $0.sleepers.count } }

  /// How many sleeps have started so far.
  var sleeps: Int { state.withLock { $0.sleeps } }

  func sleep(_ duration: Duration) async throws {
    let id = state.withLock { state in
      state.sleeps += 1
      return state.sleeps
    }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let isCancelled = Task.isCancelled
        let isOver = state.withLock { state in
          guard duration > .zero, !isCancelled else { return true }
          state.sleepers.append(Sleeper(id: id, time: state.now + duration, continuation: continuation))
          return false
        }
        if isCancelled { continuation.resume(throwing: CancellationError()) } else if isOver { continuation.resume() }
      }
    } onCancel: {
      wake { $0.id == id }.forEach { $0.continuation.resume(throwing: CancellationError()) }
    }
  }

  func advance(to time: Duration) {
    state.withLock { $0.now = max($0.now, time) }
    wake { $0.time <= time }.forEach { $0.continuation.resume() }
  }

  private func wake(_ isMeant: (Sleeper) -> Bool) -> [Sleeper] {
    state.withLock { state in
      let meant = state.sleepers.filter(isMeant)
      state.sleepers.removeAll(where: isMeant)
      return meant
    }
  }
}
