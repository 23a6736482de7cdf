package import Endpoints

/// One change of a memory: what a decision records, or what the shell reports about a step.
package enum MemoryChange: Hashable, Sendable {
  /// The live config is recorded as a good revision: at adoption, or before an unknown config is replaced.
  case found(Rollout, id: String, version: Int64?, at: Timestamp)
  /// An attempt is recorded before anything is sent, along with the revision that it rolls out.
  case opened(Attempt, Rollout, RolloutOrigin)
  /// The open attempt continues with its next step, recorded before anything is sent.
  case advanced(Attempt)
  /// The open attempt is judged.
  case closed(AttemptEnd)
  /// A hold without an endpoint to carry the tag is lifted.
  case liftedWhileAbsent
  /// A provider call ended, or was given up.
  ///
  /// - Parameter chance: from 0 up to 1; spreads the time of the next attempt.
  case received(CallResult, Operation, at: Timestamp, chance: Double = 0)
  /// A verification ended.
  case verified(Verdict, checksDigest: ConfigDigest, at: Timestamp)
  /// The registry was asked whether a rollback's target can be served.
  case checkedTarget(Memory.TargetCheck)
  /// A user ran `retry`: every wait ends, and verification starts over.
  case retried

  /// How an attempt ended.
  package struct AttemptEnd: Hashable, Sendable {
    package let outcome: RevisionOutcome
    /// Why an attempt was given up, as a clause; empty if the outcome says it.
    package let because: String
    /// The hold, recorded here if there is no endpoint to carry the tag.
    package let heldWhileAbsent: HeldConfig?
    package let id: String?
    package let version: Int64?
    package let at: Timestamp

    package init(
      _ outcome: RevisionOutcome, because: String = "", heldWhileAbsent: HeldConfig? = nil, id: String? = nil,
      version: Int64? = nil, at: Timestamp
    ) {
      self.outcome = outcome
      self.because = because
      self.heldWhileAbsent = heldWhileAbsent
      self.id = id
      self.version = version
      self.at = at
    }
  }
}

extension Memory {
  /// Returns the memory after a change.
  package func applying(_ change: MemoryChange) -> Memory {
    var copy = self
    copy.apply(change)
    return copy
  }

  /// Applies a change. A change that does not fit, such as a verdict without an attempt, came too late and is ignored.
  package mutating func apply(_ change: MemoryChange) {
    switch change {
    case .found(let rollout, let id, let version, let at): found(rollout, id: id, version: version, at: at)
    case .opened(let attempt, let rollout, let origin): open(attempt, rollout, origin)
    case .advanced(let next): if next.digest == attempt?.digest { attempt = next }
    case .closed(let end): close(end)
    case .liftedWhileAbsent: heldWhileAbsent = nil
    case .received(let callResult, let operation, let at, let chance): receive(callResult, operation, at: at, chance)
    case .verified(let verdict, let checksDigest, let at): verified(verdict, checksDigest: checksDigest, at: at)
    case .checkedTarget(let check): targetCheck = check
    case .retried:
      backoffs = [:]
      corrections = []
      heldWhileAbsent = nil
      targetCheck = nil
      // A passed verification stays; only an open one is repeated.
      if attempt?.verification?.verdict != .passed { attempt?.verification = nil }
    }
  }

  private var nextOrdinal: Int { (revisions.compactMap(\.established).max() ?? 0) + 1 }

  private mutating func found(_ rollout: Rollout, id: String, version: Int64?, at: Timestamp) {
    let number = (revisions.last?.number ?? 0) + 1
    revisions.append(
      Revision(
        number: number, digest: rollout.digest, config: rollout.config, recordedAt: at, outcome: .found,
        established: nextOrdinal))
    endpointID = id
    lastVersion = version
  }

  private mutating func open(_ attempt: Attempt, _ rollout: Rollout, _ origin: RolloutOrigin) {
    self.attempt = attempt
    if let policy = origin.policy { self.policy = policy }
    if let index = revisions.lastIndex(where: { $0.number == attempt.revision }) {
      revisions[index].config = rollout.config
      revisions[index].outcome = .pending
      if attempt.kind == .update { revisions[index].aliases = origin.aliases }
    } else {
      revisions.append(
        Revision(
          number: attempt.revision, digest: attempt.digest, config: rollout.config, recordedAt: attempt.openedAt,
          sourceCommit: origin.sourceCommit, aliases: origin.aliases))
    }
    if case .present(let id, _, _, _) = attempt.base {
      endpointID = id
      heldWhileAbsent = nil
    }
    targetCheck = nil
  }

  private mutating func close(_ end: MemoryChange.AttemptEnd) {
    guard let attempt else { return }
    self.attempt = nil
    if let held = end.heldWhileAbsent { heldWhileAbsent = held }
    if let id = end.id { endpointID = id }
    judge(digest: attempt.digest, number: attempt.revision, end.outcome)
    switch end.outcome {
    case .good:
      backoffs[.config] = nil
      lastVersion = end.version
    case .failed(.theirs, let words):
      recordBackoff(.config, digest: attempt.digest, message: words, .futile(at: end.at))
    default: break
    }
  }

  /// Records the outcome. A config that failed through our fault is no longer a rollback target, under any number; one
  /// that became good is the newest target.
  private mutating func judge(digest: ConfigDigest, number: Int, _ outcome: RevisionOutcome) {
    let ordinal = nextOrdinal
    for index in revisions.indices where revisions[index].digest == digest {
      switch outcome {
      case .failed(.ours, _), .refused: revisions[index].established = nil
      case .good where revisions[index].number == number: revisions[index].established = ordinal
      default: break
      }
      if revisions[index].number == number { revisions[index].outcome = outcome }
    }
  }

  private mutating func receive(_ callResult: CallResult, _ operation: Operation, at: Timestamp, _ chance: Double) {
    if case .changeSetting(_, let change) = operation { return receive(callResult, change, at: at, chance) }
    if case .patchTags(_, let patch) = operation { forgetTelemetry(patch) }
    let isConfig = operation.kind == .config
    let digest = isConfig ? attempt?.digest : nil
    switch callResult {
    case .accepted(let id, let version):
      if isConfig {
        attempt?.acceptance = Attempt.Acceptance(at: at, version: version)
        attempt?.refusal = nil
        if let correction = attempt?.correction { count(correction) }
        if let id { endpointID = id }
      } else {
        backoffs[operation.kind] = nil
        if operation.kind == .delete { closeDeleted(at: at) }
      }
    // A new version may still be registered. One that was good and no longer exists is a final refusal.
    case .missing(let words) where isConfig && attempt?.kind == .update:
      attempt?.refusal = Attempt.Refusal(cause: .theirs, message: words)
      recordBackoff(operation.kind, digest: digest, message: words, .call(at: at, retryAfter: nil, chance: chance))
    case .refused(let words), .missing(let words):
      if isConfig {
        attempt?.refusal = Attempt.Refusal(cause: .ours, message: words)
      } else {
        recordBackoff(operation.kind, digest: nil, message: words, .refusal(at: at))
      }
    case .conflict(let words), .unavailable(let words, _, _):
      let mayHaveArrived = mayHaveArrived(despite: callResult)
      if isConfig {
        attempt?.refusal = Attempt.Refusal(cause: .theirs, message: words, mayHaveArrived: mayHaveArrived)
      }
      recordBackoff(
        operation.kind, digest: digest, message: words,
        .call(at: at, retryAfter: callResult.retryAfter, chance: chance))
    case .lost(let words):
      // The result is unknown; the next check tells. If there is no trace, the call is retried after the delay. The
      // refusal of an earlier call says nothing about this one.
      if isConfig { attempt?.refusal = nil }
      recordBackoff(operation.kind, digest: digest, message: words, .call(at: at, retryAfter: nil, chance: chance))
    }
  }

  /// Whether the config may have been accepted although the provider responded with a failure. A call before this one
  /// may still have been: a conflict may be with it, and no other failure denies it.
  private func mayHaveArrived(despite callResult: CallResult) -> Bool {
    switch callResult {
    case .unavailable(_, _, let mayHaveArrived): mayHaveArrived || isConfigUncertain
    case .conflict: isConfigUncertain
    case .accepted, .refused, .missing, .lost: false
    }
  }

  /// Closes the attempt that the deleted endpoint carried out. One that has no acceptance stays open: its call may
  /// still arrive, and create the endpoint again.
  private mutating func closeDeleted(at: Timestamp) {
    guard attempt?.acceptance != nil else { return }
    close(MemoryChange.AttemptEnd(.superseded, at: at))
  }

  private mutating func count(_ correction: Correction) {
    corrections.removeAll { $0.at + Correction.window < correction.at }
    corrections.append(correction)
  }

  mutating func recordBackoff(
    _ kind: Operation.Kind, digest: ConfigDigest?, message: String, _ occasion: TransientFailure.Occasion
  ) {
    let former = backoffs[kind].flatMap { $0.digest == digest ? $0.failures : nil } ?? 0
    backoffs[kind] = TransientFailure(digest: digest, failures: former + 1, message: message, occasion)
  }

  private mutating func verified(_ verdict: Verdict, checksDigest: ConfigDigest, at: Timestamp) {
    let former = attempt?.verification.flatMap { $0.checksDigest == checksDigest ? $0 : nil }
    attempt?.verification = Attempt.Verification(
      verdict: verdict, checksDigest: checksDigest, firstAskedAt: former?.firstAskedAt ?? at, lastAskedAt: at)
  }
}

extension Correction {
  /// The period over which reverts are counted.
  package static let window: Duration = .seconds(3600)
  /// The number of reverts of one drift in the window from which it is contested.
  package static let limit = 3
}

extension CallResult {
  /// The server's `Retry-After`.
  var retryAfter: Duration? {
    if case .unavailable(_, let delay, _) = self { delay } else { nil }
  }
}
