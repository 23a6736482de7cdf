import Endpoints
import Planning

/// What `setpoint diff` does from a fleet's files to its plan, with the answers of the provider and the history at
/// hand.
struct FleetPlan {
  enum Stage {
    /// Parse and validate.
    case read
    case digest
    case plan
  }

  private let observations: [String: Observation]
  private let memories: [String: Memory]

  /// A fleet of this many endpoints, all in sync with their manifests.
  init(of count: Int) {
    let fleet = (0..<count).map(GeneratedEndpoint.init)
    observations = Dictionary(uniqueKeysWithValues: fleet.lazy.map { ($0.name, .present($0.observed)) })
    memories = Dictionary(uniqueKeysWithValues: fleet.lazy.map { ($0.name, $0.memory) })
  }

  /// - Parameter lap: called at the end of each stage.
  func plan(files: some Sequence<ManifestFile>, lap: (Stage) -> Void = { _ in }) -> Plan {
    let set = ManifestSet.read(files)
    lap(.read)
    var desired = desired(set)
    lap(.digest)
    for name in set.brokenNames { desired[name] = .unknown("its manifest is invalid") }
    let items = Set(desired.keys).union(observations.keys).sorted().map { name in
      PlanItem(
        name: name, desired: desired[name] ?? .none, observed: observations[name] ?? .absent,
        memory: memories[name] ?? Memory())
    }
    let plan = Plan.make(
      target: "http://127.0.0.1:7387", items: items, now: GeneratedEndpoint.now,
      options: PlanOptions(
        DecisionOptions(fleet: GeneratedEndpoint.fleet, prune: true), isSourceWhole: set.isComplete))
    lap(.plan)
    return plan
  }

  private func desired(_ set: ManifestSet) -> [String: Desired] {
    var desired: [String: Desired] = [:]
    for manifest in set.manifests {
      do throws(InvalidManifest) {
        desired[manifest.name] = .present(try manifest.desired { GeneratedEndpoint.version(of: $0) })
      } catch {
        desired[manifest.name] = .unknown("\(error.findings)")
      }
    }
    return desired
  }
}
