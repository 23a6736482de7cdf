internal import Endpoints

/// A plan as it is kept in a file, to be carried out later exactly as it was shown, or not at all.
package struct SavedPlan: Hashable, Sendable {
  /// The provider's address; a plan for one is never carried out at another.
  package let target: String
  package let fleet: String
  package let adopt: Bool
  /// Whether deletions were planned, and not blocked.
  package let prune: Bool
  package let changes: [Change]

  package struct Change: Hashable, Sendable {
    package let endpoint: String
    package let action: PlanAction
    /// ``Desired/none`` for a deletion.
    package let desired: Desired
    /// The endpoint as it was.
    package let world: Attempt.Base

    package init(endpoint: String, action: PlanAction, desired: Desired, world: Attempt.Base) {
      self.endpoint = endpoint
      self.action = action
      self.desired = desired
      self.world = world
    }

    /// Why it cannot be carried out any more, in words; nil: it can.
    package func objection(to observed: Observation) -> String? {
      switch (world, observed) {
      case (_, .unreadable(let why)): "\(endpoint) cannot be read: \(why)"
      case (.absent, .absent): nil
      case (.absent, .present): "\(endpoint) did not exist when it was planned, and does now"
      case (.present, .absent): "\(endpoint) existed when it was planned, and does not now"
      case (.present(let id, let version, let lastUpdated, _), .present(let live)):
        if id != live.id {
          "\(endpoint) was deleted and made again since it was planned"
        } else if version != live.active?.version {
          "\(endpoint) was at config version \(Self.name(version)) when it was planned, and is at "
            + Self.name(live.active?.version)
        } else if lastUpdated != live.lastUpdated {
          "\(endpoint) was changed since it was planned"
        } else {
          nil
        }
      }
    }

    private static func name(_ version: Int64?) -> String { version.map { "\($0)" } ?? "none" }
  }

  package init(target: String, fleet: String, adopt: Bool, prune: Bool, changes: [Change]) {
    self.target = target
    self.fleet = fleet
    self.adopt = adopt
    self.prune = prune
    self.changes = changes
  }

  /// What of a plan is carried out: everything but what is held or unchanged.
  package init(_ plan: Plan, options: PlanOptions) {
    let changes = plan.changes.compactMap { change -> Change? in
      guard change.action != .hold, change.action != .none, let world = change.world else { return nil }
      return Change(
        endpoint: change.endpoint, action: change.action, desired: change.desired.map { .present($0) } ?? .none,
        world: world)
    }
    self.init(
      target: plan.target, fleet: plan.fleet, adopt: options.decision.adopt,
      prune: options.effective.prune && plan.blockedDeletions == nil, changes: changes)
  }
}

/// Why a file is no plan that can be carried out.
package struct SavedPlanError: Error, Hashable, Sendable, CustomStringConvertible {
  package let description: String

  static func damaged(_ what: String) -> SavedPlanError {
    SavedPlanError(description: "the saved plan is damaged: \(what); make it again with diff --out")
  }
}
