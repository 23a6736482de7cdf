package import Endpoints
internal import LibYAML
package import ModelRegistry
package import Planning
internal import ServingAPI

/// What a source wants of a whole fleet, aliases resolved.
package struct DesiredFleet: Sendable {
  /// By name: present, or unknown where the manifest is broken or an alias has no version at present.
  package let endpoints: [String: Desired]
  /// Whether the source was read whole. If not, nothing follows from a name's absence.
  package let isComplete: Bool
  /// By name, what a person should know of the versions beside what is wanted; mostly nothing.
  package let remarks: [String: [String]]
  /// The names of those whose versions could not be looked up, since the registry did not answer the question.
  package let unasked: Set<String>
  /// How the manifests were resolved, by name.
  private let resolutions: [String: Resolution]

  /// What a manifest came to.
  private struct Resolution: Sendable {
    let manifest: Manifest
    /// What its aliases meant.
    let versions: [ModelAlias: String]
    let desired: Desired
  }

  package init(endpoints: [String: Desired], isComplete: Bool) {
    self.init(endpoints: endpoints, isComplete: isComplete, remarks: [:], unasked: [], resolutions: [:])
  }

  private init(
    endpoints: [String: Desired], isComplete: Bool, remarks: [String: [String]], unasked: Set<String>,
    resolutions: [String: Resolution]
  ) {
    self.unasked = unasked
    self.endpoints = endpoints
    self.isComplete = isComplete
    self.remarks = remarks
    self.resolutions = resolutions
  }

  /// What is wanted of an endpoint.
  package func desired(_ name: String) -> Desired {
    endpoints[name]
      ?? (isComplete ? .none : .unknown("some manifests could not be read, so it may be in one of them"))
  }

  /// The version that an alias means now.
  package typealias AliasLookup = @Sendable (ModelAlias) async throws -> ResolvedVersion

  /// Resolves a source's aliases, each once, so that one plan means one version by it.
  ///
  /// - Parameter former: what an earlier reading of the source came to; a manifest that says and means the same is taken
  ///   from there.
  package static func resolve(
    _ set: ManifestSet, after former: DesiredFleet? = nil, versionOfAlias: @escaping AliasLookup
  ) async throws -> DesiredFleet {
    let aliases = Array(Set(set.manifests.flatMap(\.aliases)))
    let answers = try await mapConcurrently(aliases, limit: 8) { alias in
      try await AliasAnswer(alias, versionOfAlias)
    }
    let known = Dictionary(answers.map { ($0.alias, $0) }, uniquingKeysWith: { one, _ in one })
    var endpoints: [String: Desired] = [:]
    var resolutions: [String: Resolution] = [:]
    endpoints.reserveCapacity(set.manifests.count)
    resolutions.reserveCapacity(set.manifests.count)
    for manifest in set.manifests {
      let resolution = resolution(of: manifest, known, after: former?.resolutions[manifest.name])
      endpoints[manifest.name] = resolution.desired
      resolutions[manifest.name] = resolution
    }
    for name in set.brokenNames { endpoints[name] = .unknown("its manifest is invalid") }
    let unasked = set.manifests.filter { $0.aliases.contains { known[$0]?.isUnasked ?? false } }.map(\.name)
    return DesiredFleet(
      endpoints: endpoints, isComplete: set.isComplete, remarks: remarks(set, known), unasked: Set(unasked),
      resolutions: resolutions)
  }

  private static func remarks(_ set: ManifestSet, _ known: [ModelAlias: AliasAnswer]) -> [String: [String]] {
    let remarks = known.values.reduce(into: [:]) { $0[$1.alias] = $1.version?.remark(on: $1.alias.model) }
    guard !remarks.isEmpty else { return [:] }
    return set.manifests.reduce(into: [:]) { all, manifest in
      let lines = manifest.aliases.compactMap { remarks[$0] }
      if !lines.isEmpty { all[manifest.name] = lines }
    }
  }

  private static func resolution(
    of manifest: Manifest, _ known: [ModelAlias: AliasAnswer], after former: Resolution?
  ) -> Resolution {
    let aliases = manifest.aliases
    let versions = aliases.reduce(into: [:]) { $0[$1] = known[$1]?.version?.number }
    if let former, former.versions == versions, versions.count == aliases.count, former.manifest == manifest {
      return former
    }
    let desired =
      if let answer = aliases.lazy.compactMap({ known[$0] }).first(where: { $0.problem != nil }) {
        Desired.unknown(answer.isUnasked ? answer.words : "\(manifest.location): \(answer.words)")
      } else {
        desired(manifest, known)
      }
    return Resolution(manifest: manifest, versions: versions, desired: desired)
  }

  /// So many are part of a status.
  private static let mostFindings = 5

  private static func desired(_ manifest: Manifest, _ known: [ModelAlias: AliasAnswer]) -> Desired {
    do throws(InvalidManifest) {
      return .present(try manifest.desired { known[$0]?.version?.number })
    } catch {
      return .unknown(error.findings.prefix(mostFindings).map(\.description).joined(separator: "\n"))
    }
  }
}

/// What a registry said of one alias.
private struct AliasAnswer: Sendable {
  let alias: ModelAlias
  var version: ResolvedVersion?
  /// Why there is no version; nil: there is one.
  var problem: (any Error)?

  /// Whether the registry gave no answer to the question.
  var isUnasked: Bool { problem is ServingError }

  var words: String {
    guard let problem else { return "" }
    let asked =
      alias.name == ModelAlias.latest ? "the newest version of \(alias.model)" : "\(alias.model)@\(alias.name)"
    return isUnasked ? "\(asked) cannot be resolved: \(problem)" : UnservableVersion.words(problem) ?? "\(problem)"
  }

  init(_ alias: ModelAlias, _ lookup: DesiredFleet.AliasLookup) async throws {
    self.alias = alias
    do {
      version = try await lookup(alias)
    } catch let error as CancellationError {
      throw error
    } catch {
      problem = error
    }
  }
}
