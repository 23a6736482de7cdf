package import Endpoints

/// What is to be done to a set of endpoints, and why. A value: it can be shown, compared, saved.
package struct Plan: Hashable, Sendable {
  /// The provider's address.
  package let target: String
  package let fleet: String
  /// By endpoint name; endpoints to which nothing is done are only counted.
  package let changes: [EndpointChange]
  package let unchanged: Int
  /// Why no endpoint is deleted although some should be; the rest of the plan applies.
  package let blockedDeletions: String?

  /// How many endpoints there are with an action, ``PlanAction/none`` included.
  package func count(_ action: PlanAction) -> Int {
    action == .none ? unchanged : changes.reduce(0) { $0 + ($1.action == action ? 1 : 0) }
  }

  /// Nothing to do and nothing for a person to see.
  package var isInSync: Bool { changes.isEmpty }

  /// Whether anything would be sent or awaited.
  package var hasChanges: Bool { changes.contains { $0.action != .hold && $0.action != .none } }

  /// Whether a person should look: something is held for another reason than that its manifest wishes it, or somebody went back
  /// from what its manifest says.
  package var needsPerson: Bool {
    blockedDeletions != nil
      || changes.contains { $0.action == .hold && ($0.reason.needsPerson || $0.reason.code == .rolledBack) }
  }
}

/// Everything that is known of one endpoint, for a plan.
package struct PlanItem: Sendable {
  package let name: String
  package let desired: Desired
  package let observed: Observation
  package let memory: Memory
  /// Which version that is to be rolled out cannot be served now, in words; nil: none, or nobody can tell.
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

/// What holds for a whole plan.
package struct PlanOptions: Hashable, Sendable {
  package let decision: DecisionOptions
  /// Whether every file and object of the source was read. Half of a source deletes nothing.
  package let isSourceWhole: Bool
  /// Delete however many there are.
  package let allowMassDelete: Bool
  /// Also list what was ignored, and why.
  package let explain: Bool
  /// The workspace's cloud, whose silicon is named; nil: a plane.
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

  /// What each endpoint is decided with.
  var effective: DecisionOptions {
    DecisionOptions(
      fleet: decision.fleet, adopt: decision.adopt, prune: decision.prune && isSourceWhole,
      allowRecreate: decision.allowRecreate, leavesSettings: decision.leavesSettings,
      sourceCommit: decision.sourceCommit)
  }
}
