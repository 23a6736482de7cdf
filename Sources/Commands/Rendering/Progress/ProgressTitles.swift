internal import Controller
internal import Endpoints
internal import Planning
internal import Synchronization

/// Converts convergence events to progress for the user. Stores the last action for each endpoint, because the end of a
/// convergence only says that nothing is left to do.
final class ProgressTitles: Sendable {
  private let lastActions = Mutex<[String: PlanAction]>([:])
  private let request: RequestedChange

  init(_ request: RequestedChange = .plan) { self.request = request }

  /// Returns nil for events without visible progress: an observation after which something is only recorded, or nothing
  /// is to do.
  func progress(_ event: ConvergenceEvent) -> EndpointProgress? {
    switch event {
    case .assessed(let assessment): progress(assessment, action: note(assessment))
    case .budgetUsedUp(let assessment, let budget):
      EndpointProgress(
        endpoint: assessment.name, phase: .waiting, state: doing(note(assessment)),
        detail: "waiting for the workspace's write budget (\(budget))")
    case .ended(let result): progress(result, lastAction: lastActions.withLock { $0[result.name] })
    }
  }

  /// Records and returns the current action. While the provider is busy, a decision reports an update, whatever action
  /// started it.
  private func note(_ assessment: Reconciler.Assessment) -> PlanAction {
    let decision = assessment.decision
    return lastActions.withLock { actions in
      var isWaiting = false
      if case .wait = decision.next { isWaiting = true }
      if decision.action != .none, decision.action != .hold, !isWaiting || actions[assessment.name] == nil {
        actions[assessment.name] = decision.action.shown(for: decision.reason.code)
      }
      return actions[assessment.name] ?? decision.action
    }
  }

  private static func purpose(of patch: TagPatch) -> String {
    if patch.add[FleetTags.held] != nil { return "recording the hold" }
    return patch.remove.contains(FleetTags.held) ? "lifting the hold" : "changing tags"
  }

  /// The current action, in the terms of the request.
  private func doing(_ action: PlanAction) -> String {
    action == .rollback ? request.doing ?? action.doing : action.doing
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

  /// Returns what it is waiting for: the provider's message on the replicas before the decision's own.
  private static func waiting(_ assessment: Reconciler.Assessment) -> String {
    var words = ""
    if case .present(let live) = assessment.observed { words = live.deploymentMessages }
    let decision = assessment.decision
    if decision.reason.code == .overdue || words.isEmpty {
      let ours = decision.blockedBy ?? decision.degraded ?? decision.reason.detail
      return [ours, words].filter { !$0.isEmpty }.joined(separator: "; ")
    }
    return words
  }

  private func progress(_ result: ConvergenceResult, lastAction: PlanAction?) -> EndpointProgress {
    let outcome = EndpointOutcome(result, lastAction: lastAction, request: request)
    let phase: EndpointProgress.Phase =
      switch result.ending {
      case .inSync: .done
      case .held: outcome.isSuccess ? .done : .held
      case .underWay: outcome.isSuccess ? .done : .failed
      case .interrupted, .failed: .failed
      }
    // The reason can be long, and is printed once: by the final report.
    return EndpointProgress(endpoint: result.name, phase: phase, state: outcome.title)
  }
}

extension PlanAction {
  /// The action in progress.
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

  /// The completed action.
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
