package import LibYAML

/// One valid document of kind ServingEndpoint, with defaults filled in and locations kept, but with aliases and
/// `latest` not yet resolved to version numbers.
package struct Manifest: Sendable, Hashable {
  package let name: String
  /// The location of the endpoint's name.
  package let location: SourceLocation
  /// The labels, for people; not sent to the provider.
  package let labels: [String: String]
  package let entities: [ManifestEntity]
  package let sideSettings: SideSettings
  package let rollout: RolloutPolicy
  package let deletionPolicy: DeletionPolicy
  package let suspend: Bool
  /// The first location of `engine`; nil if it is not set.
  package let engineLocation: SourceLocation?
  /// The fields that planes support and workspaces do not, besides `engine`.
  package let planeOnlyFields: [WrittenField]
  /// The fields that workspaces support and planes do not.
  package let workspaceOnlyFields: [WrittenField]
  /// The findings against names of principals that are valid on a plane, where every token's name is, and not in a
  /// workspace.
  let planeOnlyNames: [Finding]

  /// The aliases, including `latest`, that must be resolved first; without repetition.
  package var aliases: [ModelAlias] {
    var seen: Set<ModelAlias> = []
    return entities.compactMap(\.alias).filter { seen.insert($0).inserted }
  }

  /// Returns the manifest's meaning.
  /// - Parameter versionOfAlias: returns the version number that an alias resolves to, as text; nil if it is not found.
  /// - Throws: `InvalidManifest` with a finding for each alias without a version, and for two entities that turn out to
  ///   be the same version.
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

  /// The findings against applying the manifest to a Databricks workspace, which starts vLLM by the model's entrypoint,
  /// supports neither engine arguments nor a plane's settings, and knows users by email address and service principals by
  /// application ID.
  package var findingsForWorkspace: [Finding] {
    let engine = engineLocation.map { location in
      Finding(
        at: location, path: "spec.engine",
        "a workspace does not accept engine flags; it runs the model's own entrypoint",
        suggestion: "add the flags to the model version's entrypoint and remove engine")
    }
    return [engine].compactMap(\.self)
      + planeOnlyFields.map { field in
        Finding(
          at: field.location, path: field.path, "workspaces do not support this setting; serving planes do",
          suggestion: "remove it for endpoints in a workspace")
      }
      + planeOnlyNames
  }

  /// The same for a provider of unknown kind: the names may be those of a plane's tokens.
  package var findingsForUnknownProvider: [Finding] {
    planeOnlyNames.map { finding in
      let advice = [finding.suggestion, "only a plane accepts other names: its tokens' names"].compactMap(\.self)
      return Finding(
        .warning, at: finding.location, path: finding.path, finding.message, suggestion: advice.joined(separator: "; "))
    }
  }

  /// Whether the findings depend on whether the provider is a plane.
  package var dependsOnProvider: Bool { !findingsForPlane.isEmpty || !planeOnlyNames.isEmpty }
}

extension Manifest {
  /// The findings against applying the manifest to a plane, which answers the calls for these fields with "not
  /// implemented".
  package var findingsForPlane: [Finding] {
    workspaceOnlyFields.map { field in
      Finding(
        at: field.location, path: field.path, "serving planes do not support this setting; Databricks workspaces do",
        suggestion: "remove it for endpoints on a plane")
    }
  }
}

/// Why a manifest is invalid.
package struct InvalidManifest: Error, Sendable {
  package let findings: [Finding]
}

/// A movable name for a version of a registered model: an alias, or `latest`, which registries do not allow as an
/// alias.
package struct ModelAlias: Sendable, Hashable {
  package let model: String
  /// The name without the `@`.
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
  /// The API's name.
  package let workloadType: String
  /// The name in the manifest: the API's or a friendly one.
  package let workloadWord: String
  /// The location of that name, else of the entity's version.
  package let workloadLocation: SourceLocation
  /// The size; nil if ``concurrency`` is set instead.
  package let size: String?
  package let concurrency: ProvisionedConcurrency?
  /// The location of either of them, else of the entity's version.
  package let sizeLocation: SourceLocation
  package let scaleToZero: Bool
  /// The environment of the spec and of the entity, including engine arguments and a plane's settings.
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
      suggestion: "\(isLatest ? "register one" : "set the alias in the registry"), or specify a version")
  }

  fileprivate func repeated(version number: String) -> Finding {
    Finding(
      at: versionLocation, path: path + ".entityVersion",
      "\"\(version.text)\" of model \(shown(model)) is version \(number), which another entity already serves",
      suggestion: "keep one of them")
  }
}
