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

extension Rollout {
  /// The served entities whose model version nobody is known to have served here: neither the endpoint now, nor a good
  /// revision. Of these it is worth asking the registry whether they are there yet.
  package func unproven(on live: ObservedEndpoint?, _ memory: Memory) -> [ServedEntity] {
    let proven = [live?.active?.config].compactMap(\.self) + memory.revisions.filter(\.isGood).compactMap(\.config)
    return config.entities.filter { entity in !proven.contains { $0.entity(like: entity) != nil } }
  }
}

extension Decision {
  /// What is about to be rolled out by it for the first time; nil where it sends nothing yet, or sends again what may be
  /// under way.
  package func upcoming(_ memory: Memory) -> Rollout? {
    switch next {
    case .record(.opened(let attempt, let rollout, _)): attempt.kind == .update ? rollout : nil
    case .call(.updateConfig), .call(.create):
      // It was told before that something is not there.
      memory.attempt.flatMap { $0.kind == .update && $0.refusal != nil ? memory.rollout(of: $0.digest) : nil }
    default: nil
    }
  }
}
