/// Where requests to an endpoint go at this moment.
struct Routing: Hashable, Sendable {
  struct Share: Hashable, Sendable {
    /// The served entity's name.
    let entity: String
    /// Per cent.
    let weight: Int
    /// The model version behind it, for records of requests.
    let model: String
    let version: Int
  }

  struct Target: Hashable, Sendable {
    /// The replica's id.
    let replica: String
    /// The served entity it answers for.
    let entity: String
  }

  var shares: [Share] = []
  /// The replicas that can answer, sorted by id.
  var targets: [Target] = []
  /// Why nothing can answer and nothing is coming; nil where something can, or will.
  var unavailable: String?
}
