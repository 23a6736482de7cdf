package import Planning

/// How a controller goes about its fleet.
package struct ControllerOptions: Sendable {
  /// The fleet in whose name it acts; written on each endpoint as a tag.
  package let fleet: String
  package var mode: Mode
  /// Take over endpoints that are desired and not this fleet's.
  package var adopt: Bool
  /// Delete the fleet's endpoints that a source, read whole, no longer names.
  package var prune: Bool
  /// Allow deleting more than a fifth of the fleet at once.
  package var allowMassDelete: Bool
  /// Delete an endpoint and make it again where what differs can be set at creation only.
  package var allowRecreate: Bool
  /// How often the source is read and each endpoint looked at where nothing else calls for it. Each wait is spread by a
  /// tenth either way, so that a fleet is not looked at all at once.
  package var interval: Duration
  /// How many endpoints are worked on at once.
  package var concurrency: Int
  /// The times at which changes may happen; rollbacks and creations happen at any. Empty: always.
  package var windows: [ChangeWindow]
  /// How many writes the provider takes in which time, over the whole fleet; nil: any number.
  package var writeBudget: WriteBudget?
  /// How long one run over one endpoint may take, verification included; it is ended up to a twentieth later.
  package var runDeadline: Duration
  /// How long work in flight may take to end after the controller is asked to stop.
  package var grace: Duration

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
    /// Make it so.
    case enforce
    /// Say what differs and change nothing.
    case observe
  }

  /// So many writes in any stretch of this length.
  package struct WriteBudget: Hashable, Sendable, CustomStringConvertible {
    package let writes: Int
    package let period: Duration

    package init(writes: Int, period: Duration) {
      self.writes = writes
      self.period = period
    }

    package var description: String { "\(writes) writes in \(period.components.seconds) seconds" }

    /// In short: `50 per 5m`.
    package var words: String {
      let seconds = period.components.seconds
      return "\(writes) per " + (seconds > 0 && seconds % 60 == 0 ? "\(seconds / 60)m" : "\(seconds)s")
    }

    /// What a workspace allows (serving-api.md 1.8).
    package static let standard = WriteBudget(writes: 50, period: .seconds(300))
  }

  /// What each decision is made with.
  package func decision(commit: String?) -> DecisionOptions {
    DecisionOptions(
      fleet: fleet, adopt: adopt, prune: prune, allowRecreate: allowRecreate, sourceCommit: commit)
  }
}

extension Duration {
  /// Up to a tenth shorter or longer, so that what waits equally long does not come back all at once.
  ///
  /// - Parameter chance: from 0 up to 1.
  func spread(_ chance: Double) -> Duration { self * (0.9 + 0.2 * chance) }
}
