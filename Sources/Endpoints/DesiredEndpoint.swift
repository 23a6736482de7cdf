package import LibYAML

/// The meaning of a manifest: defaults filled in, aliases resolved to version numbers, in canonical order.
package struct DesiredEndpoint: Hashable, Sendable {
  package let name: String
  package let config: EndpointConfig
  package let sideSettings: SideSettings
  package let rollout: RolloutPolicy
  package let deletionPolicy: DeletionPolicy
  /// Whether the manifest requests that this endpoint is not changed.
  package let suspend: Bool
  /// The location of the manifest, for messages; not part of its meaning.
  package let location: SourceLocation?
  /// The aliases that were resolved, such as `@champion` → `7`, by served entity name; shown in plans.
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

/// What happens to the live endpoint when its manifest is removed.
package enum DeletionPolicy: String, Hashable, Sendable, CaseIterable {
  case delete = "Delete"
  case retain = "Retain"
}
