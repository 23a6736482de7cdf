internal import GRDB

extension Database {
  func save(_ position: LogPosition, ofLog replica: String, _ time: Int64) throws {
    try run(
      """
      INSERT INTO telemetry_log_position (replica, inode, position, time) VALUES (?, ?, ?, ?)
        ON CONFLICT (replica) DO UPDATE SET inode = excluded.inode, position = excluded.position, time = excluded.time
      """, [replica, Int64(bitPattern: position.inode), position.offset, time])
  }

  func position(ofLog replica: String) throws -> LogPosition? {
    let row = try Row.fetchOne(
      self, sql: "SELECT inode, position FROM telemetry_log_position WHERE replica = ?", arguments: [replica])
    guard let row else { return nil }
    return LogPosition(
      inode: UInt64(bitPattern: try row.decode(Int64.self, forColumn: "inode")),
      offset: try row.decode(Int64.self, forColumn: "position"))
  }

  /// Records dropped rows, by minute.
  ///
  /// - Parameter time: milliseconds since 1970.
  func record(_ drop: TelemetryDrop, _ count: Int, _ time: Int64) throws {
    try run(
      """
      INSERT INTO telemetry_dropped (time, table_name, cause, rows) VALUES (?, ?, ?, ?)
        ON CONFLICT (time, table_name, cause) DO UPDATE SET rows = rows + excluded.rows
      """, [time / 60_000 * 60_000, drop.table.sqlName, drop.cause.rawValue, count])
  }

  /// Notes that rows of a process were written, or dropped and recorded.
  func account(for count: Int, of table: TelemetryTable, _ process: String) throws {
    try run(
      """
      INSERT INTO telemetry_process (process, table_name, rows) VALUES (?, ?, ?)
        ON CONFLICT (process, table_name) DO UPDATE SET rows = rows + excluded.rows
      """, [process, table.sqlName, count])
  }

  /// Records the rows that a process had accepted and that are neither written nor recorded as dropped.
  ///
  /// - Returns: their number by table.
  func settle(_ dead: DeadCounters, _ time: Int64) throws -> [TelemetryTable: Int] {
    var lost: [TelemetryTable: Int] = [:]
    for (table, accepted) in dead.accepted {
      let accounted = try Int.fetchOne(
        self, sql: "SELECT rows FROM telemetry_process WHERE process = ? AND table_name = ?",
        arguments: [dead.process, table.sqlName])
      let rest = accepted - (accounted ?? 0)
      guard rest > 0 else { continue }
      lost[table] = rest
      try record(TelemetryDrop(table: table, cause: .killed), rest, time)
    }
    try run("DELETE FROM telemetry_process WHERE process = ?", [dead.process])
    return lost
  }
}
