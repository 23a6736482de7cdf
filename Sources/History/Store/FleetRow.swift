internal import CanonicalJSON
internal import Endpoints
internal import GRDB
internal import Planning
internal import Storage

/// A row of the table `fleet`, and its dependent rows.
struct FleetRow {
  let id: Int64
  let key: FleetKey
  /// Nil: no controller has checked the fleet; it only has events.
  let lookedAt: Timestamp?
  private let report: FleetReport

  private init(_ row: Row) throws {
    id = row["id"]
    key = FleetKey(host: row["host"], name: row["name"])
    lookedAt = try row.time("looked_at")
    report = FleetReport(
      interval: try row.decode(Int64?.self, forColumn: "interval").map { .milliseconds($0) },
      commit: row["source_commit"], problems: StoredList.read(row["problems"], of: "the fleet \(key.name)"),
      stoppedAt: try row.time("stopped_at"), mode: row["mode"],
      startArguments: StoredList.read(row["start_words"], of: "the fleet \(key.name)"))
  }

  static func find(_ key: FleetKey, _ database: Database) throws -> FleetRow? {
    try Row.fetchOne(
      database.cachedStatement(sql: "SELECT * FROM fleet WHERE host = ? AND name = ?"), arguments: [key.host, key.name]
    ).map(FleetRow.init)
  }

  static func all(host: String?, _ database: Database) throws -> [FleetRow] {
    try Row.fetchAll(
      database, sql: "SELECT * FROM fleet WHERE ?1 IS NULL OR host = ?1 ORDER BY host, name", arguments: [host]
    ).map(FleetRow.init)
  }

  /// Returns the row, creating it if necessary.
  static func made(_ key: FleetKey, _ database: Database) throws -> FleetRow {
    if let row = try find(key, database) { return row }
    try database.execute(sql: "INSERT INTO fleet (host, name) VALUES (?, ?)", arguments: [key.host, key.name])
    guard let row = try find(key, database) else {
      throw StorageError(.failed, "the record that was just written cannot be read")
    }
    return row
  }
}

// MARK: - Reading

extension FleetRow {
  func status(_ database: Database) throws -> FleetStatus {
    let statement = try database.cachedStatement(sql: "SELECT * FROM status WHERE fleet = ? ORDER BY name")
    return try status(
      database, endpoints: try Row.fetchAll(statement, arguments: [id]).map(EndpointStatus.init))
  }

  func status(_ database: Database, endpoints: [EndpointStatus]) throws -> FleetStatus {
    FleetStatus(fleet: key.name, target: key.host, lastSync: lookedAt, report: report, endpoints: endpoints)
  }

  /// The endpoints with a status whose last event is their deletion, and its time.
  func deletions(_ database: Database) throws -> [String: Timestamp] {
    let rows = try Row.fetchAll(
      database,
      sql: """
        SELECT status.name AS name, event.at AS at FROM status
        JOIN endpoint ON endpoint.host = ? AND endpoint.name = status.name
        JOIN event ON event.id = (SELECT max(newest.id) FROM event AS newest WHERE newest.endpoint = endpoint.id)
        WHERE status.fleet = ? AND event.what = ? AND event.at >= status.looked_at
        """, arguments: [key.host, id, HistoryEvent.deletion])
    let deletions = rows.map { row -> (String, Timestamp) in (row["name"], Timestamp(milliseconds: row["at"])) }
    return Dictionary(deletions, uniquingKeysWith: { $1 })
  }

  func status(of name: String, _ database: Database) throws -> EndpointStatus? {
    try Row.fetchOne(
      database, sql: "SELECT * FROM status WHERE fleet = ? AND name = ?", arguments: [id, name]
    ).map(EndpointStatus.init)
  }
}

extension EndpointStatus {
  /// A word from a later version is read as unknown: the status is for people, and no decision depends on it. What
  /// cannot be read at all is reported instead of the rest.
  fileprivate init(_ row: Row) {
    let name: String = row["name"]
    do {
      self.init(
        name: name, desired: try row.decode(forColumn: "desired"),
        desiredDigest: try row.decode(String?.self, forColumn: "desired_digest").flatMap(ConfigDigest.init(hex:)),
        live: try row.decode(forColumn: "live"), differences: StoredList.read(row["differences"], of: name),
        phase: Phase(rawValue: try row.decode(forColumn: "phase")) ?? .unknown,
        reason: try row.decode(String?.self, forColumn: "reason").flatMap(Reason.Code.init(rawValue:)),
        why: try row.decode(forColumn: "why"), since: try row.time("since") ?? .unknown,
        next: try row.decode(forColumn: "next"), nextAt: try row.time("next_at"),
        commit: try row.decode(forColumn: "source_commit"), lastCheck: try row.time("looked_at") ?? .unknown,
        warnings: StoredList.read(row["warnings"], of: name))
    } catch {
      self.init(
        name: name, desired: nil, live: nil, phase: .unknown, reason: nil,
        why: "the record of \(name) is damaged: \(error)", since: .unknown, next: nil, nextAt: nil, commit: nil,
        lastCheck: .unknown, warnings: [])
    }
  }
}

extension Timestamp {
  /// The substitute for a recorded time that cannot be read.
  fileprivate static let unknown = Timestamp(milliseconds: 0)
}

extension Row {
  func time(_ column: String) throws -> Timestamp? {
    try decode(Int64?.self, forColumn: column).map(Timestamp.init(milliseconds:))
  }
}

// MARK: - Writing

extension FleetRow {
  func looked(at now: Timestamp, _ report: FleetReport?, _ database: Database) throws {
    guard let report else {
      return try database.execute(
        sql: "UPDATE fleet SET looked_at = ? WHERE id = ?", arguments: [now.milliseconds, id])
    }
    try database.execute(
      sql: """
        UPDATE fleet SET looked_at = ?, interval = ?, source_commit = ?, problems = ?, stopped_at = ?, mode = ?,
          start_words = ?
        WHERE id = ?
        """,
      arguments: [
        now.milliseconds, report.interval.map { Int64($0 / .milliseconds(1)) }, report.commit,
        StoredList.text(report.problems), report.stoppedAt?.milliseconds, report.mode,
        StoredList.text(report.startArguments), id,
      ])
  }

  func save(_ status: EndpointStatus, host: String, fleet: String, _ database: Database) throws {
    try database.cachedStatement(
      sql: """
        INSERT OR REPLACE INTO status (
          fleet, name, desired, live, phase, reason, why, since, next, next_at, source_commit, looked_at, warnings,
          desired_digest, differences)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """
    ).execute(arguments: [
      id, status.name, status.desired, status.live, status.phase.rawValue, status.reason?.rawValue, status.why,
      status.since.milliseconds, status.next, status.nextAt?.milliseconds, status.commit,
      status.lastCheck.milliseconds, StoredList.text(status.warnings), status.desiredDigest?.hex,
      StoredList.text(status.differences),
    ])
    // So that the endpoint's events are found by its fleet even when its status is removed.
    try database.cachedStatement(
      sql: "UPDATE endpoint SET fleet = ?1 WHERE host = ?2 AND name = ?3 AND fleet IS NOT ?1"
    ).execute(arguments: [fleet, host, status.name])
  }

  func removeStatus(of name: String, _ database: Database) throws {
    try database.cachedStatement(sql: "DELETE FROM status WHERE fleet = ? AND name = ?")
      .execute(arguments: [id, name])
  }

  /// Removes the row and all its dependent rows.
  ///
  /// - Returns: the number of removed statuses.
  func remove(_ database: Database) throws -> Int {
    try database.execute(sql: "DELETE FROM status WHERE fleet = ?", arguments: [id])
    let count = database.changesCount
    try database.execute(sql: "DELETE FROM event WHERE fleet = ?", arguments: [id])
    try database.execute(sql: "DELETE FROM fleet WHERE id = ?", arguments: [id])
    return count
  }

  func append(_ event: HistoryEvent, _ database: Database) throws {
    try EventOwner.fleet.append(event, of: id, database)
  }
}

/// A list of strings in one column; NULL for an empty one.
enum StoredList {
  static func text(_ items: [String]) -> String? {
    items.isEmpty ? nil : JSONValue.array(items.map { .string($0) }).text()
  }

  /// Reads a list for people; its damage is reported in it.
  static func read(_ text: String?, of subject: String) -> [String] {
    guard let text else { return [] }
    guard let items = (try? JSONValue(parsing: text))?.arrayValue else {
      return ["the record of \(subject) is damaged: it is not a list"]
    }
    return items.compactMap(\.stringValue)
  }
}
