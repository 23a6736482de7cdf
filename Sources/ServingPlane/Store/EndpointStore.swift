import CanonicalJSON
import FoundationEssentials
import GRDB
import LibCrypto
import Storage

/// The plane's store: endpoints, their configs by version, their tags, and replicas, in one SQLite file.
///
/// Its methods block briefly. Every completed write survives a killed plane; a power failure may lose the last ones and
/// never damages the file (WAL, `synchronous = NORMAL`).
final class EndpointStore: Sendable {
  let database: DatabaseQueue
  /// Identifies this data directory in the marks of its replicas.
  let planeID: String

  /// - Parameter path: the file; created with its tables if it does not exist.
  /// - Throws: `StorageError` if the file is damaged, or was written by a later version.
  init(path: String) throws {
    let place = StoragePlace(path: path, option: "--data DIR", loss: "endpoints must then be applied again")
    database = try DatabaseFile(place, Self.migrator).open()
    let fresh = try Hexadecimal.encode(SecureRandom.bytes(count: 8))
    planeID = try database.write { database in
      try database.execute(sql: "INSERT OR IGNORE INTO meta (key, value) VALUES ('plane_id', ?)", arguments: [fresh])
      return try String.fetchOne(database, sql: "SELECT value FROM meta WHERE key = 'plane_id'") ?? fresh
    }
  }

  // MARK: Endpoints

  /// All records that can be read, and the damaged ones.
  func contents() throws -> StoreContents {
    try database.read { database in
      var contents = StoreContents()
      for row in try Row.fetchAll(database, sql: "SELECT * FROM endpoint ORDER BY name") {
        try Self.read(row, into: &contents, database)
      }
      for row in try Row.fetchAll(database, sql: "SELECT id, document FROM replica ORDER BY created_at, id") {
        do {
          contents.replicas.append(try ReplicaRecord(document: row.decode(forColumn: "document")))
        } catch {
          contents.damagedReplicas[try row.decode(forColumn: "id")] = "\(error)"
        }
      }
      return contents
    }
  }

  /// All endpoints that can be read, with their active and latest configs.
  func endpoints() throws -> [EndpointRecord] { try contents().endpoints }

  /// Writes a new or changed endpoint as a whole.
  func save(_ record: EndpointRecord) throws {
    try database.write { database in
      let (state, target, entity, reason) = Self.columns(record.update)
      let previous = try Self.previousVersion(record, database)
      try database.execute(
        sql: """
          INSERT INTO endpoint (id, name, creator, created_at, updated_at, description, next_version, active_version,
            update_state, target_version, failed_entity, failure, sleep, previous_version, settings)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
          ON CONFLICT (id) DO UPDATE SET updated_at = excluded.updated_at, description = excluded.description,
            next_version = excluded.next_version, active_version = excluded.active_version,
            update_state = excluded.update_state, target_version = excluded.target_version,
            failed_entity = excluded.failed_entity, failure = excluded.failure, sleep = excluded.sleep,
            previous_version = excluded.previous_version, settings = excluded.settings
          """,
        arguments: [
          record.id, record.name, record.creator, record.created, record.updated, record.description,
          record.nextVersion, record.active?.version, state, target?.version, entity, reason,
          try Self.encode(record.sleep), previous, record.settings.document.text(),
        ])
      for config in [record.active, target].compactMap({ $0 }) {
        try database.execute(
          sql: "INSERT OR IGNORE INTO config (endpoint_id, version, started_at, document) VALUES (?, ?, ?, ?)",
          arguments: [record.id, config.version, config.startTime, try Self.encode(config)])
      }
      try Self.prune(record, target, previous, database)
      try database.execute(sql: "DELETE FROM tag WHERE endpoint_id = ?", arguments: [record.id])
      for (key, value) in record.tags {
        try database.execute(
          sql: "INSERT INTO tag (endpoint_id, key, value) VALUES (?, ?, ?)", arguments: [record.id, key, value])
      }
    }
  }

  /// Removes an endpoint with its configs and tags. Its replicas stay until they have ended.
  func deleteEndpoint(_ id: String) throws {
    try database.write { try $0.execute(sql: "DELETE FROM endpoint WHERE id = ?", arguments: [id]) }
  }

  /// The configs to which endpoints would be rolled back, by the endpoint's ID. One that cannot be read is omitted.
  func previousConfigs() throws -> [String: PlaneConfig] {
    try database.read { database -> [String: PlaneConfig] in
      let rows = try Row.fetchAll(
        database, sql: "SELECT id, previous_version FROM endpoint WHERE previous_version IS NOT NULL")
      return try rows.reduce(into: [:]) { configs, row in
        let id: String = try row.decode(forColumn: "id")
        configs[id] = try? Self.config(row.decode(forColumn: "previous_version"), of: id, database)
      }
    }
  }

  // MARK: Replicas

  /// All replicas on record that can be read, oldest first.
  func replicas() throws -> [ReplicaRecord] { try contents().replicas }

  /// Writes a new or changed replica.
  func save(_ replica: ReplicaRecord) throws {
    try database.write { database in
      try database.execute(
        sql: """
          INSERT INTO replica (id, endpoint_id, created_at, port, document) VALUES (?, ?, ?, ?, ?)
          ON CONFLICT (id) DO UPDATE SET document = excluded.document
          """,
        arguments: [replica.id, replica.endpoint, replica.created, replica.port, try replica.document()])
    }
  }

  func deleteReplica(_ id: String) throws {
    try database.write { try $0.execute(sql: "DELETE FROM replica WHERE id = ?", arguments: [id]) }
  }

  /// Moves the contents of the write-ahead log into the file, and frees the log's space.
  func shrinkLog() throws { try database.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) } }

  // MARK: Inside

  private static func read(_ row: Row, into contents: inout StoreContents, _ database: Database) throws {
    let name = (try? row.decode(String.self, forColumn: "name")) ?? "?"
    do {
      let (record, remark) = try endpoint(row, database)
      contents.endpoints.append(record)
      if let remark { contents.remarks.append("endpoint \(name): \(remark)") }
    } catch {
      contents.damagedEndpoints[name] = StoreContents.Damage(id: try row.decode(forColumn: "id"), reason: "\(error)")
    }
  }

  /// An endpoint, and a remark on any part that was omitted because only the rest is usable.
  private static func endpoint(_ row: Row, _ database: Database) throws -> (EndpointRecord, String?) {
    let id: String = try row.decode(forColumn: "id")
    let tags = try Row.fetchAll(database, sql: "SELECT key, value FROM tag WHERE endpoint_id = ?", arguments: [id])
    var record = EndpointRecord(
      id: id, name: try row.decode(forColumn: "name"), creator: try row.decode(forColumn: "creator"),
      created: try row.decode(forColumn: "created_at"), updated: try row.decode(forColumn: "updated_at"),
      description: try row.decode(forColumn: "description"),
      tags: Dictionary(
        try tags.map { (try $0.decode(forColumn: "key"), try $0.decode(forColumn: "value")) },
        uniquingKeysWith: { $1 }))
    record.nextVersion = try row.decode(forColumn: "next_version")
    // Whatever cannot be read is awake, which loses no request.
    let sleep = try row.decode(String.self, forColumn: "sleep")
    record.sleep = (try? JSONDecoder().decode([String: SleepState].self, from: Data(sleep.utf8))) ?? [:]
    var remarks: [String] = []
    do { record.settings = try settings(row) } catch {
      remarks.append("its settings are skipped, because they cannot be read (\(error)); apply them again")
    }
    do { record.update = try update(row, of: id, database) } catch {
      remarks.append("its last update is skipped, because its config cannot be read (\(error))")
    }
    do { record.active = try config(row.decode(forColumn: "active_version"), of: id, database) } catch {
      // The config being rolled out replaces it; without one there is nothing to serve.
      guard record.update.target != nil else { throw error }
      remarks.append("its active config cannot be read (\(error)); the one being rolled out is used instead")
    }
    return (record, remarks.isEmpty ? nil : remarks.joined(separator: "; "))
  }

  private static func settings(_ row: Row) throws -> EndpointSettings {
    let document = try JSONValue(parsing: row.decode(String.self, forColumn: "settings"))
    guard document.objectValue != nil else { throw UnreadableConfig(description: "the document is not an object") }
    return EndpointSettings(document: document)
  }

  static func config(_ version: Int64?, of endpoint: String, _ database: Database) throws -> PlaneConfig? {
    guard let version else { return nil }
    let row = try Row.fetchOne(
      database, sql: "SELECT document FROM config WHERE endpoint_id = ? AND version = ?",
      arguments: [endpoint, version])
    guard let row else { throw UnreadableConfig(description: "config version \(version) is missing") }
    do { return try decode(row.decode(forColumn: "document")) } catch {
      throw UnreadableConfig(description: "config version \(version) is damaged: \(error)")
    }
  }

  private static func update(_ row: Row, of endpoint: String, _ database: Database) throws -> ConfigUpdate {
    guard let target = try config(row.decode(forColumn: "target_version"), of: endpoint, database) else { return .none }
    switch try row.decode(String.self, forColumn: "update_state") {
    case "failed":
      return .failed(
        target, entity: try row.decode(String?.self, forColumn: "failed_entity") ?? "",
        reason: try row.decode(String?.self, forColumn: "failure") ?? "")
    case "in_progress": return .inProgress(target)
    default: return .none
    }
  }

  /// The config to which the endpoint would be rolled back: the last active one with a model version that the active
  /// one does not have. None after that rollback.
  private static func previousVersion(_ record: EndpointRecord, _ database: Database) throws -> Int64? {
    let row = try Row.fetchOne(
      database, sql: "SELECT active_version, previous_version FROM endpoint WHERE id = ?", arguments: [record.id])
    guard let row else { return nil }
    let previous = try row.decode(Int64?.self, forColumn: "previous_version")
    guard let former = try row.decode(Int64?.self, forColumn: "active_version"), let active = record.active,
      former != active.version
    else { return previous }
    // One that cannot be read needs nothing that anybody knows of.
    func models(_ version: Int64?) -> Set<ModelVersionID> {
      (try? config(version, of: record.id, database))?.modelVersions ?? []
    }
    if models(former).isSubset(of: active.modelVersions) { return previous }
    let isRollback = previous != nil && active.modelVersions.isSubset(of: models(previous))
    return isRollback ? nil : former
  }

  /// Removes old configs: the newest are kept for anyone who inspects the file; nothing else reads them.
  private static func prune(
    _ record: EndpointRecord, _ target: PlaneConfig?, _ previous: Int64?, _ database: Database
  ) throws {
    try database.execute(
      sql: """
        DELETE FROM config WHERE endpoint_id = :id AND version IS NOT :active AND version IS NOT :target
          AND version IS NOT :previous AND (version < :next - \(keptConfigs) OR started_at < :old)
        """,
      arguments: [
        "id": record.id, "active": record.active?.version, "target": target?.version, "next": record.nextVersion,
        "old": record.updated - keptFor, "previous": previous,
      ])
  }

  private static let keptConfigs = 20
  /// 180 days, in milliseconds.
  private static let keptFor: Int64 = 180 * 24 * 3600 * 1000

  private static func columns(_ update: ConfigUpdate) -> (String, PlaneConfig?, String?, String?) {
    switch update {
    case .none: ("none", nil, nil, nil)
    case .inProgress(let config): ("in_progress", config, nil, nil)
    case .failed(let config, let entity, let reason): ("failed", config, entity, reason)
    }
  }

  private static func encode(_ value: some Encodable) throws -> String {
    String(decoding: try JSONEncoder().encode(value), as: UTF8.self)
  }

  private static func decode<Value: Decodable>(_ document: String) throws -> Value {
    try JSONDecoder().decode(Value.self, from: Data(document.utf8))
  }
}

/// A config that cannot be read.
private struct UnreadableConfig: Error, CustomStringConvertible {
  let description: String
}
