internal import Durations
internal import Endpoints
internal import History
internal import Logging
internal import Planning
package import Scheduling
internal import ServingAPI
internal import Storage

extension FleetController {
  /// Reconciles one endpoint of the queue: observes it and takes steps until it has to wait.
  ///
  /// - Parameter deadline: the worker's; nil: no limit.
  package func work(on taken: WorkQueue<String>.WorkItem, _ deadline: RunDeadline? = nil) async {
    let name = taken.key
    let began = parts.elapsed()
    if let deadline, !deadline.begin(until: began + options.runDeadline) {
      return queue.finish(name, .again(after: .zero, taken.priority))
    }
    defer { deadline?.end() }
    parts.metrics.taken(waited: taken.waited)
    let id = newRun()
    let end = await run(name, id, deadline)
    if case .failed(let words, _) = end, !isStopping {
      let words = logged.text(words, of: name)
      log.warning("\(words)", metadata: ["endpoint": "\(name)", "reconcile": "\(id)"])
    }
    if end.leavesBudget { budget?.leave(name) }
    recordCheck(of: name)
    queue.finish(name, outcome(end))
    if end.isFailure { scheduleRetry(of: name) }
    parts.metrics.reconciled(end.result, seconds: parts.elapsed() - began)
  }

  /// The end of a reconciliation.
  enum RunResult: Sendable {
    /// Nothing to do before the next interval.
    case settled
    /// Check again after this time.
    case waiting(Duration, WorkPriority)
    /// The write budget is exhausted for this long.
    case overBudget(Duration, WorkPriority)
    /// A failure that may be temporary.
    case failed(String, atLeast: Duration?)
    /// A failure that only a change can fix.
    case stuck(String)
    /// The deadline was exceeded.
    case tooLong
    /// The endpoint is neither desired nor live.
    case gone
    /// The controller is stopping.
    case stopped

    var leavesBudget: Bool { if case .overBudget = self { false } else { true } }

    /// Whether the queue waits for back-off before the next check.
    var isFailure: Bool {
      switch self {
      case .failed, .tooLong: true
      case .settled, .waiting, .overBudget, .stuck, .gone, .stopped: false
      }
    }

    /// The result under its standard name, for metrics.
    var result: ControllerMetrics.Result {
      switch self {
      case .settled, .gone: .success
      case .waiting, .overBudget, .stopped: .requeueAfter
      case .failed: .error
      case .stuck: .terminalError
      case .tooLong: .timeout
      }
    }
  }

  private func outcome(_ end: RunResult) -> WorkOutcome {
    switch end {
    case .settled: .again(after: options.interval.spread(parts.chance()), .resync)
    case .waiting(let pause, let priority), .overBudget(let pause, let priority): .again(after: pause, priority)
    case .failed(_, let atLeast): atLeast.map { .failedFor(atLeast: $0) } ?? .failed
    case .tooLong: .failed
    case .stuck: .terminal
    case .gone, .stopped: .done
    }
  }

  private func run(_ name: String, _ id: String, _ deadline: RunDeadline?) async -> RunResult {
    do {
      return try await steps(name, id)
    } catch is CancellationError {
      guard let deadline, deadline.isOver else { return .stopped }
      let limit = DurationText.text(options.runDeadline)
      await note("a reconciliation took longer than \(limit) and was canceled", of: name, run: id)
      return .tooLong
    } catch let error as LostLease {
      await stopForLostLease(error.description)
      return .stopped
    } catch let error as StorageError where error.kind == .damaged || error.kind == .newer {
      await note("not reconciled", why: error.description, of: name, run: id)
      return .stuck(error.description)
    } catch {
      return .failed("\(error)", atLeast: nil)
    }
  }

  /// More than the number of steps between any two states of rest.
  private static let mostSteps = 40

  private func steps(_ name: String, _ id: String) async throws -> RunResult {
    let entry = view.entry(name)
    let reconciler = reconciler.with(options.decision(commit: entry.commit))
    var assessment = try await reconciler.assess(name, desired: entry.desired)
    var checked: ConfigDigest?
    for _ in 0..<Self.mostSteps {
      view.take(name, assessment.observed, fleet: options.fleet)
      let withheld = withholding(assessment.decision)
      if withheld == nil, let config = configToCheck(assessment), config.digest != checked {
        checked = config.digest
        assessment = try await check(assessment, reconciler, entry, id)
        continue
      }
      await saw(assessment, withheld, entry, id)
      if let end = end(of: assessment, withheld) { return end }
      if isStopping { return .stopped }
      if case .call(let operation) = assessment.decision.next {
        guard await parts.lease.isHeld() else { throw LostLease(holder: await parts.lease.holder) }
        if operation.isBudgeted, let end = await spend(assessment, entry, id) { return end }
        if operation.kind == .config { reportRollback(assessment, entry) }
        log.info(
          "\(operation.call)",
          metadata: [
            "endpoint": "\(name)", "reconcile": "\(id)", "why": "\(assessment.decision.reason.code.rawValue)",
          ])
      }
      defer { budget?.used(by: name) }
      assessment = try await step(assessment, reconciler)
    }
    return .waiting(.seconds(1), .edit)
  }

  /// Why the decision's next step is withheld; nil: it is not. The pause is read and the fleet is counted only if it
  /// matters: most checks find nothing to do.
  private func withholding(_ decision: Decision) -> WriteRules.Withholding? {
    var isDeletion = false
    switch decision.next {
    case .wait, .rest: return nil
    case .call(.delete): isDeletion = true
    case .call, .record, .verify, .checkTarget: break
    }
    let rules = WriteRules(
      mode: options.mode, windows: options.windows, pause: parts.pause()?.reason,
      deletionsBlocked: isDeletion ? view.blockedDeletions(allowMassDelete: options.allowMassDelete) : nil)
    return rules.withholding(decision, now: reconciler.now())
  }

  private func step(_ assessment: Reconciler.Assessment, _ reconciler: Reconciler) async throws -> Reconciler.Assessment
  {
    do {
      if let next = try await reconciler.take(assessment) { return next }
    } catch let error as StorageError where error.kind == .moved {
      // A user's command with the same state directory recorded something in between: check again.
    }
    return try await reconciler.assess(assessment.name, desired: assessment.desired)
  }

  /// Takes a write from the budget; returns nil if the write can be sent.
  private func spend(_ assessment: Reconciler.Assessment, _ entry: FleetView.Entry, _ id: String) async -> RunResult? {
    let isUrgent = assessment.decision.action == .rollback
    guard let wait = budget?.take(for: assessment.name, urgent: isUrgent) else { return nil }
    let withheld = WriteRules.Withholding(
      "the write budget is exhausted: \(options.writeBudget.map { "\($0)" } ?? "")",
      until: reconciler.now() + wait)
    await saw(assessment, withheld, entry, id)
    return .overBudget(wait, isUrgent ? .rescue : .edit)
  }

  /// Returns how the reconciliation ends here; nil: the next step is taken.
  private func end(of assessment: Reconciler.Assessment, _ withheld: WriteRules.Withholding?) -> RunResult? {
    if let failure = assessment.failure { return .failed(failure.description, atLeast: failure.retryAfter) }
    let decision = assessment.decision
    switch decision.next {
    case .rest:
      if case .none = assessment.desired, !view.names.contains(assessment.name) {
        forget(assessment.name)
        return .gone
      }
      return .settled
    case .wait(let pause):
      // After a failed call, the delay is kept exactly; during any other, live state may change before it is over.
      let isSetback = decision.reason.code == .retrying || decision.reason.code == .refused
      return .waiting(isSetback ? pause : min(pause, options.interval), priority(decision))
    case .record, .call, .verify, .checkTarget: break
    }
    guard let withheld else { return nil }
    let interval = options.interval.spread(parts.chance())
    return .waiting(withheld.until.map { min(max(.seconds(1), $0 - reconciler.now()), interval) } ?? interval, .resync)
  }

  private func priority(_ decision: Decision) -> WorkPriority {
    decision.action == .rollback ? .rescue : decision.isSettled ? .resync : .edit
  }
}

/// The lease was taken by another controller, or its file was removed.
struct LostLease: Error, CustomStringConvertible {
  let holder: String?

  var description: String {
    "the lease of this fleet was lost" + (holder.map { "; it is held by \($0)" } ?? "")
  }
}
