internal import GRDB
internal import GRDBSQLite

/// The connections for queries. As many run at once as there are connections; others wait.
actor QueryReaders {
  private static let connections = 2
  private static let maximumWaiting = 32

  private var free: [DatabaseQueue]
  private var waiting: [CheckedContinuation<DatabaseQueue, Never>] = []

  init(path: String) throws {
    free = try (0..<Self.connections).map { _ in
      try DatabaseQueue(path: path, configuration: Self.configuration(bounded: true))
    }
  }

  /// A connection that can only read.
  ///
  /// - Parameter bounded: whether statements come from users.
  static func configuration(bounded: Bool) -> Configuration {
    var configuration = Configuration()
    configuration.readonly = true
    configuration.busyMode = .timeout(5)
    configuration.prepareDatabase { database in
      // 16 MiB: statistics over many rows sort in memory.
      try database.execute(sql: "PRAGMA query_only = 1; PRAGMA cache_size = -16384")
      guard bounded else { return }
      // A value of a gigabyte takes one word to write, as with zeroblob().
      _ = sqlite3_limit(database.sqliteConnection, SQLITE_LIMIT_LENGTH, 32 << 20)
      _ = sqlite3_limit(database.sqliteConnection, SQLITE_LIMIT_ATTACHED, 0)
    }
    return configuration
  }

  func run(_ query: SQLQuery) async throws(SQLError) -> SQLResult {
    let reader = try await take()
    defer { release(reader) }
    return try await query.run(on: reader)
  }

  private func take() async throws(SQLError) -> DatabaseQueue {
    if let reader = free.popLast() { return reader }
    guard waiting.count < Self.maximumWaiting else {
      throw SQLError(.busy, "too many queries are waiting; retry later")
    }
    return await withCheckedContinuation { waiting.append($0) }
  }

  private func release(_ reader: DatabaseQueue) {
    if waiting.isEmpty { free.append(reader) } else { waiting.removeFirst().resume(returning: reader) }
  }
}
