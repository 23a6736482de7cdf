internal import GRDB
internal import GRDBSQLite

/// Connections that can only read. As many queries run at once as there are connections; others wait, and a slow query
/// holds up none of them as long as a connection is free.
actor QueryReaders {
  private static let maximumWaiting = 32

  private var free: [DatabaseQueue]
  private var waiting: [CheckedContinuation<DatabaseQueue, Never>] = []

  /// - Parameters:
  ///   - connections: how many.
  ///   - bounded: whether statements come from users.
  init(path: String, connections: Int, bounded: Bool) throws {
    free = try (0..<connections).map { _ in
      try DatabaseQueue(path: path, configuration: Self.configuration(bounded: bounded))
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
      // A value of a gigabyte takes one word to write, as with zeroblob(), and a row with a thousand of them a line. The
      // largest rows are those of payloads: two bodies of 1 MB, up to three times as large if they are not UTF-8.
      _ = sqlite3_limit(database.sqliteConnection, SQLITE_LIMIT_LENGTH, 8 << 20)
      _ = sqlite3_limit(database.sqliteConnection, SQLITE_LIMIT_COLUMN, 256)
      _ = sqlite3_limit(database.sqliteConnection, SQLITE_LIMIT_ATTACHED, 0)
    }
    return configuration
  }

  func run(_ query: SQLQuery) async throws(SQLError) -> SQLResult {
    let reader = try await take()
    defer { release(reader) }
    return try await query.run(on: reader)
  }

  /// - Throws: ``SQLError`` if too many wait or the time was too short; otherwise what the query throws.
  func run<Value: Sendable>(
    within deadline: QueryDeadline, _ body: @escaping @Sendable (Database) throws -> Value
  ) async throws -> Value {
    let reader = try await take()
    defer { release(reader) }
    return try await deadline.run(on: reader, body)
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
