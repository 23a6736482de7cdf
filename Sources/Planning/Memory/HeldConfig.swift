internal import CanonicalJSON
package import Endpoints
internal import LibCrypto

/// The config that the fleet will not send, the reason, and the revision to stay at. Another digest or a user's `retry`
/// lifts the hold.
package struct HeldConfig: Hashable, Sendable {
  package let digest: ConfigDigest
  package let cause: Cause
  /// The digest of the revision to roll back to during the hold; nil to stay and wait for a user.
  package let target: ConfigDigest?
  /// The digest of the circumstances under which the config was judged. When they change, it may be judged again; see
  /// ``circumstances(of:cause:)``.
  package let circumstances: ConfigDigest?
  /// Whether the rollback failed too: nothing is tried until a user acts or another digest is desired.
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
    /// The rollout failed at the provider through our fault.
    case failed
    /// The provider refused the write.
    case refused
    /// It came up, but failed its verification.
    case verification
    /// A user canceled the update at the provider.
    case canceled
    /// A user chose another revision.
    case rollback
  }
}

extension HeldConfig {
  /// Returns the digest of everything but the config that a verdict depended on: the checks of a failed verification,
  /// the tags and settings of a refused create; nil if nothing else mattered. When it changes, the config is judged
  /// again.
  package static func circumstances(of endpoint: DesiredEndpoint, cause: Cause) -> ConfigDigest? {
    switch cause {
    case .verification: endpoint.rollout.checksDigest
    case .refused:
      ConfigDigest(SHA256.hash(JSONValue.object(createdWith(endpoint)).bytes()))
    case .failed, .canceled, .rollback: nil
    }
  }

  /// Returns what a create sends along with the config.
  private static func createdWith(_ endpoint: DesiredEndpoint) -> [String: JSONValue] {
    var members = endpoint.sideSettings.tags.mapValues { JSONValue.string($0) }
    let settings = CreateCallSettings(endpoint.sideSettings)
    // No tag has such a key.
    if !settings.isEmpty { members[""] = settings.content }
    return members
  }

  /// Whether the hold keeps the manifest's current config from being rolled out.
  package func isInForce(for endpoint: DesiredEndpoint, _ rollout: Rollout) -> Bool {
    guard digest == rollout.digest else { return false }
    guard let circumstances else { return true }
    return circumstances == Self.circumstances(of: endpoint, cause: cause)
  }
}
