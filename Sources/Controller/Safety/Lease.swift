/// The right to act for a fleet, which one controller has at a time.
///
/// A lease does not fence: a call that its holder sent may still arrive after the lease was lost. So ``isHeld()`` is
/// checked right before each write, and writes have to tolerate a second writer.
package protocol Lease: Sendable {
  /// Acquires the lease, or keeps it if it is already held.
  /// - Returns: false if another controller holds it; ``holder`` says which.
  /// - Throws: if its state is unknown.
  func acquire() async throws -> Bool

  /// Returns whether the lease is held now. Once it is not, it has to be acquired again. A lease that has to be renewed
  /// relies on the time that passed here, not on times that others wrote.
  func isHeld() async -> Bool

  /// Releases the lease; call it when all work has ended.
  func release() async

  /// The last known holder of the lease, for people; nil if none is known.
  var holder: String? { get async }
}

/// Why the state of a lease is unknown.
package struct LeaseError: Error, Hashable, Sendable, CustomStringConvertible {
  package let message: String
  /// What to do.
  package let next: String

  package var description: String { "\(message); \(next)" }
}
