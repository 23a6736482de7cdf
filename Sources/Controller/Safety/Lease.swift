/// The right to act for a fleet, which one controller has at a time.
///
/// No lease fences: what its holder has sent may still arrive after it lost the lease. So ``isHeld()`` is asked right
/// before each write, and the write itself has to bear a second writer.
package protocol Lease: Sendable {
  /// Takes the lease, or keeps it where it is held already.
  /// - Returns: false where another holds it; ``holder`` says who.
  /// - Throws: where nobody can tell.
  func acquire() async throws -> Bool

  /// Whether the lease is held now. Once it is not, it has to be acquired again. A lease that has to be renewed judges by
  /// the time that passed here, not by times that others wrote.
  func isHeld() async -> Bool

  /// Gives the lease back; to be called when all work has ended.
  func release() async

  /// Who holds the lease, in a person's words, as far as it was seen; nil where nobody is known to.
  var holder: String? { get async }
}

/// Why nobody can tell whether a lease is free.
package struct LeaseError: Error, Hashable, Sendable, CustomStringConvertible {
  package let message: String
  /// What to do.
  package let next: String

  package var description: String { "\(message); \(next)" }
}
