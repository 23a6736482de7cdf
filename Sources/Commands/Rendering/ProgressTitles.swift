internal import Controller
internal import Endpoints
internal import Planning
internal import Synchronization

/// Turns what a walk tells into what a person follows. Remembers for each endpoint the last thing that was done to it, since
/// the end of a walk only says that nothing is left to do.
final class ProgressTitles: Sendable {
  private let lastActions = Mutex<[String: PlanAction]>([:])
  private let undertaking: Undertaking

  init(_ undertaking: Undertaking = .plan) { self.undertaking = undertaking }

  /// Nil for what nobody has to follow: a look after which only something is written down, or nothing is to do.
  func progress(_ event: ConvergenceEvent) -> EndpointProgress? {
    switch event {
    case .assessed(let assessment): progress(assessment, action: note(assessment))
    case .budgetUsedUp(let assessment, let budget):
      EndpointProgress(
        endpoint: assessment.name, phase: .waiting, state: doing(note(assessment)),
        detail: "waiting for the workspace's write budget (\(budget.words))")
    case .ended(let result): progress(result, lastAction: lastActions.withLock { $0[result.name] })
    }
  }

  /// Notes what is being done, and returns it. While the provider is at work a decision speaks of an update, whatever began it.
  private func note(_ assessment: Reconciler.Assessment) -> PlanAction {
    let decision = assessment.decision
    return lastActions.withLock { actions in
      var isWaiting = false
      if case .wait = decision.next { isWaiting = true }
      if decision.action != .none, decision.action != .hold, !isWaiting || actions[assessment.name] == nil {
        let comesBack = undertaking == .retry && decision.reason.code == .wentBack
        actions[assessment.name] = comesBack ? .update : decision.action
      }
      return actions[assessment.name] ?? decision.action
    }
  }

  private static func purpose(of patch: TagPatch) -> String {
    if patch.add[FleetTags.held] != nil { return "recording the hold" }
    return patch.remove.contains(FleetTags.held) ? "lifting the hold" : "changing tags"
  }

  /// What is being done, in the words of what was asked for.
  private func doing(_ action: PlanAction) -> String {
    action == .rollback ? undertaking.doing ?? action.doing : action.doing
  }

  private func progress(_ assessment: Reconciler.Assessment, action: PlanAction) -> EndpointProgress? {
    let doing = doing(action)
    switch assessment.decision.next {
    case .record, .rest: return nil
    case .call(.patchTags(let name, let patch)):
      return EndpointProgress(endpoint: name, phase: .sending, state: doing, detail: Self.purpose(of: patch))
    case .call(let operation):
      return EndpointProgress(endpoint: assessment.name, phase: .sending, state: doing, detail: operation.call)
    case .verify(let request):
      let entities = request.entities.joined(separator: ", ")
      return EndpointProgress(
        endpoint: assessment.name, phase: .verifying, state: "verifying", detail: "querying \(entities)")
    case .checkTarget:
      return EndpointProgress(
        endpoint: assessment.name, phase: .deciding, state: doing,
        detail: "checking whether the previous version can be served")
    case .wait:
      return EndpointProgress(
        endpoint: assessment.name, phase: .waiting, state: doing, detail: Self.waiting(assessment))
    }
  }

  /// What it waits for: the provider's own words on the replicas before ours on the decision.
  private static func waiting(_ assessment: Reconciler.Assessment) -> String {
    var words = ""
    if case .present(let live) = assessment.observed { words = live.deploymentWords }
    let decision = assessment.decision
    if decision.reason.code == .overdue || words.isEmpty {
      let ours = decision.blockedBy ?? decision.degraded ?? decision.reason.detail
      return [ours, words].filter { !$0.isEmpty }.joined(separator: "; ")
    }
    return words
  }

  private func progress(_ result: ConvergenceResult, lastAction: PlanAction?) -> EndpointProgress {
    let outcome = EndpointOutcome(result, lastAction: lastAction, undertaking: undertaking)
    let phase: EndpointProgress.Phase =
      switch result.ending {
      case .inSync: .done
      case .held: outcome.isSuccess ? .done : .held
      case .underWay: outcome.isSuccess ? .done : .failed
      case .interrupted, .failed: .failed
      }
    // Why it ended so can be long, and is told once: by the report at the end.
    return EndpointProgress(endpoint: result.name, phase: phase, state: outcome.title)
  }
}

extension PlanAction {
  /// As something that is being done.
  fileprivate var doing: String {
    switch self {
    case .create: "creating"
    case .update: "updating"
    case .rollback: "rolling back"
    case .delete: "deleting"
    case .adopt: "adopting"
    case .hold, .none: "checking"
    }
  }

  /// As something that has been done.
  var done: String {
    switch self {
    case .create: "created"
    case .update: "updated"
    case .rollback: "rolled back"
    case .delete: "deleted"
    case .adopt: "adopted"
    case .hold, .none: "in sync"
    }
  }
}
