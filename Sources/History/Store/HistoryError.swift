/// Why the history cannot be used, and what to do about it.
package struct HistoryError: Error, Hashable, Sendable, CustomStringConvertible {
  package enum Code: Hashable, Sendable {
    /// Neither a flag nor the environment sets the state directory.
    case noStateDirectory
    /// The directory, the database or the key cannot be opened or created.
    case cannotOpen
    /// The file is not a valid database, or its contents are inconsistent.
    case corrupt
    /// A newer version of Setpoint has written the database.
    case newerSchema
    /// Another process has locked the database.
    case busy
    /// Another process has written first; read and decide again.
    case moved
    /// The requested revision is not recorded.
    case noSuchRevision
    /// A revision's config cannot be restored.
    case cannotRestore
    /// A read or write failed because of the disk or SQLite.
    case failed
  }

  package let code: Code
  /// What happened and where.
  package let message: String
  /// What to do next; nil if there is nothing to do.
  package let next: String?

  package init(_ code: Code, _ message: String, next: String? = nil) {
    self.code = code
    self.message = message
    self.next = next
  }

  package var description: String { next.map { "\(message); \($0)" } ?? message }
}
