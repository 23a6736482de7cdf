internal import CanonicalJSON
internal import Endpoints
internal import GRDB
internal import Planning
internal import Storage

/// A row of the table `endpoint`, and its dependent rows.
struct EndpointRow {
  let id: Int64
  let name: String
  let providerID: String?
  private let lastVersion: Int64?
  private let version: Int64
  private let notes: String

  private init(_ row: Row) {
    id = row["id"]
    name = row["name"]
    providerID = row["provider_id"]
    lastVersion = row["last_version"]
    version = row["version"]
    notes = row["notes"]
  }

  static func find(_ key: EndpointKey, _ database: Database) throws -> EndpointRow? {
    try Row.fetchOne(
      database.cachedStatement(sql: "SELECT * FROM endpoint WHERE host = ? AND name = ?"),
      arguments: [key.host, key.name]
    ).map(EndpointRow.init)
  }

  static func all(host: String, _ database: Database) throws -> [EndpointRow] {
    try Row.fetchAll(database, sql: "SELECT * FROM endpoint WHERE host = ? ORDER BY name", arguments: [host])
      .map(EndpointRow.init)
  }
}

// MARK: - Reading

extension EndpointRow {
  /// A memory as it was read.
  struct Reading {
    let recorded: RecordedMemory
    /// Whether it depends on the values that it was read with.
    let isRedacted: Bool

    static let nothing = Reading(recorded: .nothing, isRedacted: false)
  }

  func memory(
    _ database: Database, values: [EndpointConfig], key: RedactionKey
  ) throws -> Reading {
    var memory = Memory(attempt: try attempt(database), endpointID: providerID, lastVersion: lastVersion)
    try memory.readNotes(StoredRecord(parsing: notes, subject: "the history of \(name)"))
    var lost: [Int: StorageError] = [:]
    var outlines: [Int: EndpointConfig] = [:]
    var unreadable: [Int: StorageError] = [:]
    var isRedacted = false
    let statement = try database.cachedStatement(sql: "SELECT * FROM revision WHERE endpoint = ? ORDER BY number")
    // Row by row: a copied row would look up its columns by name again.
    let rows = try Row.fetchCursor(statement, arguments: [id])
    while let row = try rows.next() {
      var revision: Revision
      do { revision = try Revision(row) } catch {
        let number = (try? row.decode(Int.self, forColumn: "number")) ?? 0
        unreadable[number] = StorageError(
          .damaged, "revision \(number) of \(name) is skipped: its record is damaged (\(error))")
        continue
      }
      do throws(StorageError) {
        if let snapshot = try snapshot(in: row) {
          isRedacted = isRedacted || snapshot.isRedacted
          // The substitute if the config is lost.
          outlines[revision.number] = snapshot.outline
          revision.config = try restored(snapshot, digest: revision.digest, values: values, key: key)
          outlines[revision.number] = nil
        }
      } catch {
        lost[revision.number] = error
      }
      memory.revisions.append(revision)
    }
    return Reading(
      recorded: RecordedMemory(
        memory: memory, version: version, lostConfigs: lost, lostOutlines: outlines, unreadable: unreadable),
      isRedacted: isRedacted)
  }

  private func attempt(_ database: Database) throws -> Attempt? {
    let statement = try database.cachedStatement(sql: "SELECT * FROM attempt WHERE endpoint = ?")
    let row = try Row.fetchOne(statement, arguments: [id])
    guard let row else { return nil }
    let subject = "the recorded attempt of \(name)"
    let columns = StoredRecord(
      .object(present: [
        "digest": row.text("digest"), "kind": row.text("kind"), "revision": row.integer("revision"),
        "opened_at": row.integer("opened_at"),
      ]), subject: subject)
    return try Attempt(
      digest: try columns.digest("digest"), kind: try columns.word("kind", as: Attempt.Kind.self),
      revision: try columns.integer("revision"), openedAt: try columns.time("opened_at"),
      details: StoredRecord(parsing: (try? row.decode(String.self, forColumn: "details")) ?? "", subject: subject))
  }

  private func snapshot(in row: Row) throws(StorageError) -> ConfigSnapshot? {
    guard let text: String = row["config"] else { return nil }
    let json: JSONValue
    do { json = try JSONValue(parsing: text) } catch {
      throw StorageError(.damaged, "a recorded config of \(name) is damaged: \(error)")
    }
    return try ConfigSnapshot(json: json)
  }

  private func restored(
    _ snapshot: ConfigSnapshot, digest: ConfigDigest, values: [EndpointConfig], key: RedactionKey
  ) throws(StorageError) -> EndpointConfig {
    let config = try snapshot.restored(from: values, key: key)
    // The digest is what the endpoint's tags and the plan use; a config with another digest must never be sent in its
    // place.
    guard config.digest == digest else {
      throw StorageError(.damaged, "a recorded config of \(name) is damaged: it does not have the digest \(digest)")
    }
    return config
  }

  func events(newest count: Int, _ database: Database) throws -> [HistoryEvent] {
    try Row.fetchAll(
      database, sql: "SELECT * FROM event WHERE endpoint = ? ORDER BY id DESC LIMIT ?", arguments: [id, count]
    ).reversed().map(HistoryEvent.init)
  }
}

extension Revision {
  fileprivate init(_ row: Row) throws {
    let number = Int(try row.wholeNumber("number") ?? 0)
    let columns = StoredRecord(
      .object(present: [
        "digest": row.text("digest"), "outcome": row.text("outcome"), "cause": row.text("cause"),
        "words": row.text("words"),
      ]), subject: "recorded revision \(number)")
    self.init(
      number: number, digest: try columns.digest("digest"), config: nil,
      recordedAt: Timestamp(milliseconds: try row.wholeNumber("recorded_at") ?? 0),
      sourceCommit: try row.decode(forColumn: "source_commit"),
      aliases: try Self.aliases(try row.decode(forColumn: "aliases"), of: number),
      outcome: try RevisionOutcome(columns), established: try row.wholeNumber("established").map(Int.init))
  }
}

extension Revision {
  fileprivate static func aliases(_ text: String?, of number: Int) throws(StorageError) -> [AliasedVersion] {
    guard let text else { return [] }
    let subject = "recorded revision \(number)"
    return try StoredRecord(parsing: "{\"aliases\":\(text)}", subject: subject).list("aliases")
      .map { record throws(StorageError) in try AliasedVersion(record) }
  }
}

extension Row {
  /// Returns a number, or nil for NULL. Decoding directly from a statement would turn a text into 0.
  fileprivate func wholeNumber(_ column: String) throws -> Int64? {
    let value: DatabaseValue = self[column]
    if value.isNull { return nil }
    guard let number = Int64.fromDatabaseValue(value) else {
      throw StorageError(.damaged, "its \(column) is not a number")
    }
    return number
  }

  /// Returns a column as a member of a ``StoredRecord``; nil if it contains no text.
  fileprivate func text(_ column: String) -> JSONValue? {
    (try? decode(String?.self, forColumn: column)).flatMap { $0 }.map { .string($0) }
  }

  fileprivate func integer(_ column: String) -> JSONValue? {
    (try? decode(Int64?.self, forColumn: column)).flatMap { $0 }.map { .int($0) }
  }
}

extension AliasedVersion {
  fileprivate var json: JSONValue {
    ["model": .string(model), "alias": .string(alias), "version": .string(version)]
  }

  fileprivate init(_ record: StoredRecord) throws(StorageError) {
    self.init(
      model: try record.text("model"), alias: try record.text("alias"), version: try record.text("version"))
  }
}

extension RevisionOutcome {
  fileprivate init(_ record: StoredRecord) throws(StorageError) {
    let words = record.optionalText("words") ?? ""
    switch try record.text("outcome") {
    case "pending": self = .pending
    case "good": self = .good
    case "found": self = .found
    case "failed": self = .failed(try record.word("cause", as: CauseClass.self), words)
    case "refused": self = .refused(words)
    case "canceled": self = .canceled
    case "superseded": self = .superseded
    case "unsent": self = .unsent
    case let word: throw StorageError(.damaged, "a recorded revision is damaged: \(word) is not a known outcome")
    }
  }
}

// MARK: - Writing

extension EndpointRow {
  static func save(
    _ memory: Memory, former: RecordedMemory, _ key: EndpointKey, at now: Timestamp, _ redaction: RedactionKey,
    _ database: Database
  ) throws -> EndpointRow {
    try database.execute(
      sql: """
        INSERT INTO endpoint (host, name, provider_id, last_version, version, recorded_at, notes)
        VALUES (:host, :name, :id, :last, :version, :now, :notes)
        ON CONFLICT (host, name) DO UPDATE
        SET provider_id = :id, last_version = :last, version = :version, notes = :notes
        """,
      arguments: [
        "host": key.host, "name": key.name, "id": memory.endpointID, "last": memory.lastVersion,
        "version": former.version + 1, "now": now.milliseconds, "notes": memory.notes.text(),
      ])
    guard let row = try find(key, database) else {
      throw StorageError(.failed, "the record that was just written cannot be read")
    }
    let known = Dictionary(former.memory.revisions.map { ($0.number, $0) }, uniquingKeysWith: { $1 })
    for revision in memory.revisions where known[revision.number] != revision {
      // The number may be taken by an unreadable revision, none of which belongs to this one.
      if known[revision.number] == nil { try row.removeRevisions([revision.number], database) }
      try row.save(revision, former: known[revision.number], redaction, database)
    }
    if memory.revisions.count > former.memory.revisions.count {
      try row.removeRevisions(RevisionRetention.expired(in: memory, at: now), database)
    }
    if memory.attempt != former.memory.attempt { try row.save(memory.attempt, database) }
    return row
  }

  /// Records the endpoint's fleet, so that its events are found by fleet; nil: unchanged.
  func belongs(to fleet: String?, _ database: Database) throws {
    guard let fleet else { return }
    try database.cachedStatement(sql: "UPDATE endpoint SET fleet = ?1 WHERE id = ?2 AND fleet IS NOT ?1")
      .execute(arguments: [fleet, id])
  }

  private func save(_ revision: Revision, former: Revision?, _ redaction: RedactionKey, _ database: Database) throws {
    // A config that could not be restored by this read stays as recorded.
    let config = revision.config == former?.config ? nil : revision.config
    var cause: String?
    if case .failed(let class_, _) = revision.outcome { cause = class_.rawValue }
    try database.execute(
      sql: """
        INSERT INTO revision (
          endpoint, number, digest, config, recorded_at, source_commit, outcome, cause, words, established, aliases)
        VALUES (
          :endpoint, :number, :digest, :config, :at, :commit, :outcome, :cause, :words, :established, :aliases)
        ON CONFLICT (endpoint, number) DO UPDATE
        SET digest = :digest, config = ifnull(:config, config), outcome = :outcome, cause = :cause, words = :words,
          established = :established, aliases = :aliases
        """,
      arguments: [
        "endpoint": id, "number": revision.number, "digest": revision.digest.hex,
        "config": config.map { ConfigSnapshot(of: $0, key: redaction).json.text() },
        "at": revision.recordedAt.milliseconds, "commit": revision.sourceCommit, "outcome": revision.outcome.word,
        "cause": cause, "words": revision.outcome.message, "established": revision.established,
        "aliases": revision.aliases.isEmpty ? nil : JSONValue.array(revision.aliases.map(\.json)).text(),
      ])
  }

  /// Removes endpoints that were deleted from here before a moment and not seen since; returns their keys.
  static func removeDeleted(before moment: Timestamp, _ database: Database) throws -> [EndpointKey] {
    let rows = try Row.fetchAll(
      database,
      sql: """
        SELECT endpoint.id AS id, endpoint.host AS host, endpoint.name AS name
        FROM event JOIN endpoint ON endpoint.id = event.endpoint
        WHERE event.at < ? AND event.what = ?
          AND event.id = (SELECT max(newest.id) FROM event AS newest WHERE newest.endpoint = event.endpoint)
        """, arguments: [moment.milliseconds, HistoryEvent.deletion])
    for row in rows {
      try database.execute(sql: "DELETE FROM endpoint WHERE id = ?", arguments: [row["id"] as Int64])
    }
    return rows.map { EndpointKey(host: $0["host"], name: $0["name"]) }
  }

  private func removeRevisions(_ numbers: [Int], _ database: Database) throws {
    let statement = try database.cachedStatement(sql: "DELETE FROM revision WHERE endpoint = ? AND number = ?")
    for number in numbers { try statement.execute(arguments: [id, number]) }
  }

  private func save(_ attempt: Attempt?, _ database: Database) throws {
    guard let attempt else {
      return try database.execute(sql: "DELETE FROM attempt WHERE endpoint = ?", arguments: [id])
    }
    try database.execute(
      sql: """
        INSERT OR REPLACE INTO attempt (endpoint, digest, kind, revision, opened_at, details) VALUES (?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        id, attempt.digest.hex, attempt.kind.rawValue, attempt.revision, attempt.openedAt.milliseconds,
        attempt.details.text(),
      ])
  }

  func append(_ event: HistoryEvent, _ database: Database) throws {
    try EventOwner.endpoint.append(event, of: id, database)
  }
}
