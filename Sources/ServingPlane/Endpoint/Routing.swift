import Endpoints

/// Where requests to an endpoint currently go, and what the endpoint's own config says about admitting them.
struct Routing: Hashable, Sendable {
  struct Share: Hashable, Sendable {
    /// The served entity's name.
    let entity: String
    /// The percentage of traffic.
    let weight: Int
    /// The model version that it serves, for request records.
    let model: String
    let version: Int
  }

  struct Target: Hashable, Sendable {
    /// The replica's ID.
    let replica: String
    /// The served entity that it answers for.
    let entity: String
  }

  var shares: [Share] = []
  /// The replicas that can answer requests, sorted by ID.
  var targets: [Target] = []
  /// Why no replica can answer or will be able to; nil if one can or will.
  var unavailable: String?
  /// The endpoint's settings for a plane.
  var plane = PlaneArguments()

  /// The model version that an entity serves; nil if it is not among the shares.
  func version(of entity: String) -> Int? { shares.last { $0.entity == entity }?.version }

  /// The targets to report to a gateway that has an earlier routing: the new ones; all of them if the shares have
  /// changed, because a replica may then answer for another entity or version, or if each takes another number of
  /// requests at once.
  func announced(since old: Routing) -> [Target] {
    let isAllChanged = old.shares != shares || old.plane.concurrency != plane.concurrency
    return targets.filter { isAllChanged || !old.targets.contains($0) }
  }

  /// The targets of an earlier routing whose replicas get no new requests.
  func withdrawn(since old: Routing) -> [Target] {
    let remaining = Set(targets.map(\.replica))
    return old.targets.filter { !remaining.contains($0.replica) }
  }
}
