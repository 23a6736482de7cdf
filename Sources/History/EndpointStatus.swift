package import Planning

/// What a controller says of one endpoint: what it is to be, what it is, and what comes next.
package struct EndpointStatus: Hashable, Sendable {
  package let name: String
  /// What the manifest asks for, in a few words: `main.support.qwen3/7, A10 Small`; nil where there is no manifest, or it
  /// cannot be told.
  package let desired: String?
  /// What is live, in the same words; nil where nothing is, or it cannot be told.
  package let live: String?
  package let phase: Phase
  package let reason: Reason.Code?
  /// In words; may be empty.
  package let why: String
  /// Since when the endpoint is in this phase for this reason.
  package let since: Timestamp
  /// What is done next, such as `check again`; nil: nothing, until something changes.
  package let next: String?
  package let nextAt: Timestamp?
  /// The source commit of what is desired, where there is one.
  package let commit: String?
  package let lastLook: Timestamp
  package let warnings: [String]

  package init(
    name: String, desired: String? = nil, live: String? = nil, phase: Phase, reason: Reason.Code? = nil,
    why: String = "", since: Timestamp, next: String? = nil, nextAt: Timestamp? = nil, commit: String? = nil,
    lastLook: Timestamp, warnings: [String] = []
  ) {
    self.name = name
    self.desired = desired
    self.live = live
    self.phase = phase
    self.reason = reason
    self.why = why
    self.since = since
    self.next = next
    self.nextAt = nextAt
    self.commit = commit
    self.lastLook = lastLook
    self.warnings = warnings
  }

  /// Whether it says the same to a person as another: all but the times of the last and the next look. What says the same
  /// need not be saved again.
  package func says(sameAs other: EndpointStatus) -> Bool {
    name == other.name && desired == other.desired && live == other.live && phase == other.phase
      && reason == other.reason && why == other.why && since == other.since && next == other.next
      && commit == other.commit && warnings == other.warnings
  }

  /// Whether it stays as it is until a person does something, and no person wished it so.
  package var needsPerson: Bool {
    switch phase {
    case .blocked: true
    case .held, .degraded: reason.map { $0.needsPerson || $0 == .overdue || $0 == .blocked } ?? false
    case .withheld: reason.map { $0.needsPerson } ?? false
    default: false
    }
  }
}
