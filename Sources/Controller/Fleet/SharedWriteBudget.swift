internal import Planning
internal import Scheduling
internal import Synchronization

/// The write budget of a provider, shared by all reconciliations of one process, and by all processes with the same
/// file: no matter how many endpoints change concurrently, the provider's limit on writes per period is kept. Rollbacks
/// go first: the other writes of all processes leave a token for each rollback that waits.
package final class SharedWriteBudget: Sendable {
  package let budget: ControllerOptions.WriteBudget
  private let state: Mutex<State>
  private let elapsed: @Sendable () -> Duration
  private let file: BudgetFile?

  private struct State {
    var bucket: TokenBucket<String>
    /// The endpoints with a write in flight, and when it was sent.
    var writing: [String: Duration] = [:]
  }

  /// Long enough for the observation that precedes a write.
  private static let hold: Duration = .seconds(2)

  /// - Parameters:
  ///   - elapsed: a monotonic clock.
  ///   - file: where other processes record their writes; nil: the budget is this process's own.
  package init(
    _ budget: ControllerOptions.WriteBudget, file: BudgetFile? = nil, elapsed: @escaping @Sendable () -> Duration
  ) {
    self.budget = budget
    self.elapsed = elapsed
    self.file = file
    state = Mutex(
      State(
        bucket: TokenBucket(
          capacity: budget.writes, per: budget.period, hold: max(budget.period / 10, Self.hold))))
  }

  /// Requests a write.
  ///
  /// - Parameter urgent: whether it goes before all writes that are not urgent.
  /// - Returns: nil if it may be sent now; otherwise how long to wait before requesting again.
  package func take(for name: String, urgent: Bool) -> Duration? {
    state.withLock { state in
      share(&state, urgent: urgent) { state, now in
        let wait = state.bucket.take(for: name, urgent: urgent, holding: true, now: now)
        if wait == nil { state.writing[name] = now }
        return wait
      }
    }
  }

  /// Records that the write got a response, or that none will come: it counted at the provider by now at the latest.
  package func used(by name: String) {
    state.withLock { state in
      guard state.writing[name] != nil else { return }
      share(&state, urgent: false) { state, now in
        state.writing[name] = nil
        state.bucket.giveBack(now: now)
      }
    }
  }

  /// Runs a change of the bucket that takes the writes of other processes into account, and records this process's. A
  /// write in flight is recorded as if it counted from when it was sent, in case the process ends first.
  private func share<Value: Sendable>(
    _ state: inout State, urgent: Bool, _ body: (inout State, _ now: Duration) -> Value
  ) -> Value {
    let now = elapsed()
    guard let file else { return body(&state, now) }
    return file.update { ledger in
      let wallClock = file.now()
      state.bucket.setTakenByOthers(
        ledger.waits(ofOthersThan: file.writer, period: budget.period, urgent: urgent, now: wallClock), now: now)
      let value = body(&state, now)
      let inFlight = state.writing.values.map { $0 + budget.period - now }
      ledger.replace(
        of: file.writer, with: state.bucket.taken(now: now) + inFlight,
        urgentPlaces: state.bucket.urgentPlaces(now: now), now: wallClock)
      return value
    }
  }

  /// Records that the reconciliation is over and waits for no more writes.
  package func leave(_ name: String) {
    state.withLock { state in
      let now = elapsed()
      let former = state.bucket.urgentPlaces(now: now).count
      state.bucket.leave(name)
      // Few have a place in line: the file is changed only if other processes leave a token for this one.
      guard state.bucket.urgentPlaces(now: now).count < former else { return }
      share(&state, urgent: false) { _, _ in }
    }
  }
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
