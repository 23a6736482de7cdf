/// The minimum and maximum number of replicas of an entity at a workspace while it is not scaled to zero
/// (serving-api.md 6.1).
package struct ReplicaRange: Hashable, Sendable, CustomStringConvertible {
  package let least: Int
  package let most: Int

  /// The number of concurrent requests of one replica: a unit of provisioned concurrency is one request.
  package static let concurrencyOfReplica = 4

  package init(least: Int, most: Int) {
    self.least = least
    self.most = max(least, most)
  }

  /// Creates the range of a size; nil for a workspace's own size.
  package init?(size: String) {
    switch size {
    case "Small": self.init(least: 1, most: 1)
    case "Medium": self.init(least: 2, most: 4)
    case "Large": self.init(least: 4, most: 16)
    default: return nil
    }
  }

  /// Creates the range for a number of concurrent requests, rounded up to whole replicas.
  package init(concurrency: ProvisionedConcurrency) {
    func replicas(_ requests: Int) -> Int {
      requests / Self.concurrencyOfReplica + (requests % Self.concurrencyOfReplica == 0 ? 0 : 1)
    }
    self.init(least: replicas(concurrency.min), most: replicas(concurrency.max))
  }

  package var description: String {
    least == most ? "\(least) replica\(least == 1 ? "" : "s")" : "\(least) to \(most) replicas"
  }
}
