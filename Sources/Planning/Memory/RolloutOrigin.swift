package import Endpoints

/// Where a rollout comes from; recorded with its revision and its events.
package struct RolloutOrigin: Hashable, Sendable {
  /// The source commit, if there is one; for a rollback, the commit of the config that it leaves.
  package let sourceCommit: String?
  /// The versions that the manifest names by an alias.
  package let aliases: [AliasedVersion]
  /// For a rollback, what happened, as a clause such as "revision 3 failed"; else empty.
  package let because: String
  /// The message of the failure, or the reason of the decision; may be empty.
  package let why: String
  /// The manifest's rollout policy; nil for a rollback.
  package let policy: RolloutPolicy?

  package init(
    sourceCommit: String? = nil, aliases: [AliasedVersion] = [], because: String = "", why: String = "",
    policy: RolloutPolicy? = nil
  ) {
    self.policy = policy
    self.sourceCommit = sourceCommit
    self.aliases = aliases
    self.because = because
    self.why = why
  }
}

/// A version that a manifest names by an alias or by `latest`, with the number that it resolved to.
package struct AliasedVersion: Hashable, Sendable {
  /// The registered model.
  package let model: String
  /// The alias as the manifest writes it: `@champion` or `latest`.
  package let alias: String
  package let version: String

  package init(model: String, alias: String, version: String) {
    self.model = model
    self.alias = alias
    self.version = version
  }

  /// The alias in messages: `the alias @champion of main.support.qwen3`, `latest of model main.support.qwen3`.
  package var text: String { alias.hasPrefix("@") ? "the alias \(alias) of \(model)" : "\(alias) of model \(model)" }
}

extension DesiredEndpoint {
  /// The versions that the manifest names by an alias, in the order of the config's entities.
  package var aliasedVersions: [AliasedVersion] {
    guard !resolvedAliases.isEmpty else { return [] }
    return config.entities.compactMap { entity in
      resolvedAliases[entity.name].map {
        AliasedVersion(model: entity.entityName, alias: $0, version: entity.entityVersion)
      }
    }
  }
}
