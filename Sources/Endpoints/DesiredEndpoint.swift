package import LibYAML

/// A manifest's meaning: defaults filled in, aliases resolved to version numbers, canonical order.
package struct DesiredEndpoint: Hashable, Sendable {
  package let name: String
  package let config: EndpointConfig
  package let sideSettings: SideSettings
  package let rollout: RolloutPolicy
  package let deletionPolicy: DeletionPolicy
  /// True: the person asks that this endpoint is left alone.
  package let suspend: Bool
  /// Where the manifest stands, for messages; no part of its meaning.
  package let location: SourceLocation?
  /// The aliases that were resolved on the way, such as `@champion` → `7`, by served entity name; for plans to show.
  package let resolvedAliases: [String: String]

  package init(
    name: String, config: EndpointConfig, sideSettings: SideSettings = SideSettings(),
    rollout: RolloutPolicy = RolloutPolicy(), deletionPolicy: DeletionPolicy = .delete, suspend: Bool = false,
    location: SourceLocation? = nil, resolvedAliases: [String: String] = [:]
  ) {
    self.name = name
    self.config = config
    self.sideSettings = sideSettings
    self.rollout = rollout
    self.deletionPolicy = deletionPolicy
    self.suspend = suspend
    self.location = location
    self.resolvedAliases = resolvedAliases
  }
}

/// What happens to the live endpoint when its manifest goes away.
package enum DeletionPolicy: String, Hashable, Sendable, CaseIterable {
  case delete = "Delete"
  case retain = "Retain"
}
