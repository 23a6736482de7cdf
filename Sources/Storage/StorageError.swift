internal import GRDB

/// Why a folder or a database of this program, or a record in it, cannot be used, and what to do about it.
package struct StorageError: Error, Hashable, Sendable, CustomStringConvertible {
  package enum Kind: Hashable, Sendable {
    /// Neither an option nor the environment sets the folder.
    case noDirectory
    /// A folder or file cannot be opened or created, or other users can write to it.
    case cannotOpen
    /// It is not a database, not this program's, or damaged; or a record in it is.
    case damaged
    /// It was written by a later version of this program.
    case newer
    /// Another process keeps it busy.
    case busy
    /// Another process has written first; read and decide again.
    case moved
    /// A recorded value cannot be restored, because only its code is stored.
    case cannotRestore
    /// A read or write failed because of the disk or SQLite, for another reason.
    case failed
  }

  package let kind: Kind
  /// What happened and where.
  package let message: String
  /// What to do next; nil if there is nothing to do.
  package let next: String?

  package init(_ kind: Kind, _ message: String, next: String? = nil) {
    self.kind = kind
    self.message = message
    self.next = next
  }

  package var description: String { next.map { "\(message); \($0)" } ?? message }
}

extension StorageError {
  /// Describes a database error, with what to do.
  package init(_ error: any Error, _ place: StoragePlace) {
    switch error {
    case let error as StorageError: self = error
    case let error as DatabaseError: self.init(error, place)
    default: self.init(.failed, "cannot use \(place.path): \(error)")
    }
  }

  private init(_ error: DatabaseError, _ place: StoragePlace) {
    let words = error.message ?? "\(error.resultCode)"
    let file = place.path
    switch error.resultCode {
    case .SQLITE_CORRUPT, .SQLITE_NOTADB: self = place.damaged(words)
    case .SQLITE_BUSY, .SQLITE_LOCKED:
      self.init(
        .busy, "another process has kept \(file) locked for 10s",
        next: "retry, or run \"fuser \(file)\" to find the process")
    case .SQLITE_READONLY, .SQLITE_CANTOPEN, .SQLITE_PERM:
      self.init(
        .cannotOpen, "cannot write \(file): \(words)",
        next: "check the owner of the file and its directory, or use another directory with \(place.option)")
    case .SQLITE_FULL:
      self.init(.failed, "cannot write \(file): the disk is full", next: "free some disk space and retry")
    default: self.init(.failed, "cannot use \(file): \(words)")
    }
  }
}

/// A folder or file of this program, with the facts that messages about it need.
package struct StoragePlace: Hashable, Sendable {
  package let path: String
  /// The option that sets another folder, such as `--state DIR`.
  package let option: String
  /// What is lost with the file, as the end of a sentence that advises moving it away.
  package let loss: String

  package init(path: String, option: String, loss: String = "") {
    self.path = path
    self.option = option
    self.loss = loss
  }

  func damaged(_ why: String) -> StorageError {
    StorageError(
      .damaged, "\(path) is damaged: \(why); nothing was changed",
      next: "restore the file from a backup, or move it away\(loss.isEmpty ? "" : " (\(loss))")")
  }
}
