package import Endpoints

/// What this machine remembers of one endpoint. Whatever must be known everywhere is in the endpoint's tags instead. A
/// machine without this memory still decides correctly, but cannot roll back until it has recorded a revision.
package struct Memory: Hashable, Sendable {
  /// The revisions by number, oldest first.
  package var revisions: [Revision]
  @OutOfLine package var attempt: Attempt?
  /// The hold while there is no endpoint to carry the tag: a refused create.
  @OutOfLine package var heldWhileAbsent: HeldConfig?
  /// Failed calls that are retried later.
  package var backoffs: [Operation.Kind: TransientFailure]
  /// The reverts of drift in the last hour.
  package var corrections: [Correction]
  /// The last check whether a rollback's target can still be served.
  @OutOfLine package var targetCheck: TargetCheck?
  /// The ID of the endpoint that this machine last created, changed or adopted under this name.
  package var endpointID: String?
  /// The last config version that this machine sent and saw become good, or recorded as found live.
  package var lastVersion: Int64?
  /// The telemetry that this machine applied last, because the provider does not report it.
  @OutOfLine package var appliedTelemetry: ConfigDigest?
  /// The rollout policy of the last config sent, for commands that name the endpoint without its manifest.
  @OutOfLine package var policy: RolloutPolicy?

  package init(
    revisions: [Revision] = [], attempt: Attempt? = nil, heldWhileAbsent: HeldConfig? = nil,
    backoffs: [Operation.Kind: TransientFailure] = [:], corrections: [Correction] = [], targetCheck: TargetCheck? = nil,
    endpointID: String? = nil, lastVersion: Int64? = nil, appliedTelemetry: ConfigDigest? = nil,
    policy: RolloutPolicy? = nil
  ) {
    self.policy = policy
    self.revisions = revisions
    self.attempt = attempt
    self.heldWhileAbsent = heldWhileAbsent
    self.backoffs = backoffs
    self.corrections = corrections
    self.targetCheck = targetCheck
    self.endpointID = endpointID
    self.lastVersion = lastVersion
    self.appliedTelemetry = appliedTelemetry
  }

  /// Whether the target of a rollback can still be served.
  package struct TargetCheck: Hashable, Sendable {
    package let digest: ConfigDigest
    package let at: Timestamp
    /// Why it cannot be served; nil if it can, or if that is unknown.
    package let problem: String?

    package init(digest: ConfigDigest, at: Timestamp, problem: String?) {
      self.digest = digest
      self.at = at
      self.problem = problem
    }
  }
}

extension Memory {
  /// The revision that was established last: the target of a rollback.
  package var lastGood: Revision? { lastGood(otherThan: nil) }

  /// Returns the newest good revision with another digest.
  package func lastGood(otherThan digest: ConfigDigest?) -> Revision? {
    var best: Revision?
    for revision in revisions where revision.digest != digest {
      if let ordinal = revision.established, ordinal > best?.established ?? .min { best = revision }
    }
    return best
  }

  /// Returns the newest revision with this digest, preferring one with a config.
  package func revision(of digest: ConfigDigest) -> Revision? {
    revisions.last { $0.digest == digest && $0.config != nil } ?? revisions.last { $0.digest == digest }
  }

  /// Returns the config of a digest, if a revision has it.
  package func rollout(of digest: ConfigDigest) -> Rollout? {
    revision(of: digest)?.config.map { Rollout($0, digest: digest) }
  }
}
