package import LibYAML

/// One valid document of kind ServingEndpoint: what it says, with defaults filled in and places kept, but with its aliases
/// and `latest` not yet resolved to version numbers.
package struct Manifest: Sendable, Hashable {
  package let name: String
  /// Where the endpoint's name stands.
  package let location: SourceLocation
  /// For people; sent nowhere.
  package let labels: [String: String]
  package let entities: [ManifestEntity]
  package let sideSettings: SideSettings
  package let rollout: RolloutPolicy
  package let deletionPolicy: DeletionPolicy
  package let suspend: Bool
  /// Where `engine` is written, if it is: the first place.
  package let engineLocation: SourceLocation?
  /// The fields that a workspace has and a plane has not.
  package let workspaceFields: [WrittenField]

  /// The aliases, `latest` among them, that have to be looked up before the manifest means anything; without repetition.
  package var aliases: [ModelAlias] {
    var seen: Set<ModelAlias> = []
    return entities.compactMap(\.alias).filter { seen.insert($0).inserted }
  }

  /// The manifest's meaning.
  /// - Parameter versionOfAlias: the version number an alias stands for now, as text; nil when it cannot be found.
  /// - Throws: `InvalidManifest` with a finding for each alias without a version, and for two entities that turn out to be
  ///   the same version.
  package func desired(
    versionOfAlias: (ModelAlias) -> String? = { _ in nil }
  ) throws(InvalidManifest) -> DesiredEndpoint {
    var findings: [Finding] = []
    var served: [ServedEntity] = []
    var resolved: [String: String] = [:]
    for entity in entities {
      guard let version = entity.number(versionOfAlias) else {
        findings.append(entity.unresolved)
        continue
      }
      if served.contains(where: { $0.entityName == entity.model && $0.entityVersion == version }) {
        findings.append(entity.repeated(version: version))
      }
      let pinned = entity.served(version: version)
      served.append(pinned)
      if entity.alias != nil { resolved[pinned.name] = entity.version.text }
    }
    guard findings.isEmpty else { throw InvalidManifest(findings: findings) }
    return DesiredEndpoint(
      name: name, config: EndpointConfig(entities: served), sideSettings: sideSettings, rollout: rollout,
      deletionPolicy: deletionPolicy, suspend: suspend, location: location, resolvedAliases: resolved)
  }

  /// What speaks against applying the manifest to a Databricks workspace, which launches vLLM by the model's entrypoint
  /// and knows nothing of engine arguments.
  package var workspaceFindings: [Finding] {
    guard let engineLocation else { return [] }
    return [
      Finding(
        at: engineLocation, path: "spec.engine",
        "a workspace does not accept engine flags; it runs the model's own entrypoint",
        suggestion: "add the flags to the model version's entrypoint and remove engine")
    ]
  }
}

extension Manifest {
  /// What speaks against applying the manifest to a plane, which answers the calls behind these fields with "not
  /// implemented".
  package var planeFindings: [Finding] {
    workspaceFields.map { field in
      Finding(
        at: field.location, path: field.path, "serving planes do not support this setting; Databricks workspaces do",
        suggestion: "remove it for endpoints on a plane")
    }
  }
}

/// Why a manifest has no meaning.
package struct InvalidManifest: Error, Sendable {
  package let findings: [Finding]
}

/// What means another version of a registered model when somebody moves it: an alias, or `latest`, which registries keep
/// from the names of aliases.
package struct ModelAlias: Sendable, Hashable {
  package let model: String
  /// Without the `@`.
  package let name: String

  /// The name for the newest version that can be served.
  package static let latest = "latest"

  package init(model: String, name: String) {
    self.model = model
    self.name = name
  }
}

/// One served entity of a manifest.
package struct ManifestEntity: Sendable, Hashable {
  package let name: String?
  package let model: String
  package let version: VersionReference
  /// The API's word.
  package let workloadType: String
  /// The word as the manifest has it: the API's, or people's for it.
  package let workloadWord: String
  /// Where that word stands; where there is none, the entity's version.
  package let workloadLocation: SourceLocation
  /// Nil where ``concurrency`` stands in its place.
  package let size: String?
  package let concurrency: ProvisionedConcurrency?
  /// Where either of them stands; where neither does, the entity's version.
  package let sizeLocation: SourceLocation
  package let scaleToZero: Bool
  /// The spec's and the entity's own, engine arguments included.
  package let environment: [String: String]
  package let traffic: Int
  /// `spec`, or `spec.servedEntities[1]`.
  package let path: String
  package let versionLocation: SourceLocation

  package var alias: ModelAlias? {
    switch version {
    case .number: nil
    case .alias(let name): ModelAlias(model: model, name: name)
    case .latest: ModelAlias(model: model, name: ModelAlias.latest)
    }
  }

  fileprivate func number(_ versionOfAlias: (ModelAlias) -> String?) -> String? {
    if case .number(let number) = version { number } else { alias.flatMap(versionOfAlias) }
  }

  fileprivate func served(version: String) -> ServedEntity {
    ServedEntity(
      name: name, entityName: model, entityVersion: version, workloadType: workloadType, workloadSize: size,
      concurrency: concurrency, scaleToZero: scaleToZero, environment: environment, traffic: traffic)
  }

  fileprivate var unresolved: Finding {
    let isLatest = version == .latest
    return Finding(
      at: versionLocation, path: path + ".entityVersion",
      "no version found for \(isLatest ? version.text : "the alias \"\(version.text)\"") of model \(shown(model))",
      suggestion: "\(isLatest ? "register one" : "set the alias in the registry"), or name a version")
  }

  fileprivate func repeated(version number: String) -> Finding {
    Finding(
      at: versionLocation, path: path + ".entityVersion",
      "\"\(version.text)\" of model \(shown(model)) is version \(number), which another entity already serves",
      suggestion: "keep one of them")
  }
}
