internal import Durations
package import Planning

/// The options of a controller.
package struct ControllerOptions: Sendable {
  /// The fleet that it manages; written on each endpoint as a tag.
  package let fleet: String
  package var mode: Mode
  /// Adopt desired endpoints that do not belong to this fleet.
  package var adopt: Bool
  /// Delete the fleet's endpoints that a completely read source no longer names.
  package var prune: Bool
  /// Allow deleting more than a fifth of the fleet at once.
  package var allowMassDelete: Bool
  /// Delete and create an endpoint again if the difference can only be set at creation.
  package var allowRecreate: Bool
  /// How often the source is read and each endpoint is checked when no event causes it. Each interval varies by up to a
  /// tenth, so that the endpoints of a fleet are not all checked at once.
  package var interval: Duration
  /// How many endpoints are reconciled concurrently.
  package var concurrency: Int
  /// The times at which changes are allowed; rollbacks and creations are always allowed. Empty: no restriction.
  package var windows: [ChangeWindow]
  /// The number of writes per period for the whole fleet; nil: unlimited.
  package var writeBudget: WriteBudget?
  /// How long reconciling one endpoint may take, including verification; it is canceled up to a twentieth later.
  package var runDeadline: Duration
  /// How long calls in flight may take after the controller was told to stop.
  package var grace: Duration
  /// The arguments of `setpoint run` that start this controller again, for messages; empty: unknown.
  package var startArguments: [String] = []

  package init(
    fleet: String, mode: Mode = .enforce, adopt: Bool = false, prune: Bool = false, allowMassDelete: Bool = false,
    allowRecreate: Bool = false,
    interval: Duration = .seconds(60), concurrency: Int = 16, windows: [ChangeWindow] = [],
    writeBudget: WriteBudget? = .standard, runDeadline: Duration = .seconds(600), grace: Duration = .seconds(25)
  ) {
    self.fleet = fleet
    self.mode = mode
    self.adopt = adopt
    self.prune = prune
    self.allowMassDelete = allowMassDelete
    self.allowRecreate = allowRecreate
    self.interval = interval
    self.concurrency = max(1, concurrency)
    self.windows = windows
    self.writeBudget = writeBudget
    self.runDeadline = runDeadline
    self.grace = grace
  }

  package enum Mode: String, Hashable, Sendable, CaseIterable {
    /// Make changes.
    case enforce
    /// Report differences and change nothing.
    case observe
  }

  /// A number of writes in any period of this length.
  package struct WriteBudget: Hashable, Sendable, CustomStringConvertible {
    package let writes: Int
    package let period: Duration

    package init(writes: Int, period: Duration) {
      self.writes = writes
      self.period = period
    }

    /// Such as `50 per 5m`.
    package var description: String { "\(writes) per \(DurationText.text(period))" }

    /// The limit of a workspace (serving-api.md 1.8).
    package static let standard = WriteBudget(writes: 50, period: .seconds(300))
  }

  /// The options of each decision.
  package func decision(commit: String?) -> DecisionOptions {
    DecisionOptions(
      fleet: fleet, adopt: adopt, prune: prune, allowRecreate: allowRecreate, sourceCommit: commit)
  }
}

extension Duration {
  /// Varies the duration by up to a tenth, so that equal waits do not all end at once.
  ///
  /// - Parameter chance: from 0 up to, but not including, 1.
  func spread(_ chance: Double) -> Duration { self * (0.9 + 0.2 * chance) }
}
