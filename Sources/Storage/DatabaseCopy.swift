internal import FileSystem
internal import GRDB

#if canImport(Darwin)
  internal import Darwin
#else
  internal import Glibc
#endif

/// A consistent copy of a SQLite file, which other connections and processes may be writing meanwhile.
package enum DatabaseCopy {
  /// Copies the file with SQLite's own backup. Blocks until all of it is on the disk.
  ///
  /// - Parameter path: the copy, for its user alone; replaced if it exists.
  /// - Throws: ``StorageError``; there is then no copy.
  package static func make(of place: StoragePlace, at path: String) throws(StorageError) {
    guard access(place.path, F_OK) == 0 else {
      throw StorageError(.cannotOpen, "cannot open \(place.path): \(SystemError.last)")
    }
    do {
      let source = try DatabaseQueue(path: place.path, configuration: DatabaseFile.configuration)
      try copy(source, to: path)
      try source.close()
    } catch {
      throw StorageError(error, place)
    }
  }

  /// The names of the migrations that the file has, in order.
  package static func migrations(in path: String) throws(StorageError) -> [String] {
    do {
      let database = try DatabaseQueue(path: path, configuration: DatabaseFile.configuration)
      let names = try database.read { database in
        try String.fetchAll(database, sql: "SELECT identifier FROM grdb_migrations ORDER BY rowid")
      }
      try database.close()
      return names
    } catch {
      throw StorageError(error, StoragePlace(path: path, option: "--data DIR"))
    }
  }

  static func copy(_ source: DatabaseQueue, to path: String) throws {
    remove(path)
    do {
      let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
      guard descriptor >= 0, fchmod(descriptor, 0o600) == 0 else {
        throw StorageError(.cannotOpen, "cannot create \(path): \(SystemError.last)")
      }
      close(descriptor)
      let target = try DatabaseQueue(path: path, configuration: DatabaseFile.configuration)
      try source.backup(to: target)
      try target.close()
      for suffix in companions { unlink(path + suffix) }
    } catch {
      remove(path)
      guard let error = error as? DatabaseError, error.resultCode == .SQLITE_FULL else { throw error }
      throw StorageError(
        .failed, "cannot write the copy \(path): the disk is full", next: "free some disk space and retry")
    }
  }

  private static let companions = ["-wal", "-shm", "-journal"]

  private static func remove(_ path: String) { for suffix in [""] + companions { unlink(path + suffix) } }
}
