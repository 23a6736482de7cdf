import Synchronization

/// A limit on the bytes that are held for bodies.
package final class ByteBudget: Sendable {
  /// Only bodies up to this size may use the last eighth of the budget, so that a few callers with large bodies do not
  /// lock out many with small ones.
  static let small = 64 << 10

  let limit: Int
  private let taken = Atomic<Int>(0)

  package init(limit: Int) { self.limit = limit }

  /// The number of bytes held now.
  package var held: Int { taken.load(ordering: .relaxed) }

  /// Takes `count` more bytes for a body that then has `total`; returns false and takes nothing if they do not fit.
  package func take(_ count: Int, total: Int) -> Bool {
    let bound = total <= Self.small ? limit : limit - limit / 8
    let now = taken.wrappingAdd(count, ordering: .relaxed).newValue
    guard now > bound else { return true }
    giveBack(count)
    return false
  }

  /// Takes `count` more bytes, whether they fit or not.
  package func takeAnyway(_ count: Int) { taken.wrappingAdd(count, ordering: .relaxed) }

  package func giveBack(_ count: Int) { taken.wrappingSubtract(count, ordering: .relaxed) }
}
