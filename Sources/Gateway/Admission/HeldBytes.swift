import HTTPSupport

/// The size of the bodies of the requests of all endpoints that wait, or have waited and are at a replica that has not
/// answered; and its bound, which applies only to requests that would have to wait.
package final class HeldBytes: Sendable {
  private let budget: ByteBudget

  /// - Parameter limit: in bytes. The last eighth is for small bodies.
  package init(limit: Int) { budget = ByteBudget(limit: limit) }

  /// The number of bytes held now.
  package var held: Int { budget.held }

  /// Adds `count` bytes if they fit; returns whether they do.
  func reserve(_ count: Int) -> Bool { budget.take(count, total: count) }

  /// Adds bytes, whether they fit or not, or removes them if the number is negative.
  func add(_ count: Int) {
    if count < 0 { budget.giveBack(-count) } else if count > 0 { budget.takeAnyway(count) }
  }
}
