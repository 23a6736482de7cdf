package import Endpoints

/// The changes to a set of endpoints, with reasons. A plan is a value that can be shown, compared and saved.
package struct Plan: Hashable, Sendable {
  /// The provider's address.
  package let target: String
  package let fleet: String
  /// The changes by endpoint name; unchanged endpoints are only counted.
  package let changes: [EndpointChange]
  package let unchanged: Int
  /// Why no endpoint is deleted although some should be. The rest of the plan applies.
  package let blockedDeletions: String?

  /// Returns the number of endpoints with an action, including ``PlanAction/none``.
  package func count(_ action: PlanAction) -> Int {
    action == .none ? unchanged : changes.reduce(0) { $0 + ($1.action == action ? 1 : 0) }
  }

  /// Returns the plan with what a serving plane says about its changes, by endpoint.
  package func with(_ forecasts: [String: RolloutForecast]) -> Plan {
    let changes = changes.map { change in
      var change = change
      change.forecast = forecasts[change.endpoint]
      return change
    }
    return Plan(
      target: target, fleet: fleet, changes: changes, unchanged: unchanged, blockedDeletions: blockedDeletions)
  }

  /// Whether there is nothing to do and nothing to show.
  package var isInSync: Bool { changes.isEmpty }

  /// Whether anything would be sent or awaited.
  package var hasChanges: Bool { changes.contains { $0.action != .hold && $0.action != .none } }

  /// Whether a user should check the plan: something is held for a reason other than its manifest's request, or a user
  /// rolled back from its manifest.
  package var needsPerson: Bool {
    blockedDeletions != nil
      || changes.contains { $0.action == .hold && ($0.reason.needsPerson || $0.reason.code == .rolledBack) }
  }
}

/// Everything that is known of one endpoint when planning.
package struct PlanItem: Sendable {
  package let name: String
  package let desired: Desired
  package let observed: Observation
  package let memory: Memory
  /// Which versions in the rollout cannot be served now, and why; nil if there are none or that is unknown.
  package let missing: String?

  package init(
    name: String, desired: Desired, observed: Observation, memory: Memory = Memory(), missing: String? = nil
  ) {
    self.missing = missing
    self.name = name
    self.desired = desired
    self.observed = observed
    self.memory = memory
  }
}

/// The options of a whole plan.
package struct PlanOptions: Hashable, Sendable {
  package let decision: DecisionOptions
  /// Whether every file and object of the source was read. An incomplete source deletes nothing.
  package let isSourceWhole: Bool
  /// Whether any number of endpoints may be deleted.
  package let allowMassDelete: Bool
  /// Whether to list ignored differences, with the reasons.
  package let explain: Bool
  /// The workspace's cloud, which determines the names of accelerators; nil for a plane.
  package let cloud: Cloud?

  package init(
    _ decision: DecisionOptions = DecisionOptions(), isSourceWhole: Bool, allowMassDelete: Bool = false,
    explain: Bool = false, cloud: Cloud? = nil
  ) {
    self.decision = decision
    self.isSourceWhole = isSourceWhole
    self.allowMassDelete = allowMassDelete
    self.explain = explain
    self.cloud = cloud
  }

  /// The options with which each endpoint is decided.
  var effective: DecisionOptions {
    DecisionOptions(
      fleet: decision.fleet, adopt: decision.adopt, prune: decision.prune && isSourceWhole,
      allowRecreate: decision.allowRecreate, leavesSettings: decision.leavesSettings,
      sourceCommit: decision.sourceCommit)
  }
}
