package import Endpoints
internal import History
package import Planning

/// How far one endpoint is walked in one command.
package struct ConvergenceLimits: Sendable {
  /// Wait for the provider at all; without it the walk ends at the first wait.
  package var waits: Bool
  /// How long a walk may take; nil: as long as the endpoint's own rollout deadline, and a little.
  package var timeout: Duration?
  /// How many endpoints are walked at once.
  package var concurrency: Int
  /// How many writes the provider takes; nil: any number.
  package var budget: SharedWriteBudget?

  package init(
    waits: Bool = true, timeout: Duration? = nil, concurrency: Int = 16, budget: SharedWriteBudget? = nil
  ) {
    self.waits = waits
    self.timeout = timeout
    self.concurrency = concurrency
    self.budget = budget
  }

  /// The moment at which a walk that begins now gives up waiting.
  func end(of desired: Desired, from now: Timestamp) -> Timestamp {
    if let timeout { return now + timeout }
    guard case .present(let endpoint, _) = desired else { return now + .seconds(600) }
    let end = now + endpoint.rollout.deadline(for: endpoint.config) + .seconds(300)
    // What stays at a step for its time is not late.
    return endpoint.rollout.steps.reduce(end) { $0 + $1.hold }
  }
}

/// What a walk tells on its way.
package enum ConvergenceEvent: Sendable {
  /// Looked and decided; the decision's step comes next.
  case assessed(Reconciler.Assessment)
  /// The look's step is a write, and the write budget is used up for a while.
  case budgetUsedUp(Reconciler.Assessment, ControllerOptions.WriteBudget)
  case ended(ConvergenceResult)
}

/// How the walk of one endpoint ended.
package struct ConvergenceResult: Sendable {
  package let name: String
  package let ending: Ending
  /// The calls that were sent, in order, as the serving API spells them.
  package let calls: [String]
  /// The last look; nil where not even one succeeded.
  package let last: Reconciler.Assessment?
  /// What was seen of a rollout that failed on this walk.
  package let evidence: RolloutEvidence?
  /// How long it took.
  package let elapsed: Duration
  /// How long it was let wait.
  package let limit: Duration

  package enum Ending: Sendable {
    /// Nothing was to do, or all of it is done.
    case inSync
    /// It stays as it is, for the decision's reason.
    case held(Reason)
    /// Something is under way, and this walk waits no longer: it was told not to, or the time was over.
    case underWay(Reason, timeIsOver: Bool)
    /// The person interrupted; what is in flight goes on at the provider.
    case interrupted
    /// The walk itself could not go on. Why, in words.
    case failed(String)
  }

  /// Whether a command that walked this endpoint did what it was asked: holds that the manifest or the fleet's own rules ask
  /// for are no failure.
  package var isSuccess: Bool {
    switch ending {
    case .inSync: true
    case .held(let reason): reason.code == .suspended || reason.code == .retained
    // A call that the provider did not take leaves nothing under way.
    case .underWay(let reason, let timeIsOver): !timeIsOver && reason.code != .retrying
    case .interrupted, .failed: false
    }
  }
}

extension Reconciler {
  /// Walks one endpoint until nothing is left to do: look, decide, take a step, again.
  ///
  /// - Parameter sleep: waits between looks; throws `CancellationError` when the walk is to end.
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
      limit: progress.end - began)
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
    /// How often another process of this state directory got in between, in a row.
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
      if case .present(let live) = assessment.observed, let evidence = live.evidence { progress.evidence = evidence }
      report(.assessed(assessment))
      if let ending = ending(assessment, progress) { return ending }
      guard let pause = pause(assessment) else {
        if let wait = budgetWait(assessment, limits) {
          if let budget = limits.budget { report(.budgetUsedUp(assessment, budget.budget)) }
          next = nil
          // A place in the queue costs the endpoint none of its own time.
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

  /// How long the step has to wait for the write budget; nil: it may be taken now.
  private func budgetWait(_ assessment: Assessment, _ limits: ConvergenceLimits) -> Duration? {
    guard case .call(let operation) = assessment.decision.next, operation.isBudgeted else { return nil }
    return limits.budget?.take(for: assessment.name, urgent: assessment.decision.action == .rollback)
  }

  private func ending(_ assessment: Assessment, _ progress: Progress) -> ConvergenceResult.Ending? {
    // A provider that cannot be read for a moment ends no walk that has begun.
    if case .unreadable = assessment.observed, !progress.calls.isEmpty { return nil }
    guard assessment.decision.isSettled else { return nil }
    // A settled action may still have a step to take, such as side settings in place.
    switch assessment.decision.next {
    case .record, .call, .verify, .checkTarget: return nil
    case .wait, .rest: return assessment.decision.action == .hold ? .held(assessment.decision.reason) : .inSync
    }
  }

  /// How long to wait before the next look; nil: a step is to be taken now.
  private func pause(_ assessment: Assessment) -> Duration? {
    if case .unreadable = assessment.observed { return .seconds(5) }
    switch assessment.decision.next {
    case .wait(let pause): return pause
    case .rest: return .seconds(5)
    case .record, .call, .verify, .checkTarget: return nil
    }
  }

  private func take(_ assessment: Assessment, _ progress: inout Progress) async throws -> Assessment? {
    if case .call(let operation) = assessment.decision.next { progress.calls.append(operation.call) }
    do {
      let next = try await take(assessment)
      progress.collisions = 0
      return next
    } catch let error as HistoryError where error.code == .moved && progress.collisions < 5 {
      // Another process with this state directory recorded something in between: check again.
      progress.collisions += 1
      return nil
    }
  }
}
