package import Endpoints

/// A rollout that was recorded, and perhaps sent, and has not been judged. At most one per endpoint.
package struct Attempt: Hashable, Sendable {
  package let digest: ConfigDigest
  package let kind: Kind
  /// The number of the revision it rolls out.
  package let revision: Int
  /// What the endpoint looked like when the attempt was recorded, just before the write.
  package let base: Base
  package let openedAt: Timestamp
  /// Set when it puts back what somebody changed.
  package let correction: Correction?
  /// The checks it was opened with, so that a manifest edited meanwhile is not judged by them.
  package let checksDigest: ConfigDigest
  /// The step of the rollout at which it is; its traffic is 100 where all of it goes to the new version and the one
  /// before stays beside it. Nil: the whole config and nothing else.
  package let step: RolloutStep?
  /// The provider's answer that the write was taken; nil: none arrived, whatever happened to the write.
  package var acceptance: Acceptance?
  /// The provider's answer that the write was not taken.
  package var refusal: Refusal?
  /// What verification has found so far.
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

  /// The same rollout at its next step, with nothing sent of it yet.
  ///
  /// - Parameter step: nil: the whole.
  package func going(on step: RolloutStep?, base: Base, at now: Timestamp) -> Attempt {
    Attempt(
      digest: digest, kind: kind, revision: revision, base: base, openedAt: now, correction: nil,
      checksDigest: checksDigest, step: step)
  }

  package enum Kind: String, Hashable, Sendable {
    /// Towards what the manifest says: verified, and held when it fails.
    case update
    /// Back to a revision that was good: not verified again, and never followed by another rollback.
    case rollback
  }

  /// The endpoint just before a write. While it still looks like this, the write has left no trace.
  package enum Base: Hashable, Sendable {
    case absent
    /// - Parameters:
    ///   - version: of the active config; nil where there is none.
    ///   - lastUpdated: the provider's time of the last change, in milliseconds since 1970.
    ///   - hadFailed: whether an earlier update's failure or cancellation was showing already.
    case present(id: String, version: Int64?, lastUpdated: Int64, hadFailed: Bool = false)

    package init(_ endpoint: ObservedEndpoint) {
      self = .present(
        id: endpoint.id, version: endpoint.active?.version, lastUpdated: endpoint.lastUpdated,
        hadFailed: endpoint.update == .failed || endpoint.update == .canceled)
    }
  }

  package struct Acceptance: Hashable, Sendable {
    package let at: Timestamp
    /// The config version that the answer announced; nil where it named none.
    package let version: Int64?

    package init(at: Timestamp, version: Int64?) {
      self.at = at
      self.version = version
    }
  }

  package struct Refusal: Hashable, Sendable {
    package let cause: CauseClass
    /// The provider's words.
    package let words: String

    package init(cause: CauseClass, words: String) {
      self.cause = cause
      self.words = words
    }
  }

  package struct Verification: Hashable, Sendable {
    package let verdict: Verdict
    /// Of the checks that were asked.
    package let checksDigest: ConfigDigest
    /// When it was first asked, from which the time for an answer counts.
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

/// What a verification found.
package enum Verdict: Hashable, Sendable {
  case passed
  /// A check got an answer, and it was wrong. Which, in words.
  case failed(String)
  /// It could not be measured (404, 429, 503, a time-out): neither promotes nor rolls back. Why, in words.
  case inconclusive(String)
}

/// One putting back of what somebody else changed.
package struct Correction: Hashable, Sendable {
  /// What was put back.
  package let target: ConfigDigest
  /// What was found instead.
  package let live: ConfigDigest
  package let at: Timestamp

  package init(target: ConfigDigest, live: ConfigDigest, at: Timestamp) {
    self.target = target
    self.live = live
    self.at = at
  }
}
