internal import Endpoints

extension Plan {
  /// Plans a whole set. Endpoints that are neither desired nor the fleet's are omitted.
  ///
  /// - Parameters:
  ///   - target: the provider's address, for people and for saved plans.
  ///   - items: each endpoint once: the desired ones and all of the provider's.
  ///   - now: the current time.
  package static func make(
    target: String, items: [PlanItem], now: Timestamp, options: PlanOptions
  ) -> Plan {
    let decisionOptions = options.effective
    var changes: [EndpointChange] = []
    var unchanged = 0
    var fleetSize = 0
    for item in items {
      if case .present(let live) = item.observed, live.belongs(to: decisionOptions.fleet) { fleetSize += 1 }
      let (shown, decision) = item.decided(now, decisionOptions)
      if decision.action == .none {
        if case .present = item.desired { unchanged += 1 }
        if decision.warnings.isEmpty, !options.explain { continue }
        guard case .present = item.desired else { continue }
      }
      let change = EndpointChange(shown, decision, options)
      changes.append(item.missing.map(change.withheld) ?? change)
    }
    changes.sort { $0.endpoint < $1.endpoint }
    let deletions = changes.reduce(0) { $0 + ($1.action == .delete ? 1 : 0) }
    let blocked = options.allowMassDelete ? nil : massDeletion(deletions, of: fleetSize)
    if let blocked { changes = changes.map { $0.action == .delete ? $0.withheld(blocked) : $0 } }
    return Plan(
      target: target, fleet: decisionOptions.fleet, changes: changes, unchanged: unchanged, blockedDeletions: blocked)
  }

  /// Why so many deletions are not carried out; nil if they are. More than a fifth of the fleet, and more than one, is
  /// more likely a mistake than intended.
  package static func massDeletion(_ deletions: Int, of fleetSize: Int) -> String? {
    guard deletions > 1, deletions * 5 > fleetSize else { return nil }
    // Short, since it must fit in a table row.
    return "deleting \(deletions) of \(fleetSize) endpoints (more than a fifth) requires --allow-mass-delete"
  }
}

extension PlanItem {
  /// Returns the decision that the plan shows, and the item that it is based on.
  ///
  /// Recording that an attempt came to nothing changes nothing at the provider: the plan shows the step after it, and
  /// not an update that is not in progress.
  package func decided(_ now: Timestamp, _ options: DecisionOptions) -> (item: PlanItem, decision: Decision) {
    let first = decide(desired: desired, observed: observed, memory: memory, now: now, options: options)
    guard case .record(.closed(let end)) = first.next, end.outcome.leavesNothing else { return (self, first) }
    let memory = memory.applying(.closed(end))
    return (
      PlanItem(name: name, desired: desired, observed: observed, memory: memory, missing: missing),
      decide(desired: desired, observed: observed, memory: memory, now: now, options: options)
    )
  }
}

extension RevisionOutcome {
  /// Whether the attempt came to nothing, without a failure that is judged.
  fileprivate var leavesNothing: Bool {
    switch self {
    case .unsent, .superseded, .refused: true
    case .pending, .good, .found, .failed, .canceled: false
    }
  }
}

extension EndpointChange {
  init(_ item: PlanItem, _ decision: Decision, _ options: PlanOptions) {
    var fields: [FieldChange] = []
    var ignored: [IgnoredDifference] = []
    var base: Attempt.Base? = .absent
    var hasChecks = false
    let live: ObservedEndpoint?
    switch item.observed {
    case .present(let endpoint):
      live = endpoint
      base = Attempt.Base(endpoint)
    case .absent: live = nil
    case .unreadable:
      live = nil
      base = nil
    }
    if case .present(let desired, _) = item.desired {
      hasChecks = !desired.rollout.checks.isEmpty
      if base != nil, let config = decision.target?.config, decision.action != .none {
        fields = FieldDiff.changes(from: live?.active?.config, to: config, on: options.cloud)
      }
      if live == nil, base != nil, decision.action != .none { fields += FieldDiff.changes(ofNew: desired) }
      if options.explain, let live { ignored = IgnoredDifference.all(between: desired, and: live) }
    }
    if let live { fields += FieldDiff.changes(of: decision.tagPatch, on: live.tags) }
    fields += decision.settingFields
    self.init(
      endpoint: item.name, action: decision.action, reason: decision.reason, fields: fields, ignored: ignored,
      operations: decision.operations, blockedBy: decision.blockedBy, degraded: decision.degraded,
      warnings: decision.warnings, base: base,
      sent: SentRollout(of: item.memory, on: item.name, hasChecks: hasChecks, decision))
  }

  fileprivate func withheld(_ why: String) -> EndpointChange {
    EndpointChange(
      endpoint: endpoint, action: .hold, reason: Reason(.blocked, why), fields: fields, ignored: ignored,
      operations: [], blockedBy: nil, degraded: degraded, warnings: warnings, base: base)
  }
}
