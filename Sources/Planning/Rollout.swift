package import Endpoints

/// A config with its digest, which is computed once: what one rollout brings.
package struct Rollout: Hashable, Sendable {
  package let config: EndpointConfig
  package let digest: ConfigDigest

  package init(_ config: EndpointConfig) {
    self.config = config
    self.digest = config.digest
  }

  /// A config whose digest is already known, such as one out of history.
  package init(_ config: EndpointConfig, digest: ConfigDigest) {
    self.config = config
    self.digest = digest
  }

  // The digest stands for the content; comparing 32 bytes is enough, and cheap in large plans.
  package static func == (one: Rollout, other: Rollout) -> Bool { one.digest == other.digest }
  package func hash(into hasher: inout Hasher) { hasher.combine(digest) }
}
