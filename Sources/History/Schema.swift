internal import GRDB

/// The tables of the history. Migrations are only ever added: a database that was written by a former version is brought
/// up to date in place, and one that was written by a later version is refused.
enum Schema {
  static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1: endpoints, revisions, attempts, events", migrate: createTables)
    return migrator
  }

  // Times are milliseconds since 1970.
  private static func createTables(_ database: Database) throws {
    try database.execute(
      sql: """
        -- One row for each endpoint that was ever changed or looked after from here. Another provider's id under the same
        -- name is another endpoint; the id is null between the intent to create and the provider's answer.
        CREATE TABLE endpoint (
          id INTEGER PRIMARY KEY,
          host TEXT NOT NULL,
          name TEXT NOT NULL,
          provider_id TEXT,
          recorded_at INTEGER NOT NULL,
          deleted_at INTEGER,
          -- What decides beside attempt and revisions: counts of retries and corrections, and verification so far.
          counters TEXT NOT NULL DEFAULT '{}'
        );
        CREATE UNIQUE INDEX endpoint_identity ON endpoint (host, name, ifnull(provider_id, ''));

        CREATE TABLE revision (
          endpoint_id INTEGER NOT NULL REFERENCES endpoint (id) ON DELETE CASCADE,
          number INTEGER NOT NULL,
          digest TEXT NOT NULL,
          config TEXT NOT NULL,
          recorded_at INTEGER NOT NULL,
          source_file TEXT,
          source_commit TEXT,
          outcome TEXT NOT NULL,
          cause_class TEXT,
          cause TEXT,
          settled_at INTEGER,
          PRIMARY KEY (endpoint_id, number)
        ) WITHOUT ROWID;

        -- At most one open attempt for an endpoint: the key says so.
        CREATE TABLE attempt (
          endpoint_id INTEGER PRIMARY KEY REFERENCES endpoint (id) ON DELETE CASCADE,
          body TEXT NOT NULL
        ) WITHOUT ROWID;

        CREATE TABLE event (
          id INTEGER PRIMARY KEY,
          endpoint_id INTEGER NOT NULL REFERENCES endpoint (id) ON DELETE CASCADE,
          at INTEGER NOT NULL,
          what TEXT NOT NULL,
          why TEXT NOT NULL,
          source_commit TEXT
        );
        CREATE INDEX event_by_endpoint ON event (endpoint_id, id);
        """)
  }
}
