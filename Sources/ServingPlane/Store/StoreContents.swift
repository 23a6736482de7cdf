/// What a plane finds in its store when it starts. One damaged row says nothing of the others.
struct StoreContents: Sendable {
  struct Damage: Hashable, Sendable {
    /// The endpoint's id.
    let id: String
    let reason: String
  }

  /// By name.
  var endpoints: [EndpointRecord] = []
  /// Oldest first.
  var replicas: [ReplicaRecord] = []
  /// Endpoints that cannot be read, by name.
  var damagedEndpoints: [String: Damage] = [:]
  /// Replicas that cannot be read, by id: why.
  var damagedReplicas: [String: String] = [:]
  /// What was left out of endpoints that can be used all the same.
  var remarks: [String] = []
}
