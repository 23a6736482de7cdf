internal import GRDB

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
        try makePrivate(file)
        let database = try openDatabase(file: file)
        return HistoryStore(
          database: database, cache: MemoryCache(watch: try DatabaseQueue(path: file, configuration: configuration)),
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
      let database = try DatabaseQueue(configuration: configuration)
      try Schema.migrator.migrate(database)
      return HistoryStore(database: database, cache: MemoryCache(), key: try key ?? RedactionKey.random())
    } catch {
      throw HistoryError(error, file: "the history in memory")
    }
  }

  /// Whether it outlives the process.
  package var isKept: Bool { !database.path.isEmpty && database.path != ":memory:" }

  static let fileName = "history.sqlite"

  private static var configuration: Configuration {
    var configuration = Configuration()
    configuration.foreignKeysEnabled = true
    // Another process writes for a few milliseconds at a time; ten seconds means that it hangs.
    configuration.busyMode = .timeout(10)
    return configuration
  }

  /// Makes the file, so that SQLite gives its own files beside it the same mode.
  private static func makePrivate(_ file: String) throws(HistoryError) {
    let descriptor = Self.openFile(file)
    guard descriptor >= 0 else {
      throw HistoryError(.cannotOpen, "cannot open \(file): \(words(of: errno))", next: "check who owns the file")
    }
    close(descriptor)
  }

  private static func openFile(_ file: String) -> Int32 {
    #if canImport(Darwin)
      Darwin.open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    #else
      Glibc.open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    #endif
  }

  private static func openDatabase(file: String) throws -> DatabaseQueue {
    var configuration = configuration
    configuration.journalMode = .wal
    let database = try DatabaseQueue(path: file, configuration: configuration)
    let migrator = Schema.migrator
    guard try !database.read(migrator.hasBeenSuperseded) else {
      throw HistoryError(
        .newerSchema, "\(file) was written by a newer setpoint than this one; nothing was changed",
        next: "use that setpoint, or name another directory with --state DIR")
    }
    try migrator.migrate(database)
    return database
  }
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
    switch error {
    case let error as HistoryError: self = error
    case let error as DatabaseError: self.init(error, file: file)
    default: self.init(.failed, "\(file): \(error)")
    }
  }

  private init(_ error: DatabaseError, file: String) {
    let words = error.message ?? "\(error.resultCode)"
    switch error.resultCode {
    case .SQLITE_CORRUPT, .SQLITE_NOTADB:
      self.init(
        .corrupt, "\(file) is damaged: \(words); nothing was changed",
        next: "restore the file from a backup, or move it away to begin a new history "
          + "(endpoints go on; the way back to former revisions is lost)")
    case .SQLITE_BUSY, .SQLITE_LOCKED:
      self.init(
        .busy, "another process has kept \(file) busy for ten seconds",
        next: "try again, or look what fuser \(file) shows")
    case .SQLITE_READONLY, .SQLITE_CANTOPEN, .SQLITE_PERM:
      self.init(
        .cannotOpen, "cannot write \(file): \(words)",
        next: "check who owns it and its directory, or name another directory with --state DIR")
    case .SQLITE_FULL:
      self.init(.failed, "cannot write \(file): the disk is full", next: "make room and run the command again")
    default:
      self.init(.failed, "cannot use \(file): \(words)")
    }
  }
}
