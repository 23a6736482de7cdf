/// The contents of the store at a plane's start. One damaged row does not affect the others.
struct StoreContents: Sendable {
  struct Damage: Hashable, Sendable {
    /// The endpoint's ID.
    let id: String
    let reason: String
  }

  /// By name.
  var endpoints: [EndpointRecord] = []
  /// Oldest first.
  var replicas: [ReplicaRecord] = []
  /// Endpoints that cannot be read, by name.
  var damagedEndpoints: [String: Damage] = [:]
  /// Replicas that cannot be read, with the reason, by ID.
  var damagedReplicas: [String: String] = [:]
  /// Omitted parts of endpoints that are usable all the same.
  var remarks: [String] = []
}
