/// How many replicas an entity has at a workspace, at the least and at the most, while it is not scaled to zero
/// (serving-api.md 6.1).
package struct ReplicaRange: Hashable, Sendable, CustomStringConvertible {
  package let least: Int
  package let most: Int

  /// One replica answers so many requests at once: a unit of provisioned concurrency is one request.
  package static let concurrencyOfReplica = 4

  package init(least: Int, most: Int) {
    self.least = least
    self.most = max(least, most)
  }

  /// The replicas of a size; nil for a size of the workspace's own.
  package init?(size: String) {
    switch size {
    case "Small": self.init(least: 1, most: 1)
    case "Medium": self.init(least: 2, most: 4)
    case "Large": self.init(least: 4, most: 16)
    default: return nil
    }
  }

  /// The replicas of a number of requests at once, a begun replica counted whole.
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
