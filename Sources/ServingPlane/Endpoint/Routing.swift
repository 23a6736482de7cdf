/// Where requests to an endpoint currently go.
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
    /// The replica's id.
    let replica: String
    /// The served entity that it answers for.
    let entity: String
  }

  var shares: [Share] = []
  /// The replicas that can answer requests, sorted by id.
  var targets: [Target] = []
  /// Why no replica can answer or will be able to; nil if one can or will.
  var unavailable: String?
}
