import CanonicalJSON
import FoundationEssentials
import GRDB
import LibCrypto

/// The plane's memory: endpoints, their configs by version, their tags, and replicas, in one SQLite file.
///
/// Its methods block for a moment. Every write is durable against a killed plane when it returns; a power cut may lose the
/// last ones and never leaves the file broken (WAL, `synchronous = NORMAL`).
final class EndpointStore: Sendable {
  private let database: DatabaseQueue
  /// Tells this data directory from every other, in the marks of its replicas.
  let planeID: String

  /// - Parameter path: the file; made with its tables where there is none.
  init(path: String) throws {
    var configuration = Configuration()
    configuration.busyMode = .timeout(5)
    configuration.prepareDatabase { database in
      try database.execute(sql: "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON")
    }
    database = try DatabaseQueue(path: path, configuration: configuration)
    try Self.migrator.migrate(database)
    let fresh = try Hexadecimal.encode(SecureRandom.bytes(count: 8))
    planeID = try database.write { database in
      try database.execute(sql: "INSERT OR IGNORE INTO meta (key, value) VALUES ('plane_id', ?)", arguments: [fresh])
      return try String.fetchOne(database, sql: "SELECT value FROM meta WHERE key = 'plane_id'") ?? fresh
    }
  }

  // MARK: Endpoints

  /// All endpoints with their active and latest configs.
  func endpoints() throws -> [EndpointRecord] {
    try database.read { database in
      try Row.fetchAll(database, sql: "SELECT * FROM endpoint ORDER BY name").map { row in
        let id: String = row["id"]
        let tags = try Row.fetchAll(database, sql: "SELECT key, value FROM tag WHERE endpoint_id = ?", arguments: [id])
        var record = EndpointRecord(
          id: id, name: row["name"], creator: row["creator"], created: row["created_at"], updated: row["updated_at"],
          description: row["description"],
          tags: Dictionary(tags.map { ($0["key"], $0["value"]) }, uniquingKeysWith: { $1 }))
        record.nextVersion = row["next_version"]
        record.active = try Self.config(row["active_version"], of: id, database)
        record.update = try Self.update(row, of: id, database)
        return record
      }
    }
  }

  /// Writes an endpoint, new or changed, as a whole.
  func save(_ record: EndpointRecord) throws {
    try database.write { database in
      let (state, target, entity, reason) = Self.columns(record.update)
      try database.execute(
        sql: """
          INSERT INTO endpoint (id, name, creator, created_at, updated_at, description, next_version, active_version,
            update_state, target_version, failed_entity, failure) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
          ON CONFLICT (id) DO UPDATE SET updated_at = excluded.updated_at, description = excluded.description,
            next_version = excluded.next_version, active_version = excluded.active_version,
            update_state = excluded.update_state, target_version = excluded.target_version,
            failed_entity = excluded.failed_entity, failure = excluded.failure
          """,
        arguments: [
          record.id, record.name, record.creator, record.created, record.updated, record.description,
          record.nextVersion, record.active?.version, state, target?.version, entity, reason,
        ])
      for config in [record.active, target].compactMap({ $0 }) {
        try database.execute(
          sql: "INSERT OR IGNORE INTO config (endpoint_id, version, started_at, document) VALUES (?, ?, ?, ?)",
          arguments: [record.id, config.version, config.startTime, try Self.encode(config)])
      }
      try database.execute(sql: "DELETE FROM tag WHERE endpoint_id = ?", arguments: [record.id])
      for (key, value) in record.tags {
        try database.execute(
          sql: "INSERT INTO tag (endpoint_id, key, value) VALUES (?, ?, ?)", arguments: [record.id, key, value])
      }
    }
  }

  /// Removes an endpoint with its configs and tags. Its replicas stay until they are over.
  func deleteEndpoint(_ id: String) throws {
    try database.write { try $0.execute(sql: "DELETE FROM endpoint WHERE id = ?", arguments: [id]) }
  }

  // MARK: Replicas

  /// All replicas on record, oldest first.
  func replicas() throws -> [ReplicaRecord] {
    try database.read { database in
      try String.fetchAll(database, sql: "SELECT document FROM replica ORDER BY created_at, id").map(Self.decode)
    }
  }

  /// Writes a replica, new or changed.
  func save(_ replica: ReplicaRecord) throws {
    try database.write { database in
      try database.execute(
        sql: """
          INSERT INTO replica (id, endpoint_id, created_at, pid, port, document) VALUES (?, ?, ?, ?, ?, ?)
          ON CONFLICT (id) DO UPDATE SET pid = excluded.pid, document = excluded.document
          """,
        arguments: [
          replica.id, replica.endpoint, replica.created, replica.process?.pid, replica.port, try Self.encode(replica),
        ])
    }
  }

  func deleteReplica(_ id: String) throws {
    try database.write { try $0.execute(sql: "DELETE FROM replica WHERE id = ?", arguments: [id]) }
  }

  // MARK: Inside

  private static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1: endpoints, configs, tags, replicas") { database in
      try database.execute(
        sql: """
          CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
          CREATE TABLE endpoint (
            id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, creator TEXT NOT NULL, created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL, description TEXT NOT NULL, next_version INTEGER NOT NULL,
            active_version INTEGER, update_state TEXT NOT NULL, target_version INTEGER, failed_entity TEXT, failure TEXT);
          CREATE TABLE config (
            endpoint_id TEXT NOT NULL REFERENCES endpoint (id) ON DELETE CASCADE, version INTEGER NOT NULL,
            started_at INTEGER NOT NULL, document TEXT NOT NULL, PRIMARY KEY (endpoint_id, version));
          CREATE TABLE tag (
            endpoint_id TEXT NOT NULL REFERENCES endpoint (id) ON DELETE CASCADE, key TEXT NOT NULL,
            value TEXT NOT NULL, PRIMARY KEY (endpoint_id, key));
          CREATE TABLE replica (
            id TEXT PRIMARY KEY, endpoint_id TEXT NOT NULL, created_at INTEGER NOT NULL, pid INTEGER,
            port INTEGER NOT NULL, document TEXT NOT NULL);
          """)
    }
    return migrator
  }

  private static func config(_ version: Int64?, of endpoint: String, _ database: Database) throws -> PlaneConfig? {
    guard let version else { return nil }
    let document = try String.fetchOne(
      database, sql: "SELECT document FROM config WHERE endpoint_id = ? AND version = ?",
      arguments: [endpoint, version])
    return try document.map(decode)
  }

  private static func update(_ row: Row, of endpoint: String, _ database: Database) throws -> ConfigUpdate {
    guard let target = try config(row["target_version"], of: endpoint, database) else { return .none }
    let state: String = row["update_state"]
    if state == "failed" { return .failed(target, entity: row["failed_entity"] ?? "", reason: row["failure"] ?? "") }
    return state == "in_progress" ? .inProgress(target) : .none
  }

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
