internal import FoundationEssentials
internal import GRDB

/// The summaries of requests in the table `telemetry_summary`: by endpoint, version, and spans of two lengths. They are
/// written in the transaction of their requests, so that they agree with them.
struct RequestSummaries {
  /// The lengths of the spans, in milliseconds. Figures of hours need the short ones, those of days are read from the long
  /// ones.
  enum Level: Int64, CaseIterable {
    case short = 10_000
    case long = 300_000
  }

  private struct Key: Hashable {
    let endpoint: String
    let level: Level
    /// The start of the span, in milliseconds since 1970.
    let time: Int64
    /// Empty for a request that was refused before a version was chosen.
    let version: String

    /// The span of this length around the same time.
    func at(_ level: Level) -> Key {
      Key(endpoint: endpoint, level: level, time: time - time % level.rawValue, version: version)
    }
  }

  /// Of the short spans.
  private var summaries: [Key: RequestSummary] = [:]

  init() {}

  /// Adds a request that is being written.
  mutating func add(_ row: RequestRow) {
    guard let endpoint = row.endpoint else { return }
    let key = Key(endpoint: endpoint, level: .short, time: row.time, version: row.modelVersion ?? "")
    summaries[key.at(.short), default: RequestSummary()].add(row)
  }

  /// Adds the summaries to those in the database.
  func write(to database: Database) throws {
    var all = summaries
    for (key, summary) in summaries { all[key.at(.long), default: RequestSummary()].add(summary) }
    for (key, summary) in all {
      let place: [(any DatabaseValueConvertible)?] = [key.endpoint, key.level.rawValue, key.time, key.version]
      let statement = try database.cachedStatement(
        sql: """
          SELECT summary FROM telemetry_summary WHERE endpoint = ? AND step = ? AND time = ? AND model_version = ?
          """)
      var whole = summary
      if let former = try Data.fetchOne(statement, arguments: StatementArguments(place)) {
        // A damaged one is replaced.
        if let former = RequestSummary([UInt8](former)) { whole.add(former) }
      }
      try database.run(
        """
        INSERT INTO telemetry_summary (endpoint, step, time, model_version, summary) VALUES (?, ?, ?, ?, ?)
          ON CONFLICT (endpoint, step, time, model_version) DO UPDATE SET summary = excluded.summary
        """, place + [Data(whole.bytes)])
    }
  }

  /// Reads the summaries of an endpoint, in ascending order of their times.
  ///
  /// - Parameter span: milliseconds since 1970.
  static func read(
    _ database: Database, _ endpoint: String, _ level: Level, _ span: Range<Int64>,
    _ body: (_ time: Int64, _ version: String, _ summary: RequestSummary) -> Void
  ) throws {
    let rows = try Row.fetchCursor(
      database,
      sql: """
        SELECT time, model_version, summary FROM telemetry_summary
          WHERE endpoint = ? AND step = ? AND time >= ? AND time < ? ORDER BY time
        """, arguments: [endpoint, level.rawValue, span.lowerBound, span.upperBound])
    while let row = try rows.next() {
      let bytes = try row.decode(Data.self, atIndex: 2)
      guard let summary = RequestSummary([UInt8](bytes)) else { continue }
      body(try row.decode(Int64.self, atIndex: 0), try row.decode(String.self, atIndex: 1), summary)
    }
  }

  /// Removes those before a time.
  ///
  /// - Parameter time: milliseconds since 1970.
  static func remove(before time: Int64, _ database: Database) throws {
    try database.run("DELETE FROM telemetry_summary WHERE time < ?", [time])
  }

  /// Removes those of short spans that are older than all requests, to make room. The others are thirty times fewer, and
  /// show days.
  static func removeShortBeforeRequests(_ database: Database) throws {
    let length = Level.short.rawValue
    try database.run(
      "DELETE FROM telemetry_summary WHERE time < (SELECT min(time) FROM requests) - ? AND step = ?", [length, length])
  }
}
