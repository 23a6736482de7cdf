internal import GRDB
internal import Storage

#if canImport(Darwin)
  internal import Darwin
#else
  internal import Glibc
#endif

/// What this machine remembers of the endpoints it has changed: revisions, the open attempt, counts and events.
///
/// One SQLite file in the state directory, which several processes may use at once: every change is one transaction, and
/// readers never wait for writers. What must be known everywhere stands in the endpoint's own tags; losing this file loses
/// the way back to former revisions and the record of what happened, and nothing else.
package struct HistoryStore: Sendable {
  let database: DatabaseQueue
  let cache: MemoryCache
  /// Under which plain environment values are kept, in history and in saved plans.
  package let key: RedactionKey

  /// Opens the history of a state directory, and makes both when they do not exist.
  ///
  /// - Throws: ``HistoryError``: a database that is corrupt or newer than this program is refused and left as it is.
  package static func open(in directory: StateDirectory) throws(HistoryError) -> HistoryStore {
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
      throw HistoryError(error, file: directory.file(fileName))
    }
  }

  /// The history of a state directory for a command that only looks: where there is none yet, an empty one that is kept
  /// nowhere, so that looking makes no files.
  package static func openToRead(in directory: StateDirectory) throws(HistoryError) -> HistoryStore {
    if access(directory.file(fileName), F_OK) == 0 { return try open(in: directory) }
    return try passing()
  }

  /// A history that is gone when the value is: for looking where nothing was recorded, and for tests.
  package static func passing(key: RedactionKey? = nil) throws(HistoryError) -> HistoryStore {
    do {
      let database = try DatabaseQueue(configuration: DatabaseFile.configuration)
      try Schema.migrator.migrate(database)
      return HistoryStore(database: database, cache: MemoryCache(), key: try key ?? RedactionKey.random())
    } catch {
      throw HistoryError(error, file: "the history in memory")
    }
  }

  /// Whether it outlives the process.
  package var isKept: Bool { !database.path.isEmpty && database.path != ":memory:" }

  static let fileName = "history.sqlite"
}

extension HistoryStore {
  /// One transaction that changes something. Once begun it runs to its end even when the caller is cancelled: a call that
  /// was sent must be recorded whatever happens to the person's patience.
  func write<Value: Sendable>(
    _ change: @escaping @Sendable (Database) throws -> Value
  ) async throws(HistoryError) -> Value {
    do {
      return try await withCheckedThrowingContinuation { continuation in
        database.asyncWrite(change) { _, result in continuation.resume(with: result) }
      }
    } catch {
      throw HistoryError(error, file: database.path)
    }
  }

  /// One consistent look; as ``write(_:)`` it is not given up half-way.
  func read<Value: Sendable>(
    _ look: @escaping @Sendable (Database) throws -> Value
  ) async throws(HistoryError) -> Value {
    do {
      return try await withCheckedThrowingContinuation { continuation in
        database.asyncRead { database in
          continuation.resume(with: Result { try look(database.get()) })
        }
      }
    } catch {
      throw HistoryError(error, file: database.path)
    }
  }
}

extension HistoryError {
  /// What went wrong with a database file, in words that say what to do.
  init(_ error: any Error, file: String) {
    if let error = error as? HistoryError {
      self = error
    } else {
      self.init(StorageError(error, StateDirectory(path: "").place(file)))
    }
  }

  init(_ error: StorageError) {
    let code: Code =
      switch error.kind {
      case .cannotOpen: .cannotOpen
      case .damaged: .corrupt
      case .newer: .newerSchema
      case .busy: .busy
      case .failed: .failed
      }
    self.init(code, error.message, next: error.next)
  }
}
