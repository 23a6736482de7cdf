package import GRDB
package import Storage

#if canImport(Darwin)
  internal import Darwin
#else
  internal import Glibc
#endif

/// The local history of the endpoints that this machine has changed: revisions, the open attempt, counts and events.
///
/// It is one SQLite file in the state directory, which several processes may use concurrently: every change is one
/// transaction, and readers never wait for writers. State that must be known everywhere is in the endpoint's own tags;
/// losing this file only loses the ability to roll back to earlier revisions and the record of events.
package struct HistoryStore: Sendable {
  let database: DatabaseQueue
  let cache: MemoryCache
  /// The key for plain environment values, in the history and in saved plans.
  package let key: RedactionKey

  /// Opens the history of a state directory, and creates both if they do not exist.
  ///
  /// - Throws: ``StorageError``: a database that is corrupt or newer than this program is refused and left as it is.
  package static func open(in directory: StateDirectory) throws(StorageError) -> HistoryStore {
    do {
      try directory.create()
      return try directory.withLock {
        let file = directory.file(fileName)
        let database = try DatabaseFile(directory.place(file), Schema.migrator).open()
        return HistoryStore(
          database: database,
          cache: MemoryCache(watch: try DatabaseQueue(path: file, configuration: DatabaseFile.configuration)),
          key: try RedactionKey.load(file: directory.file("history.key")))
      }
    } catch {
      throw StorageError(error, file: directory.file(fileName))
    }
  }

  /// Opens the history of a state directory for a command that only reads: if there is none yet, an empty one in
  /// memory, so that reading creates no files.
  package static func openToRead(in directory: StateDirectory) throws(StorageError) -> HistoryStore {
    if access(directory.file(fileName), F_OK) == 0 { return try open(in: directory) }
    return try passing()
  }

  /// Returns a history in memory: for reading when nothing was recorded, and for tests.
  package static func passing(key: RedactionKey? = nil) throws(StorageError) -> HistoryStore {
    do {
      let database = try DatabaseQueue(configuration: DatabaseFile.configuration)
      try prepare(database)
      return HistoryStore(database: database, key: try key ?? RedactionKey.random())
    } catch {
      throw StorageError(error, file: "the history in memory")
    }
  }

  private init(database: DatabaseQueue, cache: MemoryCache, key: RedactionKey) {
    self.database = database
    self.cache = cache
    self.key = key
  }

  /// Creates the tables of a history in a database in memory.
  package static func prepare(_ database: DatabaseQueue) throws { try Schema.migrator.migrate(database) }

  /// Creates a store on a prepared database in memory that no other store uses.
  package init(database: DatabaseQueue, key: RedactionKey) {
    self.init(database: database, cache: MemoryCache(), key: key)
  }

  /// Whether it outlives the process.
  package var isKept: Bool { !database.path.isEmpty && database.path != ":memory:" }

  static let fileName = "history.sqlite"
}

extension HistoryStore {
  /// Runs one write transaction. Once started, it runs to its end even if the caller is canceled: a call that was sent
  /// must be recorded even if the user interrupts.
  func write<Value: Sendable>(
    _ change: @escaping @Sendable (Database) throws -> Value
  ) async throws(StorageError) -> Value {
    do {
      return try await withCheckedThrowingContinuation { continuation in
        database.asyncWrite(change) { _, result in continuation.resume(with: result) }
      }
    } catch {
      throw StorageError(error, file: database.path)
    }
  }

  /// Runs one consistent read; like ``write(_:)``, it is not interrupted.
  func read<Value: Sendable>(
    _ look: @escaping @Sendable (Database) throws -> Value
  ) async throws(StorageError) -> Value {
    do {
      return try await withCheckedThrowingContinuation { continuation in
        database.asyncRead { database in
          continuation.resume(with: Result { try look(database.get()) })
        }
      }
    } catch {
      throw StorageError(error, file: database.path)
    }
  }
}

extension StorageError {
  /// Describes an error of a database file, with what to do.
  fileprivate init(_ error: any Error, file: String) { self.init(error, StateDirectory(path: "").place(file)) }
}
