package import Endpoints
internal import LibYAML
package import ModelRegistry
package import Planning
internal import ServingAPI

/// The desired state of a whole fleet, with aliases resolved.
package struct DesiredFleet: Sendable {
  /// By name: present, or unknown if the manifest is invalid or an alias currently has no version.
  package let endpoints: [String: Desired]
  /// Whether the source was read completely. If not, a missing name means nothing.
  package let isComplete: Bool
  /// By name, remarks on the versions for the user; usually none.
  package let remarks: [String: [String]]
  /// The names of endpoints whose versions could not be resolved because the registry did not answer.
  package let unresolved: Set<String>
  /// How the manifests were resolved, by name.
  private let resolutions: [String: Resolution]

  /// The result of resolving a manifest.
  private struct Resolution: Sendable {
    let manifest: Manifest
    /// The versions of its aliases.
    let versions: [ModelAlias: String]
    let desired: Desired
  }

  package init(endpoints: [String: Desired], isComplete: Bool) {
    self.init(endpoints: endpoints, isComplete: isComplete, remarks: [:], unresolved: [], resolutions: [:])
  }

  private init(
    endpoints: [String: Desired], isComplete: Bool, remarks: [String: [String]], unresolved: Set<String>,
    resolutions: [String: Resolution]
  ) {
    self.unresolved = unresolved
    self.endpoints = endpoints
    self.isComplete = isComplete
    self.remarks = remarks
    self.resolutions = resolutions
  }

  /// The desired state of an endpoint.
  package func desired(_ name: String) -> Desired {
    endpoints[name]
      ?? (isComplete ? .none : .unknown("some manifests could not be read, so it may be in one of them"))
  }

  /// A function that returns the version that an alias currently means.
  package typealias AliasLookup = @Sendable (ModelAlias) async throws -> ResolvedVersion

  /// Resolves a source's aliases, each only once, so that an alias means one version throughout a plan.
  ///
  /// - Parameter former: the result of an earlier read of the source; manifests that are unchanged and resolve to the
  ///   same versions are taken from it.
  package static func resolve(
    _ set: ManifestSet, after former: DesiredFleet? = nil, versionOfAlias: @escaping AliasLookup
  ) async throws -> DesiredFleet {
    let aliases = Array(Set(set.manifests.flatMap(\.aliases)))
    let answers = try await mapConcurrently(aliases, limit: 8) { alias in
      try await AliasResolution(alias, versionOfAlias)
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
    let unresolved = set.manifests.filter { $0.aliases.contains { known[$0]?.isUnresolved ?? false } }.map(\.name)
    return DesiredFleet(
      endpoints: endpoints, isComplete: set.isComplete, remarks: remarks(set, known), unresolved: Set(unresolved),
      resolutions: resolutions)
  }

  private static func remarks(_ set: ManifestSet, _ known: [ModelAlias: AliasResolution]) -> [String: [String]] {
    let remarks = known.values.reduce(into: [:]) { $0[$1.alias] = $1.version?.remark(on: $1.alias.model) }
    guard !remarks.isEmpty else { return [:] }
    return set.manifests.reduce(into: [:]) { all, manifest in
      let lines = manifest.aliases.compactMap { remarks[$0] }
      if !lines.isEmpty { all[manifest.name] = lines }
    }
  }

  private static func resolution(
    of manifest: Manifest, _ known: [ModelAlias: AliasResolution], after former: Resolution?
  ) -> Resolution {
    let aliases = manifest.aliases
    let versions = aliases.reduce(into: [:]) { $0[$1] = known[$1]?.version?.number }
    if let former, former.versions == versions, versions.count == aliases.count, former.manifest == manifest {
      return former
    }
    let desired =
      if let answer = aliases.lazy.compactMap({ known[$0] }).first(where: { $0.problem != nil }) {
        Desired.unknown(answer.isUnresolved ? answer.message : "\(manifest.location): \(answer.message)")
      } else {
        desired(manifest, known)
      }
    return Resolution(manifest: manifest, versions: versions, desired: desired)
  }

  /// The maximum number of findings in a status.
  private static let mostFindings = 5

  private static func desired(_ manifest: Manifest, _ known: [ModelAlias: AliasResolution]) -> Desired {
    do throws(InvalidManifest) {
      return .present(try manifest.desired { known[$0]?.version?.number })
    } catch {
      return .unknown(error.findings.prefix(mostFindings).map(\.description).joined(separator: "\n"))
    }
  }
}

/// The result of resolving one alias.
private struct AliasResolution: Sendable {
  let alias: ModelAlias
  var version: ResolvedVersion?
  /// Why there is no version; nil if there is one.
  var problem: (any Error)?

  /// Whether the registry did not answer.
  var isUnresolved: Bool { problem is ServingError }

  var message: String {
    guard let problem else { return "" }
    let asked =
      alias.name == ModelAlias.latest ? "the newest version of \(alias.model)" : "\(alias.model)@\(alias.name)"
    return isUnresolved ? "\(asked) cannot be resolved: \(problem)" : UnservableVersion.reason(problem) ?? "\(problem)"
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
