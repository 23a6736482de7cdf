internal import GRDB

/// The tables that manifests name: views of the rows of their endpoints.
///
/// A manifest names a table in a catalog and a schema; here, its last segment is the name of a view.
struct TelemetryViews: Sendable {
  /// The statement that creates each view, by its name.
  let statements: [String: String]

  /// - Parameter tables: the names by endpoint and kind of rows, such as `main.logs.support_otel_logs`.
  init(_ tables: [String: [TelemetryTable: String]]) {
    var endpoints: [String: [TelemetryTable: [String]]] = [:]
    for (endpoint, names) in tables.sorted(by: { $0.key < $1.key }) {
      for (table, name) in names {
        let view = Self.name(name)
        guard !view.isEmpty, !Self.isReserved(view) else { continue }
        endpoints[view, default: [:]][table, default: []].append(endpoint)
      }
    }
    var statements: [String: String] = [:]
    for (view, kinds) in endpoints {
      // Rows of two kinds have no common columns: the first table's are in the view.
      guard let table = TelemetryTable.allCases.first(where: { kinds[$0] != nil }), let names = kinds[table] else {
        continue
      }
      let list = names.map {
        "'" + $0.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
      }
      statements[view] =
        "CREATE VIEW \"\(view)\" AS SELECT * FROM \(table.sqlName) WHERE endpoint IN (\(list.joined(separator: ", ")))"
    }
    self.statements = statements
  }

  /// Creates missing and changed views, and removes the others.
  func apply(to database: Database) throws {
    try database.inTransaction {
      var missing = statements
      for row in try Row.fetchAll(database, sql: "SELECT name, sql FROM sqlite_master WHERE type = 'view'") {
        let name = try row.decode(String.self, forColumn: "name")
        if let statement = missing[name], try row.decode(String.self, forColumn: "sql") == statement {
          missing[name] = nil
        } else {
          try database.execute(sql: "DROP VIEW \"\(name)\"")
        }
      }
      for (_, statement) in missing.sorted(by: { $0.key < $1.key }) { try database.execute(sql: statement) }
      return .commit
    }
  }

  /// The last segment, in small letters and with only letters, digits and `_`: names are the same in all cases.
  private static func name(_ table: String) -> String {
    let segment = table.split(separator: ".", omittingEmptySubsequences: false).last ?? ""
    return String(
      segment.lowercased().filter { $0 != "`" }.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
  }

  /// Whether a view of this name would hide, or collide with, what queries use: SQLite's own tables and functions that
  /// are used like tables, and those of the store.
  private static func isReserved(_ name: String) -> Bool {
    ["sqlite_", "telemetry_", "grdb_", "pragma_", "json_", "jsonb_"].contains { name.hasPrefix($0) }
      || TelemetryTable.allCases.contains { $0.sqlName == name } || name == "dbstat"
  }
}
