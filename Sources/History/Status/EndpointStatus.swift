package import Endpoints
package import Planning

/// A controller's report on one endpoint: its desired state, its live state, and the next step.
package struct EndpointStatus: Hashable, Sendable {
  package let name: String
  /// The manifest's config in short form: `main.support.qwen3/7, A10 Small`; nil if there is no manifest, or if it is
  /// unknown.
  package let desired: String?
  /// The digest of the manifest's config; nil if `desired` is nil.
  package let desiredDigest: ConfigDigest?
  /// The live config in the same form; nil if there is none, or if it is unknown.
  package let live: String?
  /// The fields of the manifest in which the live state differs, such as `engine`, if the short forms are the same.
  package let differences: [String]
  package let phase: Phase
  package let reason: Reason.Code?
  /// The reason as text; may be empty.
  package let why: String
  /// Since when the endpoint is in this phase for this reason.
  package let since: Timestamp
  /// The next step, such as `check again`; nil: none, until something changes.
  package let next: String?
  package let nextAt: Timestamp?
  /// The source commit of the desired state, if there is one.
  package let commit: String?
  package let lastCheck: Timestamp
  package let warnings: [String]

  package init(
    name: String, desired: String? = nil, desiredDigest: ConfigDigest? = nil, live: String? = nil,
    differences: [String] = [], phase: Phase, reason: Reason.Code? = nil, why: String = "", since: Timestamp,
    next: String? = nil, nextAt: Timestamp? = nil, commit: String? = nil, lastCheck: Timestamp, warnings: [String] = []
  ) {
    self.name = name
    self.desired = desired
    self.desiredDigest = desiredDigest
    self.live = live
    self.differences = differences
    self.phase = phase
    self.reason = reason
    self.why = why
    self.since = since
    self.next = next
    self.nextAt = nextAt
    self.commit = commit
    self.lastCheck = lastCheck
    self.warnings = warnings
  }

  /// Returns whether it is equal to another for people: everything except the times of the last and the next check. A
  /// status that is equal need not be saved again.
  package func says(sameAs other: EndpointStatus) -> Bool {
    name == other.name && desired == other.desired && desiredDigest == other.desiredDigest && live == other.live
      && differences == other.differences && phase == other.phase && reason == other.reason && why == other.why
      && since == other.since && next == other.next && commit == other.commit && warnings == other.warnings
  }

  /// The status without the next step, which no controller would take.
  package var withoutNext: EndpointStatus { with(next: nil, at: nil, lastCheck: lastCheck) }

  /// Returns the status after a check that failed and is repeated at `nextAt`.
  package func failedCheck(at now: Timestamp, nextAt: Timestamp) -> EndpointStatus {
    with(next: next ?? "check again", at: nextAt, lastCheck: now)
  }

  private func with(next: String?, at nextAt: Timestamp?, lastCheck: Timestamp) -> EndpointStatus {
    EndpointStatus(
      name: name, desired: desired, desiredDigest: desiredDigest, live: live, differences: differences, phase: phase,
      reason: reason, why: why, since: since, next: next, nextAt: nextAt, commit: commit, lastCheck: lastCheck,
      warnings: warnings)
  }

  /// Returns the status after a deletion that the controller has not observed yet.
  func deleted(at moment: Timestamp) -> EndpointStatus {
    EndpointStatus(
      name: name, desired: desired, desiredDigest: desiredDigest, live: nil, phase: .unknown, reason: .doesNotExist,
      why: "deleted since the controller's last check", since: moment, next: next, nextAt: nextAt, commit: commit,
      lastCheck: lastCheck, warnings: [])
  }

  /// Whether the endpoint was deleted and the controller has not observed that yet.
  package var isDeleted: Bool { phase == .unknown && reason == .doesNotExist }

  /// Whether it stays as it is until a user acts, and no user requested that.
  package var needsPerson: Bool {
    switch phase {
    case .blocked: true
    case .held, .degraded: reason.map { $0.needsPerson || $0 == .overdue || $0 == .blocked } ?? false
    case .withheld: reason.map { $0.needsPerson } ?? false
    default: false
    }
  }
}
