package import Endpoints

/// A rollout that was recorded, and perhaps sent, but not judged yet. There is at most one per endpoint.
package struct Attempt: Hashable, Sendable {
  package let digest: ConfigDigest
  package let kind: Kind
  /// The number of the revision it rolls out.
  package let revision: Int
  /// The endpoint's state when the attempt was recorded, just before the write.
  package let base: Base
  package let openedAt: Timestamp
  /// Set if the attempt reverts drift.
  package let correction: Correction?
  /// The digest of the checks that it was opened with, so that they do not judge a manifest edited in the meantime.
  package let checksDigest: ConfigDigest
  /// The current step of the rollout; its traffic is 100 if the new version gets all of it and the previous one stays
  /// beside it. Nil for the whole config alone.
  package let step: RolloutStep?
  /// The provider's acceptance of the write; nil if none arrived, whatever happened to the write.
  package var acceptance: Acceptance?
  /// The provider's refusal of the write, as of its last call.
  package var refusal: Refusal?
  /// The result of the verification so far.
  package var verification: Verification?

  package init(
    digest: ConfigDigest, kind: Kind, revision: Int, base: Base, openedAt: Timestamp, correction: Correction? = nil,
    checksDigest: ConfigDigest, step: RolloutStep? = nil, acceptance: Acceptance? = nil, refusal: Refusal? = nil,
    verification: Verification? = nil
  ) {
    self.digest = digest
    self.kind = kind
    self.revision = revision
    self.base = base
    self.openedAt = openedAt
    self.correction = correction
    self.checksDigest = checksDigest
    self.step = step
    self.acceptance = acceptance
    self.refusal = refusal
    self.verification = verification
  }

  /// Returns the same rollout at its next step, of which nothing has been sent yet.
  ///
  /// - Parameter step: the next step; nil for the whole.
  package func going(on step: RolloutStep?, base: Base, at now: Timestamp) -> Attempt {
    Attempt(
      digest: digest, kind: kind, revision: revision, base: base, openedAt: now, correction: nil,
      checksDigest: checksDigest, step: step)
  }

  package enum Kind: String, Hashable, Sendable {
    /// Rolls out the manifest's config; verified, and held on failure.
    case update
    /// Returns to a good revision; not verified again, and never followed by another rollback.
    case rollback
  }

  /// The endpoint's state just before a write. While it is unchanged, the write has left no trace.
  package enum Base: Hashable, Sendable {
    case absent
    /// - Parameters:
    ///   - version: the config version of the active config; nil if there is none.
    ///   - lastUpdated: the provider's time of the last change, in milliseconds since 1970.
    ///   - hadFailed: whether it already showed the failure or cancellation of an earlier update.
    case present(id: String, version: Int64?, lastUpdated: Int64, hadFailed: Bool = false)

    package init(_ endpoint: ObservedEndpoint) {
      self = .present(
        id: endpoint.id, version: endpoint.active?.version, lastUpdated: endpoint.lastUpdated,
        hadFailed: endpoint.update == .failed || endpoint.update == .canceled)
    }
  }

  package struct Acceptance: Hashable, Sendable {
    package let at: Timestamp
    /// The config version that the response announced; nil if it named none.
    package let version: Int64?

    package init(at: Timestamp, version: Int64?) {
      self.at = at
      self.version = version
    }
  }

  package struct Refusal: Hashable, Sendable {
    package let cause: CauseClass
    /// The provider's message.
    package let message: String
    /// Whether the provider may have accepted the write anyway.
    package let mayHaveArrived: Bool

    package init(cause: CauseClass, message: String, mayHaveArrived: Bool = false) {
      self.cause = cause
      self.message = message
      self.mayHaveArrived = mayHaveArrived
    }
  }

  package struct Verification: Hashable, Sendable {
    package let verdict: Verdict
    /// The digest of the checks that were run.
    package let checksDigest: ConfigDigest
    /// The time of the first run, from which the time limit counts.
    package let firstAskedAt: Timestamp
    package let lastAskedAt: Timestamp

    package init(
      verdict: Verdict, checksDigest: ConfigDigest, firstAskedAt: Timestamp, lastAskedAt: Timestamp
    ) {
      self.verdict = verdict
      self.checksDigest = checksDigest
      self.firstAskedAt = firstAskedAt
      self.lastAskedAt = lastAskedAt
    }
  }
}

/// The result of a verification.
package enum Verdict: Hashable, Sendable {
  case passed
  /// A check got a wrong answer, as described.
  case failed(String)
  /// No result (404, 429, 503, a timeout): neither promotes nor rolls back. With the reason.
  case inconclusive(String)
}

/// One revert of drift.
package struct Correction: Hashable, Sendable {
  /// The config that was restored.
  package let target: ConfigDigest
  /// The config that was found instead.
  package let live: ConfigDigest
  package let at: Timestamp

  package init(target: ConfigDigest, live: ConfigDigest, at: Timestamp) {
    self.target = target
    self.live = live
    self.at = at
  }
}
