/// The served entities among which an endpoint's requests are divided, and their weights.
struct TrafficSplit: Sendable {
  private struct Share: Hashable, Sendable {
    let entity: String
    var weight: Int
  }

  private var split: [Share] = []
  /// Those that get requests now.
  private var shares: [Share] = []

  /// All of them, in order, including those with weight 0.
  var entities: [String] { split.map(\.entity) }

  mutating func set(_ weights: [(entity: String, weight: Int)]) {
    split = weights.map { Share(entity: $0.entity, weight: max(0, $0.weight)) }
  }

  /// Divides the traffic among the entities with a serving replica: the others leave their shares to them. While none
  /// has one, requests wait for the entity that the split selects. Returns whether this has changed.
  mutating func share(among replicas: ReplicaChoice) -> Bool {
    let possible = split.filter { $0.weight > 0 }
    let serving = possible.filter { replicas.serves($0.entity) }
    var new = serving.isEmpty ? possible : serving
    // The weight of a single one does not matter.
    if new.count == 1 { new[0].weight = 1 }
    guard new != shares else { return false }
    shares = new
    return true
  }

  /// Returns the entity of a request: the one to which it is pinned, otherwise the one that its draw selects.
  func entity(for request: QueuedRequest) -> String? {
    if let pinned = request.pinned { return pinned }
    var point = request.draw * Double(shares.reduce(0) { $0 + $1.weight })
    for share in shares {
      point -= Double(share.weight)
      if point < 0 { return share.entity }
    }
    return shares.last?.entity
  }
}
