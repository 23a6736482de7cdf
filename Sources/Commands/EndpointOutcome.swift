internal import Controller
internal import Endpoints
internal import History
internal import Planning

/// What came of one endpoint in a command that carries a plan out.
struct EndpointOutcome: Sendable {
  let endpoint: String
  /// In a word or two: `updated`, `hold (quarantined)`, `still under way`.
  let title: String
  /// The reason, with the provider's words where there are any.
  let why: String
  /// What a person can do; nil where nothing is to be done.
  let next: String?
  let isSuccess: Bool
  /// The action that was carried out; nil where nothing was.
  let done: PlanAction?
  let calls: [String]

  /// - Parameter lastAction: what the walk did last, where it did something.
  init(_ result: WalkResult, lastAction: PlanAction?) {
    endpoint = result.name
    calls = result.calls
    isSuccess = result.isSuccess
    let action = lastAction ?? .none
    switch result.ending {
    case .inSync:
      (title, why, next, done) = (action.done, "", nil, lastAction)
    case .held(let reason):
      title = PlanText.headline(.hold, reason)
      why = Self.withLogs(Self.why(reason, result.last), result)
      next = reason.next(for: result.name)
      done = nil
    case .underWay(let reason, _) where reason.code == .retrying:
      title = "failed"
      why = reason.detail
      next = "this command does not send it again; remove the cause, and run it again"
      done = nil
    case .underWay(let reason, let timeIsOver):
      title = timeIsOver ? "still under way" : "under way"
      why = reason.detail.isEmpty ? reason.code.rawValue : reason.detail
      next = timeIsOver ? "it goes on at the provider; the same command goes on from there" : nil
      done = nil
    case .interrupted:
      title = "interrupted"
      why = Self.inFlight(result)
      next = "the same command goes on from there"
      done = nil
    case .failed(let words):
      (title, why, next, done) = ("failed", words, nil, nil)
    }
  }

  /// For an endpoint that the plan holds and nobody walked.
  init(_ change: EndpointChange) {
    endpoint = change.endpoint
    title = PlanText.headline(change.action, change.reason)
    why = change.reason.detail
    next = change.reason.next(for: change.endpoint)
    isSuccess = change.reason.code == .suspended || change.reason.code == .retained
    done = nil
    calls = []
  }

  /// The decision's reason, and what the failed revision's own record says where the reason does not repeat it.
  private static func why(_ reason: Reason, _ look: Reconciler.Look?) -> String {
    guard let look, case .present(let live) = look.observed, let held = HeldTag(tags: live.tags).held,
      let words = look.recorded.memory.revision(of: held.digest)?.outcome.message, !reason.detail.contains(words)
    else { return reason.detail }
    return reason.detail.isEmpty ? words : "\(reason.detail)\n\(words)"
  }

  /// With what the logs of the rollout that failed ended with, unless its reason quotes them.
  private static func withLogs(_ why: String, _ result: WalkResult) -> String {
    let tails = result.evidence?.tails ?? []
    guard !tails.isEmpty else { return why }
    if why.contains("log says:") {
      return "\(why)\n\"setpoint describe \(result.name)\" shows what its logs ended with"
    }
    return ([why] + tails.flatMap { ["\($0.title), the last lines:"] + $0.lines.map { "  \($0)" } })
      .joined(separator: "\n")
  }

  private static func inFlight(_ result: WalkResult) -> String {
    guard let attempt = result.last?.recorded.memory.attempt else {
      return result.calls.isEmpty ? "nothing was sent" : "\(result.calls.joined(separator: ", ")) was sent"
    }
    let what = "the \(attempt.kind.rawValue) to revision \(attempt.revision)"
    return result.calls.isEmpty && attempt.acceptance == nil
      ? "\(what) was written down and not sent" : "\(what) was sent and goes on at the provider"
  }
}
