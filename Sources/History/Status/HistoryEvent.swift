internal import Endpoints
package import Planning

/// An event of an endpoint or a fleet, caused or observed by Setpoint.
package struct HistoryEvent: Hashable, Sendable {
  package let at: Timestamp
  /// What happened, as a short sentence without a full stop.
  package let what: String
  /// Why: the provider's message, or the reason of the decision; may be empty.
  package let why: String
  /// The source commit of the manifest, if there is one.
  package let sourceCommit: String?

  package init(at: Timestamp, what: String, why: String = "", sourceCommit: String? = nil) {
    self.at = at
    self.what = what
    self.why = why
    self.sourceCommit = sourceCommit
  }
}

extension HistoryEvent {
  /// The event of an endpoint that was deleted from here.
  static let deletion = "deleted"
  private static let logTailMark = "last lines of "

  /// Creates the event with the last lines of a failed rollout's log.
  ///
  /// - Parameter title: such as `hello-3, server log`.
  package static func logTail(_ title: String, _ lines: [String], at now: Timestamp) -> HistoryEvent {
    HistoryEvent(at: now, what: logTailMark + title, why: lines.joined(separator: "\n"))
  }

  /// Whether it contains the last lines of a log, which are shown unchanged.
  package var isLogTail: Bool { what.hasPrefix(Self.logTailMark) }

  /// Whether it is the start of a rollout.
  package var isOpening: Bool { Self.openingMarks.contains { what.hasPrefix($0) } }

  /// Whether it is about this revision: a step, its outcome.
  package func isAbout(revision number: Int) -> Bool {
    // Earlier versions recorded every outcome with a colon: "revision 3: failed".
    what.hasPrefix("revision \(number) ") || what.hasPrefix("revision \(number): ")
  }

  /// `putting` is how earlier versions recorded a revert.
  private static let openingMarks = [
    "rolling back to ", "restoring ", "reverting to ", "putting ", "creating with ", "updating to ",
  ]

  /// Creates the event for a change of memory; nil for changes that are not worth an event.
  init?(_ change: MemoryChange, before memory: Memory, at now: Timestamp) {
    switch change {
    case .found(let rollout, _, let version, let at):
      self.init(
        at: at, what: "recorded the live config \(rollout.digest)",
        why: version.map { "config version \($0)" } ?? "")
    case .opened(let attempt, _, let origin):
      self.init(
        at: attempt.openedAt, what: Self.opening(attempt, origin, memory), why: origin.why,
        sourceCommit: origin.sourceCommit)
    case .advanced(let attempt):
      let share = attempt.step.map { "\($0.traffic)% of the traffic" } ?? "all of the traffic"
      self.init(
        at: attempt.openedAt, what: "revision \(attempt.revision): continuing with \(share)",
        sourceCommit: memory.commitUnderWay)
    case .closed(let closing):
      guard let attempt = memory.attempt else { return nil }
      let predicate = closing.outcome == .unsent ? memory.givenUp : closing.outcome.predicate
      self.init(
        at: closing.at, what: "revision \(attempt.revision) \(predicate)",
        why: closing.outcome.message ?? closing.because, sourceCommit: memory.commitUnderWay)
    case .liftedWhileAbsent:
      self.init(at: now, what: "lifted the hold", why: "the manifest changed")
    case .received(let callResult, let operation, let at, _):
      guard let (what, why) = Self.summary(callResult, operation) else { return nil }
      self.init(at: at, what: what, why: why, sourceCommit: operation.kind == .config ? memory.commitUnderWay : nil)
    case .verified(let verdict, let checks, let at):
      // Nothing was verified: it only says when the step's hold time starts.
      if verdict == .passed, checks == RolloutPolicy().checksDigest { return nil }
      let (what, why) = Self.summary(verdict)
      self.init(at: at, what: what, why: why, sourceCommit: memory.commitUnderWay)
    case .checkedTarget(let check):
      guard let problem = check.problem else { return nil }
      self.init(at: check.at, what: "the registry no longer has \(check.digest)", why: problem)
    // Both rollback and retry cause it; the command itself records which it was.
    case .retried: return nil
    }
  }

  private static func opening(_ attempt: Attempt, _ origin: RolloutOrigin, _ memory: Memory) -> String {
    let revision = "revision \(attempt.revision) (\(attempt.digest))"
    switch (attempt.kind, attempt.correction) {
    case (.rollback, _):
      // A user may also choose a revision that is newer than the live one.
      let isNewer = memory.lastGood.map { $0.number < attempt.revision } ?? false
      return (isNewer ? "restoring \(revision)" : "rolling back to \(revision)")
        + (origin.because.isEmpty ? "" : " because \(origin.because)")
    case (.update, .some): return "reverting to \(revision) after a change outside Setpoint"
    case (.update, nil): return attempt.base == .absent ? "creating with \(revision)" : "updating to \(revision)"
    }
  }

  private static func summary(_ verdict: Verdict) -> (what: String, why: String) {
    switch verdict {
    case .passed: ("verification passed", "")
    case .failed(let words): ("verification failed", words)
    case .inconclusive(let words): ("verification was inconclusive", words)
    }
  }

  private static func summary(_ callResult: CallResult, _ operation: Operation) -> (what: String, why: String)? {
    switch callResult {
    case .accepted:
      switch operation {
      case .delete: return (deletion, "")
      case .patchTags(_, let patch) where patch.remove.contains(FleetTags.held):
        return ("lifted the hold", "the desired config changed")
      case .changeSetting(_, let change): return ("changed \(change.subject)", "")
      default: return nil
      }
    case .refused(let words), .missing(let words): return ("\(operation.call) was refused", words)
    case .conflict(let words): return ("\(operation.call) conflicted with another change", words)
    case .unavailable(let words, _, _): return ("\(operation.call) was temporarily unavailable", words)
    case .lost(let words): return ("\(operation.call) got no response", words)
    }
  }
}

extension Memory {
  /// The source commit of the revision that is being rolled out.
  fileprivate var commitUnderWay: String? {
    attempt.flatMap { attempt in revisions.last { $0.number == attempt.revision }?.sourceCommit }
  }

  /// What became of the open attempt if the provider never accepted it: not sent, or how often it was tried.
  fileprivate var givenUp: String {
    let backoff = backoffs[.config].flatMap { $0.digest == attempt?.digest ? $0 : nil }
    let times = backoff.map { $0.failures == 1 ? " once" : " \($0.failures) times" } ?? ""
    if let refusal = attempt?.refusal {
      return "was given up after \(refusal.mayHaveArrived ? "the provider failed" : "it was refused")\(times)"
    }
    return backoff == nil ? "was not sent" : "was given up after it got no response\(times)"
  }
}

extension RevisionOutcome {
  fileprivate var predicate: String {
    switch self {
    case .pending: "has no verdict yet"
    case .good: "became good"
    case .found: "was found live"
    case .failed(.ours, _): "failed"
    case .failed(.theirs, _): "failed because of the provider"
    case .refused: "was refused"
    case .canceled: "was canceled at the provider"
    case .superseded: "was superseded"
    case .unsent: "was not sent"
    }
  }
}
