internal import Endpoints
package import Planning
package import ServingAPI

/// What a controller knows of its fleet as a whole: what the source last said of each endpoint, and which endpoints there
/// are. Pure.
package struct FleetView: Sendable {
  /// What is wanted of one endpoint.
  package struct Entry: Sendable {
    package var desired: Desired
    /// The commit that brought it.
    package var commit: String?
    /// Why the source's newest word on it cannot be used, where that is so. The last that could stays in force.
    package var problem: String?
    /// Whether that is because the registry did not answer: no fault of the manifest's.
    var isUnasked = false
  }

  private var entries: [String: Entry] = [:]
  /// The fleet's endpoints at the provider, and whether each is retained; nil: nobody has looked yet.
  private var owned: [String: Bool]?
  /// Whether the source's newest reading was whole.
  package private(set) var isComplete = false
  package private(set) var commit: String?

  package init() {}

  /// What a reading of the source changed.
  package struct News: Sendable {
    /// Endpoints of which something else is wanted than before.
    package var changed: Set<String> = []
    /// Endpoints whose newest manifest cannot be used, and why: those for which this is new.
    package var broken: [String: String] = [:]
    /// Endpoints whose versions could not be looked up, and why: all of them.
    package var unasked: [String: String] = [:]
    /// Endpoints whose manifest can be used again.
    package var mended: Set<String> = []
  }

  /// Takes in what the source says. An endpoint whose manifest is broken, or may stand in a file that is, or whose alias
  /// cannot be resolved now, stays what it was last wanted to be.
  package mutating func take(_ fleet: DesiredFleet, commit: String?) -> News {
    var news = News()
    // A source that names nothing at all is more likely broken than meant.
    isComplete = fleet.isComplete && !fleet.endpoints.isEmpty
    self.commit = commit
    for (name, desired) in fleet.endpoints {
      let former = entries[name]
      if case .unknown(let why) = desired {
        let isUnasked = fleet.unasked.contains(name)
        if isUnasked {
          news.unasked[name] = why
        } else if former?.problem != why {
          news.broken[name] = why
        }
        if former == nil { news.changed.insert(name) }
        entries[name] = Entry(
          desired: former?.desired ?? desired, commit: former?.commit ?? commit, problem: why, isUnasked: isUnasked)
        continue
      }
      if let former, former.problem != nil, !former.isUnasked { news.mended.insert(name) }
      if former?.desired == desired {
        entries[name]?.problem = nil
        entries[name]?.isUnasked = false
      } else {
        news.changed.insert(name)
        entries[name] = Entry(desired: desired, commit: commit)
      }
    }
    for name in entries.keys where fleet.endpoints[name] == nil {
      guard isComplete else { continue }
      entries[name] = nil
      news.changed.insert(name)
    }
    return news
  }

  /// Takes in the provider's list.
  package mutating func take(_ list: [EndpointSummary], fleet: String) {
    owned = list.reduce(into: [:]) { owned, endpoint in
      guard endpoint.tags[FleetTags.fleet] == fleet, !endpoint.isReserved else { return }
      owned[endpoint.name] = FleetTags.isRetained(endpoint.tags)
    }
  }

  /// Takes in a look at one endpoint, which is newer than the list.
  package mutating func take(_ name: String, _ observed: Observation, fleet: String) {
    switch observed {
    case .absent: owned?[name] = nil
    case .present(let live): owned?[name] = live.tags[FleetTags.fleet] == fleet ? live.isRetained : nil
    case .unreadable: break
    }
  }

  /// Every endpoint that the source names or the fleet owns.
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

  /// The endpoints that would be deleted, by name, and why they are too many to be deleted unasked; nil: they are not.
  var massDeletion: (names: [String], why: String)? {
    guard isComplete, let owned else { return nil }
    let going = owned.filter { entries[$0.key] == nil && !$0.value }.map(\.key)
    return Plan.massDeletion(going.count, of: owned.count).map { (going.sorted(), $0) }
  }
}
