import GRDB

// The schema of the store, by the versions that changed it.
extension EndpointStore {
  /// The names of the migrations that this version knows.
  static var migrations: [String] { migrator.migrations }

  static var migrator: DatabaseMigrator {
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
    migrator.registerMigration("2: launches that are scaled to zero") { database in
      try database.execute(sql: "ALTER TABLE endpoint ADD COLUMN sleep TEXT NOT NULL DEFAULT '{}'")
    }
    migrator.registerMigration("3: the configs for rollbacks") { database in
      try database.execute(sql: "ALTER TABLE endpoint ADD COLUMN previous_version INTEGER")
      for row in try Row.fetchAll(database, sql: "SELECT id, active_version FROM endpoint") {
        // What cannot be read is reported when the store is.
        guard let id = try? row.decode(String.self, forColumn: "id"),
          let active = try? row.decode(Int64.self, forColumn: "active_version")
        else { continue }
        try database.execute(
          sql: "UPDATE endpoint SET previous_version = ? WHERE id = ?",
          arguments: [Self.lastOther(before: active, of: id, database), id])
      }
    }
    migrator.registerMigration("4: settings and tokens") { database in
      try database.execute(
        sql: """
          ALTER TABLE endpoint ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';
          CREATE TABLE token (
            id TEXT PRIMARY KEY, name TEXT NOT NULL, digest TEXT NOT NULL UNIQUE, level TEXT, endpoints TEXT,
            groups TEXT NOT NULL DEFAULT '[]', created_at INTEGER NOT NULL, created_by TEXT, expires_at INTEGER,
            last_used_at INTEGER, replaced_at INTEGER);
          CREATE INDEX token_name ON token (name);
          """)
    }
    return migrator
  }

  /// The last kept config before an active one that has a model version that the active one does not have. Earlier
  /// programs did not record whether it was ever active.
  private static func lastOther(before active: Int64, of endpoint: String, _ database: Database) -> Int64? {
    func models(_ version: Int64) -> Set<ModelVersionID> {
      (try? config(version, of: endpoint, database))?.modelVersions ?? []
    }
    let earlier = try? Int64.fetchAll(
      database, sql: "SELECT version FROM config WHERE endpoint_id = ? AND version < ? ORDER BY version DESC",
      arguments: [endpoint, active])
    let current = models(active)
    return earlier?.first { !models($0).isSubset(of: current) }
  }
}
