internal import GRDB

/// Rows of one table that are missing in every answer, and why.
package struct TelemetryLoss: Hashable, Sendable {
  package let table: TelemetryTable
  /// The words of ``TelemetryDropCause``.
  package let cause: String
  package let rows: Int
  /// The first and the last minute in which rows were dropped, in milliseconds since 1970.
  package let first: Int64
  package let last: Int64

  package init(table: TelemetryTable, cause: String, rows: Int, first: Int64, last: Int64) {
    self.table = table
    self.cause = cause
    self.rows = rows
    self.first = first
    self.last = last
  }
}

extension TelemetryStore {
  /// Returns which rows of a period were dropped, of all endpoints. They are known by the minute.
  ///
  /// - Parameters:
  ///   - since: in milliseconds since 1970.
  ///   - until: the same; nil for now.
  package func losses(of tables: Set<TelemetryTable>, since: Int64 = 0, until: Int64? = nil) async -> [TelemetryLoss] {
    let present = now() / 1_000_000
    let end = until ?? Int64.max
    // While nothing can be written, the file does not have them.
    let unrecorded = end >= present ? buffer.unrecordedDrops : [:]
    let recorded = try? await reader.read { database in
      try Row.fetchAll(
        database,
        sql: """
          SELECT table_name, cause, sum(rows), min(time), max(time) FROM telemetry_dropped
            WHERE time > ? AND time <= ? GROUP BY table_name, cause
          """,
        arguments: [since &- 60_000, end]
      ).compactMap { row -> TelemetryLoss? in
        let name = try row.decode(String.self, atIndex: 0)
        guard let table = tables.first(where: { $0.sqlName == name }) else { return nil }
        return TelemetryLoss(
          table: table, cause: try row.decode(String.self, atIndex: 1), rows: try row.decode(Int.self, atIndex: 2),
          first: try row.decode(Int64.self, atIndex: 3), last: try row.decode(Int64.self, atIndex: 4))
      }
    }
    var losses = recorded ?? []
    for (drop, rows) in unrecorded where tables.contains(drop.table) {
      let same = losses.firstIndex { $0.table == drop.table && $0.cause == drop.cause.rawValue }
      let before = same.map { losses.remove(at: $0) }
      losses.append(
        TelemetryLoss(
          table: drop.table, cause: drop.cause.rawValue, rows: rows + (before?.rows ?? 0),
          first: before?.first ?? present / 60_000 * 60_000, last: present / 60_000 * 60_000))
    }
    return losses.sorted { ($0.table.rawValue, $0.cause) < ($1.table.rawValue, $1.cause) }
  }
}
