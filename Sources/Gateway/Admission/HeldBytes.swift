import Synchronization

/// The size of the bodies of the requests of all endpoints that wait, or are at a replica that has not answered; and its
/// bound, which only requests that would have to wait must keep.
package final class HeldBytes: Sendable {
  private let limit: Int
  private let total = Atomic<Int>(0)

  /// - Parameter limit: in bytes.
  package init(limit: Int) { self.limit = limit }

  /// The number of bytes held now.
  package var held: Int { total.load(ordering: .relaxed) }

  /// Adds `count` bytes if they fit; returns whether they do.
  func reserve(_ count: Int) -> Bool {
    guard total.wrappingAdd(count, ordering: .relaxed).newValue > limit else { return true }
    add(-count)
    return false
  }

  /// Adds bytes, whether they fit or not, or removes them if the number is negative.
  func add(_ count: Int) {
    if count != 0 { total.wrappingAdd(count, ordering: .relaxed) }
  }
}
