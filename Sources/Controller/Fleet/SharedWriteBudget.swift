internal import Planning
internal import Scheduling
internal import Synchronization

/// The write budget of a provider, shared by every walk of one command: however many endpoints change at once, no more
/// writes go out in any stretch of time than the provider takes. Rollbacks go first.
package final class SharedWriteBudget: Sendable {
  package let budget: ControllerOptions.WriteBudget
  private let state: Mutex<State>
  private let elapsed: @Sendable () -> Duration

  private struct State {
    var bucket: TokenBucket<String>
    /// The walks whose write is on its way.
    var writing: Set<String> = []
  }

  /// Long enough for the look that comes before a write.
  private static let hold: Duration = .seconds(2)

  /// - Parameter elapsed: a clock that never goes back.
  package init(_ budget: ControllerOptions.WriteBudget, elapsed: @escaping @Sendable () -> Duration) {
    self.budget = budget
    self.elapsed = elapsed
    state = Mutex(
      State(
        bucket: TokenBucket(
          capacity: budget.writes, per: budget.period, hold: max(budget.period / 10, Self.hold))))
  }

  /// Asks for a write.
  ///
  /// - Returns: nil where it may go out now; else how long to wait before asking again.
  func take(for name: String, urgent: Bool) -> Duration? {
    state.withLock { state in
      let wait = state.bucket.take(for: name, urgent: urgent, holding: true, now: elapsed())
      if wait == nil { state.writing.insert(name) }
      return wait
    }
  }

  /// The answer to the write came, or none will: it counted at the provider until now at the latest.
  func used(by name: String) {
    state.withLock { state in
      guard state.writing.remove(name) != nil else { return }
      state.bucket.giveBack(now: elapsed())
    }
  }

  /// The walk is over and waits for no write any more.
  func leave(_ name: String) { state.withLock { $0.bucket.leave(name) } }
}

extension Operation {
  /// Whether the provider counts it as a write: what begins or ends compute (serving-api.md 1.8).
  var isBudgeted: Bool {
    switch self {
    case .create, .updateConfig, .delete: true
    case .patchTags, .changeSetting: false
    }
  }
}
