internal import Planning
internal import Scheduling
internal import Synchronization

/// The write budget of a provider, shared by all reconciliations of one command: no matter how many endpoints change
/// concurrently, the provider's limit on writes per period is kept. Rollbacks go first.
package final class SharedWriteBudget: Sendable {
  package let budget: ControllerOptions.WriteBudget
  private let state: Mutex<State>
  private let elapsed: @Sendable () -> Duration

  private struct State {
    var bucket: TokenBucket<String>
    /// The endpoints with a write in flight.
    var writing: Set<String> = []
  }

  /// Long enough for the observation that precedes a write.
  private static let hold: Duration = .seconds(2)

  /// - Parameter elapsed: a monotonic clock.
  package init(_ budget: ControllerOptions.WriteBudget, elapsed: @escaping @Sendable () -> Duration) {
    self.budget = budget
    self.elapsed = elapsed
    state = Mutex(
      State(
        bucket: TokenBucket(
          capacity: budget.writes, per: budget.period, hold: max(budget.period / 10, Self.hold))))
  }

  /// Requests a write.
  ///
  /// - Returns: nil if it may be sent now; otherwise how long to wait before requesting again.
  func take(for name: String, urgent: Bool) -> Duration? {
    state.withLock { state in
      let wait = state.bucket.take(for: name, urgent: urgent, holding: true, now: elapsed())
      if wait == nil { state.writing.insert(name) }
      return wait
    }
  }

  /// Records that the write got a response, or that none will come: it counted at the provider by now at the latest.
  func used(by name: String) {
    state.withLock { state in
      guard state.writing.remove(name) != nil else { return }
      state.bucket.giveBack(now: elapsed())
    }
  }

  /// Records that the reconciliation is over and waits for no more writes.
  func leave(_ name: String) { state.withLock { $0.bucket.leave(name) } }
}

extension Operation {
  /// Whether the provider counts it as a write: a call that starts or stops compute (serving-api.md 1.8).
  var isBudgeted: Bool {
    switch self {
    case .create, .updateConfig, .delete: true
    case .patchTags, .changeSetting: false
    }
  }
}
