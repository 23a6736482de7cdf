internal import Synchronization

/// The deadline of a worker's current reconciliation. ``ControllerService`` checks it regularly and ends the worker's
/// task when it has passed: a task and a timer per reconciliation would cost more than most reconciliations do.
package final class RunDeadline: Sendable {
  private enum State {
    case idle
    case running(until: Duration)
    /// The reconciliation took too long; the worker starts no other.
    case over
  }

  private let state = Mutex(State.idle)

  package init() {}

  /// Starts a reconciliation that has to end by this time.
  ///
  /// - Returns: false if the worker is being ended and the reconciliation must not start.
  func begin(until end: Duration) -> Bool {
    state.withLock { state in
      if case .over = state { return false }
      state = .running(until: end)
      return true
    }
  }

  /// Records that the reconciliation has ended.
  func end() {
    state.withLock { state in
      if case .running = state { state = .idle }
    }
  }

  /// Whether the reconciliation took too long.
  var isOver: Bool {
    state.withLock { state in
      if case .over = state { true } else { false }
    }
  }

  /// Returns whether the reconciliation has taken too long. Once true, it stays true.
  func passes(at now: Duration) -> Bool {
    state.withLock { state in
      if case .running(let end) = state, end <= now { state = .over }
      if case .over = state { return true }
      return false
    }
  }
}
