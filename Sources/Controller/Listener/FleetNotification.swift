package import Planning

/// A notification about an endpoint or a fleet.
package struct FleetNotification: Hashable, Sendable {
  package enum Kind: String, Hashable, Sendable, CaseIterable {
    /// Something failed, and needs a user or is retried.
    case failure
    /// An endpoint is being rolled back to its last good revision.
    case rollback
    /// A problem that was reported before is over.
    case recovery
    /// An endpoint was changed outside Setpoint.
    case drift
  }

  package let kind: Kind
  /// Nil if it is about the whole fleet.
  package let endpoint: String?
  /// What happened, in a few words that follow the endpoint's name.
  package let what: String
  /// Why, with the server's own words if available; may be empty.
  package let why: String
  /// The commit that caused it.
  package let commit: String?
  package let at: Timestamp
  package let fleet: String
  /// The provider, such as `http://127.0.0.1:7387`.
  package let target: String

  package init(
    kind: Kind, endpoint: String?, what: String, why: String, commit: String?, at: Timestamp, fleet: String,
    target: String
  ) {
    self.kind = kind
    self.endpoint = endpoint
    self.what = what
    self.why = why
    self.commit = commit
    self.at = at
    self.fleet = fleet
    self.target = target
  }

  /// All members by the names that templates and the standard body use; nil if a member has no value.
  var members: [(name: String, value: String?)] {
    [
      ("kind", kind.rawValue), ("endpoint", endpoint), ("what", Self.bounded(what)), ("why", Self.bounded(why)),
      ("commit", commit), ("at", at.text()), ("fleet", fleet), ("target", target),
    ]
  }

  /// Receivers refuse long texts (Slack: more than 3,000 characters in a block), and the important part with them.
  private static func bounded(_ text: String) -> String {
    let start = text.prefix(2000)
    return start.endIndex == text.endIndex ? text : start.dropLast() + "…"
  }

  /// The names of ``members``.
  static let memberNames = ["kind", "endpoint", "what", "why", "commit", "at", "fleet", "target"]
}

/// A receiver of notifications. It never blocks and never fails: delivery is the sink's responsibility.
package protocol NotificationSink: Sendable {
  func post(_ notification: FleetNotification)
}

/// A sink for controllers without a configured receiver.
package struct NoNotifications: NotificationSink {
  package init() {}

  package func post(_ notification: FleetNotification) {}
}
