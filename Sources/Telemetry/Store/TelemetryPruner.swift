internal import GRDB

/// Removes old rows, by age and by the file's size, a little at a time: others write in between.
struct TelemetryPruner: Sendable {
  /// Positions of logs of replicas that have long ended. Without its position, a log would be read again.
  private static let positionAge: Int64 = 365 * 86_400_000

  let retention: TelemetryRetention
  /// Bytes.
  let maximumSize: Int64

  /// Removes some rows that are due.
  ///
  /// - Parameter now: milliseconds since 1970.
  /// - Returns: whether there may be more.
  func step(_ database: Database, now: Int64) throws -> Bool {
    for table in TelemetryTable.allCases {
      guard try removeAged(table, now, database) > 0 else { continue }
      try free(database)
      return true
    }
    try database.run("DELETE FROM telemetry_log_position WHERE time < ?", [now - Self.positionAge])
    try database.run("DELETE FROM telemetry_dropped WHERE time < ?", [now - milliseconds(.requests)])
    try RequestSummaries.remove(before: now - milliseconds(.requests), database)
    // The rest is for the log of SQLite's that precedes the file.
    guard try usedBytes(database) > maximumSize / 10 * 9, let table = try largest(database) else {
      try free(database)
      return false
    }
    let removed = try removeOldest(table, database)
    if table == .requests { try RequestSummaries.removeShortBeforeRequests(database) }
    try free(database)
    return removed > 0
  }

  private func removeAged(_ table: TelemetryTable, _ now: Int64, _ database: Database) throws -> Int {
    let due = now - milliseconds(table)
    // A metric is as old as its last time, not its first.
    let condition = table == .metrics ? "time < ?1 AND until_unix_nano < ?1 * 1000000" : "time < ?1"
    try database.run(
      """
      DELETE FROM \(table.sqlName) WHERE record_id IN (
        SELECT record_id FROM \(table.sqlName) WHERE \(condition) ORDER BY time LIMIT \(table.chunk))
      """, [due])
    return database.changesCount
  }

  private func removeOldest(_ table: TelemetryTable, _ database: Database) throws -> Int {
    try database.run(
      """
      DELETE FROM \(table.sqlName) WHERE record_id IN (
        SELECT record_id FROM \(table.sqlName) ORDER BY time LIMIT \(table.chunk))
      """, [])
    return database.changesCount
  }

  /// The table that exceeds its share of the size the most, as a ratio.
  private func largest(_ database: Database) throws -> TelemetryTable? {
    var largest: (table: TelemetryTable, ratio: Double)?
    for table in TelemetryTable.allCases {
      let ratio = try bytes(of: table, database) / table.share
      if ratio > 0, ratio > largest?.ratio ?? 0 { largest = (table, ratio) }
    }
    return largest?.table
  }

  /// About how much of the file a table takes, without reading all of it: rows are removed in the order of their
  /// numbers, so that the numbers tell how many there are.
  private func bytes(of table: TelemetryTable, _ database: Database) throws -> Double {
    let name = table.sqlName
    let row = try Row.fetchOne(
      database,
      sql: """
        SELECT coalesce((SELECT max(record_id) FROM \(name)) - (SELECT min(record_id) FROM \(name)) + 1, 0) AS rows,
          coalesce((SELECT avg(width) FROM (SELECT \(table.width) AS width FROM \(name)
            ORDER BY record_id DESC LIMIT 200)), 0) AS width
        """)
    guard let row else { return 0 }
    return try row.decode(Double.self, forColumn: "rows") * row.decode(Double.self, forColumn: "width")
  }

  private func usedBytes(_ database: Database) throws -> Int64 {
    let pages = try Int64.fetchOne(database, sql: "PRAGMA page_count") ?? 0
    let free = try Int64.fetchOne(database, sql: "PRAGMA freelist_count") ?? 0
    let size = try Int64.fetchOne(database, sql: "PRAGMA page_size") ?? 0
    return (pages - free) * size
  }

  /// Returns free pages to the disk.
  private func free(_ database: Database) throws { try database.execute(sql: "PRAGMA incremental_vacuum(4096)") }

  private func milliseconds(_ table: TelemetryTable) -> Int64 { retention[table].components.seconds * 1000 }
}

extension TelemetryTable {
  /// Its part of the size when all tables need room.
  fileprivate var share: Double {
    switch self {
    case .requests, .logs: 0.3
    case .metrics: 0.2
    case .spans, .payloads: 0.1
    }
  }

  /// The number of rows that are removed in one transaction, which takes a few milliseconds.
  fileprivate var chunk: Int { self == .payloads ? 50 : 2000 }

  /// About the bytes of a row with its index entries.
  fileprivate var width: String {
    switch self {
    case .requests: "450 + coalesce(length(error), 0) + coalesce(length(metadata), 0)"
    case .logs: "220 + coalesce(length(body), 0)"
    case .metrics:
      """
      280 + coalesce(length(description), 0) + coalesce(length(histogram), 0) + coalesce(length(attributes), 0)
      """
    case .spans: "330 + coalesce(length(attributes), 0)"
    case .payloads: "150 + coalesce(length(request), 0) + coalesce(length(response), 0)"
    }
  }
}
