internal import Controller
internal import Endpoints
internal import History
internal import Planning

/// The outcome for one endpoint of a command that executes a plan.
struct EndpointOutcome: Sendable {
  let endpoint: String
  /// A short title: `updated`, `hold (quarantined)`, `timed out after 30s while updating`.
  let title: String
  /// The title for programs, without details that vary from run to run: `timed out`.
  let word: String
  /// The reason, with the provider's own message if there is one.
  let why: String
  /// What the user can do; nil if nothing needs to be done.
  let next: String?
  let isSuccess: Bool
  /// The executed action; nil if there was none.
  let done: PlanAction?
  let calls: [String]
  /// The duration in whole seconds.
  let seconds: Int64
  /// Whether it is held after this command rolled it back.
  let isRolledBack: Bool

  /// - Parameters:
  ///   - lastAction: the last action executed for the endpoint; nil if there was none.
  ///   - request: what the command was asked to do.
  ///   - planned: the plan's entry if the plan blocks the endpoint; nil: it does not.
  init(
    _ result: ConvergenceResult, lastAction: PlanAction?, request: RequestedChange = .plan,
    planned: EndpointChange? = nil
  ) {
    var isRolledBack = false
    endpoint = result.name
    calls = result.calls
    seconds = result.elapsed.components.seconds
    var isSuccess = result.isSuccess
    var shortTitle: String?
    let action = lastAction ?? .none
    switch result.ending {
    case .inSync:
      shortTitle = request.outcome
      (title, why, next, done) = (request.done ?? action.done, "", nil, lastAction)
    // For a rollback, being held at the requested revision is success.
    case .held(let reason) where reason.code == .rolledBack && request.isRollback:
      isSuccess = true
      shortTitle = request.outcome
      (title, why, next, done) = (request.done ?? action.done, reason.detail, nil, .rollback)
    case .held(let reason):
      let revision = reason.code == .quarantined ? result.rolledBackTo : nil
      let headline = PlanText.headline(.hold, reason)
      isRolledBack = revision != nil
      shortTitle = headline
      title = revision.map { "rolled back to revision \($0)" } ?? headline
      why = Self.withLogs(Self.why(reason, result.last), result)
      next = reason.next(for: result.name)
      done = nil
    case .underWay(let reason, timeIsOver: true):
      shortTitle = "timed out"
      let limit = TimeText.span(seconds: result.limit.components.seconds)
      let waiting = Self.waiting(reason, result)
      title = "timed out after \(limit) while \(waiting.what)"
      (why, next, done) = (waiting.why, waiting.next, nil)
    case .underWay(let reason, timeIsOver: false) where reason.code == .retrying:
      title = "failed"
      why = Self.lastFailure(reason, result)
      next = Self.nextAfterFailure(result) ?? "the call is not retried; fix the cause, then run the command again"
      done = nil
    case .underWay(let reason, timeIsOver: false):
      title = "in progress"
      why = reason.detail.isEmpty ? reason.code.text : reason.detail
      next = Self.nextInProgress(result, request)
      done = nil
    case .interrupted:
      title = "interrupted"
      let flight = Self.inFlight(result)
      (why, next) = (flight.why, flight.next)
      done = nil
    case .failed(let words):
      // What the plan already blocked has the same title here.
      title = planned.map { PlanText.headline($0.action, $0.reason) } ?? "failed"
      (why, next, done) = (words, nil, nil)
    }
    word = shortTitle ?? title
    self.isRolledBack = isRolledBack
    self.isSuccess = isSuccess
  }

  /// Creates the outcome of an endpoint that the plan holds and that was not processed.
  ///
  /// - Parameter isShown: whether the user reads the reason in the plan just above.
  init(_ change: EndpointChange, isShown: Bool = false) {
    endpoint = change.endpoint
    title = PlanText.headline(change.action, change.reason)
    word = title
    seconds = 0
    isRolledBack = false
    why = isShown ? "" : change.reason.detail
    next = isShown ? nil : change.reason.next(for: change.endpoint)
    isSuccess = change.reason.code == .suspended || change.reason.code == .retained
    done = nil
    calls = []
  }

  /// Returns what the command was waiting for when it timed out, what is known about it, and what to do.
  private static func waiting(_ reason: Reason, _ result: ConvergenceResult) -> (
    what: String, why: String, next: String
  ) {
    let goOn = "run the same command to resume"
    switch reason.code {
    case .retrying:
      let words = lastFailure(reason, result)
      let isAnswer = result.last?.recorded.memory.attempt?.refusal != nil
      return (
        "waiting to retry",
        "\(isAnswer ? "the provider's last response was" : "the last call failed"): \(words)",
        nextAfterFailure(result) ?? "nothing is in progress; fix the cause, then run the same command again"
      )
    case .blocked: return (result.last == nil ? "waiting to start" : "blocked", reason.detail, goOn)
    default:
      var words = ""
      if case .present(let live)? = result.last?.observed { words = live.deploymentMessages }
      let known = [reason.detail, words].filter { !$0.isEmpty }.joined(separator: "; ")
      // A rollback that waits for the update has its own reason.
      let isUpdating = reason.code == .overdue || result.last?.decision.blockedBy != nil
      let state = isUpdating ? "updating" : reason.code.text
      return (
        state, known.isEmpty ? "still in progress at the provider" : "still in progress at the provider: \(known)",
        "it continues at the provider; \(goOn)"
      )
    }
  }

  /// Returns the last failure's message. It does not promise a retry: the command ends.
  private static func lastFailure(_ reason: Reason, _ result: ConvergenceResult) -> String {
    (result.last?.decision.degraded ?? reason.detail).replacing(KnownMessage.retryPromise, with: "")
  }

  /// Returns what to do about a change that continues after the command.
  private static func nextInProgress(_ result: ConvergenceResult, _ request: RequestedChange) -> String {
    // Only `apply` has manifests to suggest.
    guard request != .plan else {
      return "\"setpoint apply -f ...\" waits for it and records the result, unless a controller does"
    }
    if let decision = result.last?.decision, decision.blockedBy != nil,
      decision.operations.contains(where: { $0.kind == .config })
    {
      return "the config is not sent yet: the next apply or a controller sends it after the update, and "
        + "\"setpoint wait \(result.name)\" does not"
    }
    return "\"setpoint wait \(result.name)\" waits for it; the next apply or a controller records the result"
  }

  /// Returns what to do after a failed call if something may still be in progress; nil: nothing is.
  private static func nextAfterFailure(_ result: ConvergenceResult) -> String? {
    guard let last = result.last else { return nil }
    if last.recorded.memory.isConfigUncertain {
      return "the call may have been accepted and may continue at the provider; run the same command to resume"
    }
    return earlierStep(last).map { "\($0); fix the cause, then run the same command to resume" }
  }

  /// Returns which earlier step of the rollout is live, as a clause; nil if none is.
  private static func earlierStep(_ last: Reconciler.Assessment) -> String? {
    guard case .present(let live) = last.observed, let share = last.recorded.memory.shareOfEarlierStep(on: live) else {
      return nil
    }
    return "an earlier step is live: the new version has \(share)% of the traffic"
  }

  /// Returns the decision's reason, and the failed revision's recorded message unless the reason contains it.
  private static func why(_ reason: Reason, _ assessment: Reconciler.Assessment?) -> String {
    guard reason.code.isOfHeldConfig, let assessment, case .present(let live) = assessment.observed,
      let held = HeldTag(tags: live.tags).held,
      let words = assessment.recorded.memory.revision(of: held.digest)?.outcome.message, !reason.detail.contains(words)
    else { return reason.detail }
    return reason.detail.isEmpty ? words : "\(reason.detail)\n\(words)"
  }

  /// Appends the last log lines of the failed rollout, unless the reason quotes them.
  private static func withLogs(_ why: String, _ result: ConvergenceResult) -> String {
    let tails = result.evidence?.tails ?? []
    guard !tails.isEmpty else { return why }
    if ["its log: ", "the log: ", "log says: "].contains(where: { why.contains($0) }) {
      return "\(why)\n\"setpoint describe \(result.name)\" shows the end of its logs"
    }
    return ([why] + tails.flatMap { ["\($0.title), the last lines:"] + $0.lines.map { "  \($0)" } })
      .joined(separator: "\n")
  }

  /// Returns what is in flight after an interruption, and what to do.
  private static func inFlight(_ result: ConvergenceResult) -> (why: String, next: String) {
    let resume = "run the same command to resume"
    guard let last = result.last, let attempt = last.recorded.memory.attempt else {
      return (result.calls.isEmpty ? "nothing was sent" : "\(result.calls.joined(separator: ", ")) was sent", resume)
    }
    let kind = attempt.base == .absent ? "creation with" : "\(attempt.kind.rawValue) to"
    let what = "the \(kind) revision \(attempt.revision)"
    if attempt.acceptance != nil { return ("\(what) was sent and continues at the provider", resume) }
    // The assessment before a call does not contain its result.
    if case .call(let operation) = last.decision.next, operation.kind == .config, result.isLastCallSent {
      return ("\(what) was sent and may continue at the provider", resume)
    }
    if let refusal = attempt.refusal {
      let method = attempt.base == .absent ? "POST" : "PUT"
      let words = refusal.message.clause
      if refusal.mayHaveArrived {
        return ("the last \(method) failed: \(words); \(what) may continue at the provider", resume)
      }
      let state = earlierStep(last) ?? "nothing is in progress"
      return ("\(state); the last \(method) was refused: \(words)", "run the same command to retry")
    }
    return last.recorded.memory.isConfigUncertain
      ? ("\(what) was sent, but got no response; it may continue at the provider", resume)
      : ("\(what) was recorded but not sent", resume)
  }
}
