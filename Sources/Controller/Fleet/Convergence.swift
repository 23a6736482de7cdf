package import Endpoints
internal import History
package import Planning
internal import Storage

/// Limits for reconciling one endpoint in one command.
package struct ConvergenceLimits: Sendable {
  /// Whether to wait for the provider; if false, reconciliation ends at the first wait.
  package var waits: Bool
  /// How long reconciliation may take; nil: the endpoint's own rollout deadline plus a margin.
  package var timeout: Duration?
  /// How many endpoints are reconciled concurrently.
  package var concurrency: Int
  /// How many writes the provider accepts; nil: unlimited.
  package var budget: SharedWriteBudget?

  package init(
    waits: Bool = true, timeout: Duration? = nil, concurrency: Int = 16, budget: SharedWriteBudget? = nil
  ) {
    self.waits = waits
    self.timeout = timeout
    self.concurrency = concurrency
    self.budget = budget
  }

  /// The time at which a reconciliation that starts now stops waiting.
  func end(of desired: Desired, from now: Timestamp) -> Timestamp {
    if let timeout { return now + timeout }
    guard case .present(let endpoint, _) = desired else { return now + .seconds(600) }
    let end = now + endpoint.rollout.deadline(for: endpoint.config) + .seconds(300)
    // The hold time of a step is not a delay.
    return endpoint.rollout.steps.reduce(end) { $0 + $1.hold }
  }
}

/// Progress of a reconciliation.
package enum ConvergenceEvent: Sendable {
  /// The endpoint was observed and a decision was made; the decision's step comes next.
  case assessed(Reconciler.Assessment)
  /// The next step is a write, and the write budget is exhausted for now.
  case budgetUsedUp(Reconciler.Assessment, ControllerOptions.WriteBudget)
  case ended(ConvergenceResult)
}

/// The result of reconciling one endpoint.
package struct ConvergenceResult: Sendable {
  package let name: String
  package let ending: Ending
  /// The calls that were sent, in order, in the notation of the serving API.
  package let calls: [String]
  /// The last assessment; nil if none succeeded.
  package let last: Reconciler.Assessment?
  /// Evidence of a rollout that failed during this reconciliation.
  package let evidence: RolloutEvidence?
  /// How long it took.
  package let elapsed: Duration
  /// How long it was allowed to wait.
  package let limit: Duration
  /// The revision to which this reconciliation sent a rollback; nil: it sent none.
  package var rolledBackTo: Int?
  /// Whether the call of the last assessment's decision was sent. The assessment does not contain its result.
  package var isLastCallSent = false

  package enum Ending: Sendable {
    /// Nothing had to be done, or everything is done.
    case inSync
    /// The endpoint stays as it is, for the decision's reason.
    case held(Reason)
    /// A change is in progress, and the wait for it has ended: by request, or because of the timeout.
    case underWay(Reason, timeIsOver: Bool)
    /// The user interrupted; calls in flight continue at the provider.
    case interrupted
    /// Reconciliation could not continue, for this reason.
    case failed(String)
  }

  /// Whether the command did what was requested. A hold that the manifest or the fleet's own rules request is not a
  /// failure.
  package var isSuccess: Bool {
    switch ending {
    case .inSync: true
    case .held(let reason): reason.code == .suspended || reason.code == .retained
    // A call that the provider did not accept leaves nothing in progress.
    case .underWay(let reason, let timeIsOver): !timeIsOver && reason.code != .retrying
    case .interrupted, .failed: false
    }
  }
}

extension Reconciler {
  /// Reconciles one endpoint until nothing is left to do: observe, decide, take a step, repeat.
  ///
  /// - Parameter sleep: waits between checks; throws `CancellationError` when reconciliation has to end.
  package func converge(
    _ name: String, desired: Desired, limits: ConvergenceLimits, sleep: @Sendable (Duration) async throws -> Void,
    report: @Sendable (ConvergenceEvent) -> Void
  ) async -> ConvergenceResult {
    let began = now()
    var progress = Progress(name: name, desired: desired, end: limits.end(of: desired, from: began))
    let ending: ConvergenceResult.Ending
    do {
      ending = try await run(&progress, limits, sleep, report)
    } catch is CancellationError {
      ending = .interrupted
    } catch {
      ending = .failed("\(error)")
    }
    limits.budget?.leave(name)
    let result = ConvergenceResult(
      name: name, ending: ending, calls: progress.calls, last: progress.last, evidence: progress.evidence,
      elapsed: now() - began,
      limit: progress.end - began, rolledBackTo: progress.rolledBackTo, isLastCallSent: progress.isLastCallSent)
    report(.ended(result))
    return result
  }

  private struct Progress {
    let name: String
    let desired: Desired
    var end: Timestamp
    var calls: [String] = []
    var last: Assessment?
    var evidence: RolloutEvidence?
    var rolledBackTo: Int?
    var isLastCallSent = false
    /// How many times in a row another process with the same state directory recorded a change in between.
    var collisions = 0
  }

  private func run(
    _ progress: inout Progress, _ limits: ConvergenceLimits, _ sleep: @Sendable (Duration) async throws -> Void,
    _ report: @Sendable (ConvergenceEvent) -> Void
  ) async throws -> ConvergenceResult.Ending {
    var next: Assessment?
    while true {
      try Task.checkCancellation()
      let assessment: Assessment
      if let next {
        assessment = next
      } else {
        assessment = try await self.assess(progress.name, desired: progress.desired)
      }
      progress.last = assessment
      progress.isLastCallSent = false
      if case .present(let live) = assessment.observed, let evidence = live.evidence { progress.evidence = evidence }
      report(.assessed(assessment))
      if let ending = ending(assessment, progress) { return ending }
      guard let pause = pause(assessment) else {
        if let wait = budgetWait(assessment, limits) {
          if let budget = limits.budget { report(.budgetUsedUp(assessment, budget.budget)) }
          next = nil
          // Waiting in the queue does not count against the endpoint's own time.
          progress.end = progress.end + wait
          try await sleep(wait)
          continue
        }
        defer { limits.budget?.used(by: progress.name) }
        next = try await take(assessment, &progress)
        continue
      }
      next = nil
      guard limits.waits else { return .underWay(assessment.decision.reason, timeIsOver: false) }
      guard now() + pause <= progress.end else { return .underWay(assessment.decision.reason, timeIsOver: true) }
      try await sleep(pause)
    }
  }

  /// How long the step has to wait for the write budget; nil: it can be taken now.
  private func budgetWait(_ assessment: Assessment, _ limits: ConvergenceLimits) -> Duration? {
    guard case .call(let operation) = assessment.decision.next, operation.isBudgeted else { return nil }
    return limits.budget?.take(for: assessment.name, urgent: assessment.decision.action == .rollback)
  }

  private func ending(_ assessment: Assessment, _ progress: Progress) -> ConvergenceResult.Ending? {
    // A provider that is temporarily unreadable does not end a reconciliation in progress.
    if case .unreadable = assessment.observed, !progress.calls.isEmpty { return nil }
    guard assessment.decision.isSettled else { return nil }
    // A settled action may still have a step to take, such as in-place changes to side settings.
    switch assessment.decision.next {
    case .record, .call, .verify, .checkTarget: return nil
    case .wait, .rest: return assessment.decision.action == .hold ? .held(assessment.decision.reason) : .inSync
    }
  }

  /// How long to wait before the next check; nil: a step is due now.
  private func pause(_ assessment: Assessment) -> Duration? {
    if case .unreadable = assessment.observed { return .seconds(5) }
    switch assessment.decision.next {
    case .wait(let pause): return pause
    case .rest: return .seconds(5)
    case .record, .call, .verify, .checkTarget: return nil
    }
  }

  private func take(_ assessment: Assessment, _ progress: inout Progress) async throws -> Assessment? {
    if case .call(let operation) = assessment.decision.next {
      progress.calls.append(operation.call)
      progress.isLastCallSent = true
      if operation.kind == .config, let attempt = assessment.recorded.memory.attempt, attempt.kind == .rollback {
        progress.rolledBackTo = attempt.revision
      }
    }
    do {
      let next = try await take(assessment)
      progress.collisions = 0
      return next
    } catch let error as StorageError where error.kind == .moved && progress.collisions < 5 {
      // Another process with this state directory recorded something in between: check again.
      progress.collisions += 1
      return nil
    }
  }
}
