package import Endpoints
internal import LibYAML
package import Planning

/// What a source wants of a whole fleet, aliases resolved.
package struct DesiredFleet: Sendable {
  /// By name: present, or unknown where the manifest is broken or an alias has no version at present.
  package let endpoints: [String: Desired]
  /// Whether the source was read whole. If not, nothing follows from a name's absence.
  package let isComplete: Bool

  package init(endpoints: [String: Desired], isComplete: Bool) {
    self.endpoints = endpoints
    self.isComplete = isComplete
  }

  /// What is wanted of an endpoint.
  package func desired(_ name: String) -> Desired {
    endpoints[name]
      ?? (isComplete ? .none : .unknown("the manifests could not all be read, so it may stand in one of them"))
  }

  /// The version number that an alias means now.
  package typealias AliasLookup = @Sendable (ModelAlias) async throws -> String

  /// Resolves a source's aliases, each once, so that one plan means one version by it.
  package static func resolve(_ set: ManifestSet, versionOfAlias: @escaping AliasLookup) async throws -> DesiredFleet {
    let aliases = Array(Set(set.manifests.flatMap(\.aliases)))
    let answers = try await mapConcurrently(aliases, limit: 8) { alias in
      try await AliasAnswer(alias, versionOfAlias)
    }
    let known = Dictionary(answers.map { ($0.alias, $0) }, uniquingKeysWith: { one, _ in one })
    var endpoints: [String: Desired] = [:]
    for manifest in set.manifests { endpoints[manifest.name] = desired(manifest, known) }
    for name in set.brokenNames { endpoints[name] = .unknown("its manifest is broken") }
    return DesiredFleet(endpoints: endpoints, isComplete: set.isComplete)
  }

  private static func desired(_ manifest: Manifest, _ known: [ModelAlias: AliasAnswer]) -> Desired {
    if let problem = manifest.aliases.lazy.compactMap({ known[$0]?.problem }).first {
      return .unknown("\(manifest.location): \(problem)")
    }
    do throws(InvalidManifest) {
      return .present(try manifest.desired { known[$0]?.version })
    } catch {
      return .unknown(error.findings.map(\.description).joined(separator: "\n"))
    }
  }
}

/// What a registry said of one alias.
private struct AliasAnswer: Sendable {
  let alias: ModelAlias
  var version: String?
  /// Why there is no version, in words.
  var problem: String?

  init(_ alias: ModelAlias, _ lookup: DesiredFleet.AliasLookup) async throws {
    self.alias = alias
    do {
      version = try await lookup(alias)
    } catch let error as CancellationError {
      throw error
    } catch {
      problem = "\(error)"
    }
  }
}
