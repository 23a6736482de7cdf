internal import CanonicalJSON
package import Endpoints
internal import LibCrypto

/// What the fleet will not send, why, and where to stay instead. Lifted by another digest or by a person's `retry`.
package struct Held: Hashable, Sendable {
  package let digest: ConfigDigest
  package let cause: Cause
  /// The digest of the revision to be at while this is held; nil: stay and wait for a person.
  package let target: ConfigDigest?
  /// Of the circumstances under which the digest was judged: when they change, it may be judged again, see
  /// ``circumstances(of:cause:)``.
  package let circumstances: ConfigDigest?
  /// The way back failed too: nothing is tried until a person or another digest comes.
  package let isStalled: Bool

  package init(
    digest: ConfigDigest, cause: Cause, target: ConfigDigest?, circumstances: ConfigDigest? = nil,
    isStalled: Bool = false
  ) {
    self.digest = digest
    self.cause = cause
    self.target = target == digest ? nil : target
    self.circumstances = circumstances
    self.isStalled = isStalled
  }

  package enum Cause: String, Hashable, Sendable, CaseIterable {
    /// The provider gave up on it for a cause of ours.
    case failed
    /// The provider refused the write.
    case refused
    /// It came up and answered wrongly.
    case verification
    /// A person cancelled the update at the provider.
    case canceled
    /// A person chose another revision.
    case rollback
  }
}

extension Held {
  /// What else a judgement hung on, besides the config: the checks for a failed verification, tags and settings for a
  /// create that was refused with them. Nil where nothing else mattered. When it changes, the digest is judged anew.
  package static func circumstances(of endpoint: DesiredEndpoint, cause: Cause) -> ConfigDigest? {
    switch cause {
    case .verification: endpoint.rollout.checksDigest
    case .refused:
      ConfigDigest(SHA256.hash(JSONValue.object(createdWith(endpoint)).bytes()))
    case .failed, .canceled, .rollback: nil
    }
  }

  /// What travels with the config in a create.
  private static func createdWith(_ endpoint: DesiredEndpoint) -> [String: JSONValue] {
    var members = endpoint.sideSettings.tags.mapValues { JSONValue.string($0) }
    let settings = CreateSettings(endpoint.sideSettings)
    // No tag has such a key.
    if !settings.isEmpty { members[""] = settings.content }
    return members
  }

  /// Whether this keeps the endpoint from being rolled out as its manifest says now.
  package func isInForce(for endpoint: DesiredEndpoint, _ rollout: Rollout) -> Bool {
    guard digest == rollout.digest else { return false }
    guard let circumstances else { return true }
    return circumstances == Self.circumstances(of: endpoint, cause: cause)
  }
}
