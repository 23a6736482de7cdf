package import Endpoints

/// The config of one rollout with its digest, which is computed once.
package struct Rollout: Hashable, Sendable {
  package let config: EndpointConfig
  package let digest: ConfigDigest

  package init(_ config: EndpointConfig) {
    self.config = config
    self.digest = config.digest
  }

  /// Creates a rollout of a config whose digest is already known, such as one from history.
  package init(_ config: EndpointConfig, digest: ConfigDigest) {
    self.config = config
    self.digest = digest
  }

  // The digest stands for the content; comparing 32 bytes is enough, and cheap in large plans.
  package static func == (one: Rollout, other: Rollout) -> Bool { one.digest == other.digest }
  package func hash(into hasher: inout Hasher) { hasher.combine(digest) }
}

extension Rollout {
  /// Returns the served entities whose model version is not known to have been served here, neither by the live
  /// endpoint nor in a good revision. For these, the registry should be queried first.
  package func unproven(on live: ObservedEndpoint?, _ memory: Memory) -> [ServedEntity] {
    let proven = [live?.active?.config].compactMap(\.self) + memory.revisions.filter(\.isGood).compactMap(\.config)
    return config.entities.filter { entity in !proven.contains { $0.entity(like: entity) != nil } }
  }
}

extension Decision {
  /// Returns the config that the decision is about to roll out for the first time; nil if it sends nothing yet, or
  /// repeats a call that may be in progress.
  package func upcoming(_ memory: Memory) -> Rollout? {
    switch next {
    case .record(.opened(let attempt, let rollout, _)): attempt.kind == .update ? rollout : nil
    case .call(.updateConfig), .call(.create):
      // The provider reported before that something does not exist.
      memory.attempt.flatMap {
        $0.kind == .update && $0.refusal?.mayHaveArrived == false ? memory.rollout(of: $0.digest) : nil
      }
    // A hold is lifted only for a config that can be sent.
    case .call(.patchTags(_, let patch)) where patch.remove.contains(FleetTags.held):
      memory.attempt == nil && sendsConfig ? target : nil
    case .record(.liftedWhileAbsent): memory.attempt == nil && sendsConfig ? target : nil
    default: nil
    }
  }

  /// Whether executing it sends a config; otherwise there is nothing to check first.
  package var sendsConfig: Bool { operations.contains { $0.kind == .config } }

  /// The config that it sends next, which is that of one step if the rollout has steps; nil if it sends none.
  package var nextConfig: EndpointConfig? {
    for operation in operations {
      switch operation {
      case .create(_, let config, _, _), .updateConfig(_, let config): return config
      case .patchTags, .delete, .changeSetting: continue
      }
    }
    return nil
  }
}
