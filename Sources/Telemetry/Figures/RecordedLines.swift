package import GRDB

/// Lines of replicas' output from `otel_logs`, a page at a time, in the order in which they were recorded.
package struct RecordedLines: Hashable, Sendable {
  /// One line, with what wrote it.
  package struct Line: Hashable, Sendable {
    /// The number of its row.
    package let record: Int64
    /// When it was read, in milliseconds since 1970.
    package let time: Int64
    package let entity: String?
    package let modelVersion: String?
    package let replica: String?
    /// The line's own word for its severity; empty if it has none.
    package let severity: String
    /// The line's text.
    package let body: String
  }

  /// A version of a registered model.
  package struct Version: Hashable, Sendable {
    package let model: String
    package let version: String

    package init(model: String, version: String) {
      self.model = model
      self.version = version
    }
  }

  /// The oldest first.
  package let lines: [Line]
  /// Where the next page begins: after the row with this number.
  package let next: Int64
  /// Whether there was nothing more.
  package let isComplete: Bool

  /// Other endpoints' rows are skipped; a page ends after so many, so that each reading takes little time.
  private static let maximumRows: Int64 = 200_000

  /// Reads a page.
  ///
  /// - Parameters:
  ///   - since: milliseconds since 1970.
  ///   - after: ``next`` of the page before; nil for the first one.
  ///   - replica: the beginning of the ID of a replica; nil for all.
  ///   - version: only lines of this version; nil for all.
  ///   - limit: the maximum number of lines.
  /// - Throws: an error of the database.
  package static func read(
    _ database: Database, of endpoint: String, since: Int64, after: Int64?, replica: String? = nil,
    version: Version? = nil, limit: Int
  ) throws -> RecordedLines {
    let newest = try Int64.fetchOne(database, sql: "SELECT max(record_id) FROM otel_logs") ?? 0
    let start: Int64
    if let after {
      start = max(0, after)
    } else {
      let first = try Int64.fetchOne(
        database, sql: "SELECT min(record_id) FROM otel_logs WHERE endpoint = ? AND time >= ?",
        arguments: [endpoint, since])
      guard let first else { return RecordedLines(lines: [], next: newest, isComplete: true) }
      start = first - 1
    }
    guard start < newest else { return RecordedLines(lines: [], next: start, isComplete: true) }
    let end = min(newest, start + maximumRows)
    var condition = "record_id > ? AND record_id <= ? AND +endpoint = ? AND +time >= ?"
    var arguments: [(any DatabaseValueConvertible)?] = [start, end, endpoint, since]
    if let replica {
      condition += " AND substr(replica, 1, length(?)) = ?"
      arguments += [replica, replica]
    }
    if let version {
      condition += " AND model = ? AND model_version = ?"
      arguments += [version.model, version.version]
    }
    arguments.append(limit)
    let rows = try Row.fetchAll(
      database,
      sql: """
        SELECT record_id, time, entity, model_version, replica, severity_text, body FROM otel_logs
          WHERE \(condition) ORDER BY record_id LIMIT ?
        """, arguments: StatementArguments(arguments))
    let lines = try rows.map { row in
      Line(
        record: try row.decode(Int64.self, atIndex: 0), time: try row.decode(Int64.self, atIndex: 1),
        entity: try row.decode(String?.self, atIndex: 2), modelVersion: try row.decode(String?.self, atIndex: 3),
        replica: try row.decode(String?.self, atIndex: 4), severity: try row.decode(String?.self, atIndex: 5) ?? "",
        body: try row.decode(String?.self, atIndex: 6) ?? "")
    }
    if lines.count >= limit, let last = lines.last {
      return RecordedLines(lines: lines, next: last.record, isComplete: last.record >= newest)
    }
    return RecordedLines(lines: lines, next: end, isComplete: end >= newest)
  }

  /// The version whose replicas wrote last, apart from those that are served now; nil if no line of one is left.
  package static func previousVersion(
    _ database: Database, of endpoint: String, except current: Set<Version>
  ) throws -> Version? {
    var condition = ""
    var arguments: [(any DatabaseValueConvertible)?] = [endpoint]
    for version in current.sorted(by: { ($0.model, $0.version) < ($1.model, $1.version) }) {
      condition += " AND NOT (model = ? AND model_version = ?)"
      arguments += [version.model, version.version]
    }
    let row = try Row.fetchOne(
      database,
      sql: """
        SELECT model, model_version FROM otel_logs
          WHERE endpoint = ? AND model IS NOT NULL AND model_version IS NOT NULL\(condition)
          ORDER BY time DESC LIMIT 1
        """, arguments: StatementArguments(arguments))
    guard let row else { return nil }
    return Version(
      model: try row.decode(String.self, atIndex: 0), version: try row.decode(String.self, atIndex: 1))
  }
}
