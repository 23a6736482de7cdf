internal import Synchronization

/// When the run has to be over that a worker is at. ``ControllerService`` looks at it now and then, and ends the worker's
/// task when the time is over: a task and a timer for each run would cost more than most runs do.
package final class RunDeadline: Sendable {
  private enum State {
    case idle
    case running(until: Duration)
    /// The run took too long; the worker begins no other.
    case over
  }

  private let state = Mutex(State.idle)

  package init() {}

  /// A run begins that has to be over at this time.
  ///
  /// - Returns: false where the worker is being ended, and the run must not begin.
  func begin(until end: Duration) -> Bool {
    state.withLock { state in
      if case .over = state { return false }
      state = .running(until: end)
      return true
    }
  }

  /// The run has ended.
  func end() {
    state.withLock { state in
      if case .running = state { state = .idle }
    }
  }

  /// Whether the run took too long.
  var isOver: Bool {
    state.withLock { state in
      if case .over = state { true } else { false }
    }
  }

  /// Looks whether the run has taken too long by now. Once that is so, it stays so.
  func passes(at now: Duration) -> Bool {
    state.withLock { state in
      if case .running(let end) = state, end <= now { state = .over }
      if case .over = state { return true }
      return false
    }
  }
}
