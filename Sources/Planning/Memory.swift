package import Endpoints

/// What this machine remembers of one endpoint. What must be known everywhere stands in the endpoint's tags instead; a
/// machine without this memory still decides rightly, but has no way back until it has recorded one.
package struct Memory: Hashable, Sendable {
  /// By number, oldest first.
  package var revisions: [Revision]
  @OutOfLine package var attempt: Attempt?
  /// What is held while there is no endpoint that could carry the tag: a create that was refused.
  @OutOfLine package var heldWhileAbsent: Held?
  /// Calls that failed and are sent again later.
  package var setbacks: [Operation.Kind: TransientFailure]
  /// Put-backs of the last hour.
  package var corrections: [Correction]
  /// The last look whether a rollback's target can still be served.
  @OutOfLine package var targetCheck: TargetCheck?
  /// The id of the endpoint that this machine last created, changed or adopted under the name.
  package var endpointID: String?
  /// The config version that this machine last saw become good by its own hand.
  package var lastVersion: Int64?
  /// The telemetry that this machine last had applied: the provider does not answer it.
  @OutOfLine package var appliedTelemetry: ConfigDigest?
  /// How the manifest said to roll out what was sent last: for commands that name the endpoint without its manifest.
  @OutOfLine package var policy: RolloutPolicy?

  package init(
    revisions: [Revision] = [], attempt: Attempt? = nil, heldWhileAbsent: Held? = nil,
    setbacks: [Operation.Kind: TransientFailure] = [:], corrections: [Correction] = [], targetCheck: TargetCheck? = nil,
    endpointID: String? = nil, lastVersion: Int64? = nil, appliedTelemetry: ConfigDigest? = nil,
    policy: RolloutPolicy? = nil
  ) {
    self.policy = policy
    self.revisions = revisions
    self.attempt = attempt
    self.heldWhileAbsent = heldWhileAbsent
    self.setbacks = setbacks
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
    /// Why it cannot, in words; nil: it can, or nobody can tell.
    package let problem: String?

    package init(digest: ConfigDigest, at: Timestamp, problem: String?) {
      self.digest = digest
      self.at = at
      self.problem = problem
    }
  }
}

extension Memory {
  /// The revision that was established last: the one to go back to.
  package var lastGood: Revision? { lastGood(otherThan: nil) }

  /// The newest good revision with another digest.
  package func lastGood(otherThan digest: ConfigDigest?) -> Revision? {
    var best: Revision?
    for revision in revisions where revision.digest != digest {
      if let ordinal = revision.established, ordinal > best?.established ?? .min { best = revision }
    }
    return best
  }

  /// The newest revision with this digest; one whose config is at hand before one without.
  package func revision(of digest: ConfigDigest) -> Revision? {
    revisions.last { $0.digest == digest && $0.config != nil } ?? revisions.last { $0.digest == digest }
  }

  /// The config of a digest, where a revision has it at hand.
  package func rollout(of digest: ConfigDigest) -> Rollout? {
    revision(of: digest)?.config.map { Rollout($0, digest: digest) }
  }
}
