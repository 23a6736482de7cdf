internal import Endpoints
package import Planning
package import ServingAPI

/// What a controller knows of its fleet as a whole: the desired state of each endpoint, and which endpoints exist.
/// Pure.
package struct FleetView: Sendable {
  /// The desired state of one endpoint.
  package struct Entry: Sendable {
    package var desired: Desired
    /// The commit that it comes from.
    package var commit: String?
    /// Why the latest manifest cannot be used; nil: it can. The last usable desired state stays in force.
    package var problem: String?
    /// Whether the reason is that the registry did not answer, so that the manifest is not at fault.
    var isUnresolved = false
  }

  private var entries: [String: Entry] = [:]
  /// The fleet's endpoints at the provider, and whether each is retained; nil: not listed yet.
  private var owned: [String: Bool]?
  /// Whether the latest read of the source was complete.
  package private(set) var isComplete = false
  package private(set) var commit: String?

  package init() {}

  /// The changes that a read of the source brought.
  package struct SourceChanges: Sendable {
    /// Endpoints whose desired state has changed.
    package var changed: Set<String> = []
    /// Endpoints whose latest manifest newly cannot be used, and why.
    package var broken: [String: String] = [:]
    /// All endpoints whose versions could not be resolved because the registry did not answer, and why.
    package var unresolved: [String: String] = [:]
    /// Endpoints whose manifest can be used again.
    package var repaired: Set<String> = []
  }

  /// Records a read of the source. An endpoint keeps its previous desired state if its manifest is invalid or may be in
  /// an invalid file, or if its alias cannot be resolved now.
  package mutating func take(_ fleet: DesiredFleet, commit: String?) -> SourceChanges {
    var sourceChanges = SourceChanges()
    // A source that names nothing at all is more likely broken than intended.
    isComplete = fleet.isComplete && !fleet.endpoints.isEmpty
    self.commit = commit
    for (name, desired) in fleet.endpoints {
      let former = entries[name]
      if case .unknown(let why) = desired {
        let isUnresolved = fleet.unresolved.contains(name)
        if isUnresolved {
          sourceChanges.unresolved[name] = why
        } else if former?.problem != why {
          sourceChanges.broken[name] = why
        }
        if former == nil { sourceChanges.changed.insert(name) }
        entries[name] = Entry(
          desired: former?.desired ?? desired, commit: former?.commit ?? commit, problem: why,
          isUnresolved: isUnresolved)
        continue
      }
      if let former, former.problem != nil, !former.isUnresolved { sourceChanges.repaired.insert(name) }
      if former?.desired == desired {
        entries[name]?.problem = nil
        entries[name]?.isUnresolved = false
      } else {
        sourceChanges.changed.insert(name)
        entries[name] = Entry(desired: desired, commit: commit)
      }
    }
    for name in entries.keys where fleet.endpoints[name] == nil {
      guard isComplete else { continue }
      entries[name] = nil
      sourceChanges.changed.insert(name)
    }
    return sourceChanges
  }

  /// Records the provider's list.
  package mutating func take(_ list: [EndpointSummary], fleet: String) {
    owned = list.reduce(into: [:]) { owned, endpoint in
      guard endpoint.tags[FleetTags.fleet] == fleet, !endpoint.isReserved else { return }
      owned[endpoint.name] = FleetTags.isRetained(endpoint.tags)
    }
  }

  /// Records an observation of one endpoint, which is newer than the list.
  package mutating func take(_ name: String, _ observed: Observation, fleet: String) {
    switch observed {
    case .absent: owned?[name] = nil
    case .present(let live): owned?[name] = live.tags[FleetTags.fleet] == fleet ? live.isRetained : nil
    case .unreadable: break
    }
  }

  /// The endpoints that the source names or the fleet owns.
  package var names: Set<String> { Set(entries.keys).union((owned ?? [:]).keys) }

  package func entry(_ name: String) -> Entry {
    if let entry = entries[name] { return entry }
    let words = "some manifests could not be read, so it may be in one of them"
    return Entry(desired: isComplete ? .none : .unknown(words), commit: commit)
  }

  /// Why no endpoint may be deleted now; nil: those that are no longer named may be.
  package func blockedDeletions(allowMassDelete: Bool) -> WriteRules.Withholding? {
    guard isComplete else { return WriteRules.Withholding("the source could not be read completely") }
    guard owned != nil else {
      return WriteRules.Withholding("the provider's endpoints have not been listed yet")
    }
    guard !allowMassDelete else { return nil }
    return massDeletion.map { WriteRules.Withholding($0.why, .massDeletion) }
  }

  /// The endpoints that would be deleted, by name, and why they are too many to be deleted without permission; nil:
  /// they are not.
  var massDeletion: (names: [String], why: String)? {
    guard isComplete, let owned else { return nil }
    let going = owned.filter { entries[$0.key] == nil && !$0.value }.map(\.key)
    return Plan.massDeletion(going.count, of: owned.count).map { (going.sorted(), $0) }
  }
}
