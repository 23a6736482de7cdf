/// Why the history cannot be used, and what a person can do about it.
package struct HistoryError: Error, Hashable, Sendable, CustomStringConvertible {
  package enum Code: Hashable, Sendable {
    /// Neither a flag nor the environment says where history lies.
    case noStateDirectory
    /// The directory, the database or the key cannot be opened or made.
    case cannotOpen
    /// The database is no database, or its contents make no sense.
    case corrupt
    /// A newer Setpoint has written the database.
    case newerSchema
    /// Another process keeps the database busy.
    case busy
    /// Another process has written first; read again and decide again.
    case moved
    /// A revision was asked for that is not recorded.
    case noSuchRevision
    /// A revision's config cannot be put together again.
    case cannotRestore
    /// A read or write failed for a reason of the disk or of SQLite.
    case failed
  }

  package let code: Code
  /// What happened and where.
  package let message: String
  /// What to do next; nil where there is nothing to say.
  package let next: String?

  package init(_ code: Code, _ message: String, next: String? = nil) {
    self.code = code
    self.message = message
    self.next = next
  }

  package var description: String { next.map { "\(message); \($0)" } ?? message }
}
