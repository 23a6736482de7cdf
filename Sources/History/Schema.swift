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
        -- One row for each endpoint that was ever changed or looked after from here.
        CREATE TABLE endpoint (
          id INTEGER PRIMARY KEY,
          host TEXT NOT NULL,
          name TEXT NOT NULL,
          -- The provider's id; null between the intent to create and the answer.
          provider_id TEXT,
          last_version INTEGER,
          -- Counts up with every change, so that whoever decided on an older reading is told.
          version INTEGER NOT NULL,
          recorded_at INTEGER NOT NULL,
          -- Failures in a row, put-backs, a hold without an endpoint, the last look at a rollback's target.
          notes TEXT NOT NULL,
          UNIQUE (host, name)
        );

        CREATE TABLE revision (
          endpoint INTEGER NOT NULL REFERENCES endpoint (id) ON DELETE CASCADE,
          number INTEGER NOT NULL,
          digest TEXT NOT NULL,
          -- Redacted.
          config TEXT,
          recorded_at INTEGER NOT NULL,
          source_commit TEXT,
          outcome TEXT NOT NULL,
          cause TEXT,
          words TEXT,
          established INTEGER,
          PRIMARY KEY (endpoint, number)
        ) WITHOUT ROWID;

        -- At most one open attempt for an endpoint: the key says so.
        CREATE TABLE attempt (
          endpoint INTEGER PRIMARY KEY REFERENCES endpoint (id) ON DELETE CASCADE,
          digest TEXT NOT NULL,
          kind TEXT NOT NULL,
          revision INTEGER NOT NULL,
          opened_at INTEGER NOT NULL,
          -- What the endpoint looked like before, what the provider answered, what verification found.
          details TEXT NOT NULL
        ) WITHOUT ROWID;

        CREATE TABLE event (
          id INTEGER PRIMARY KEY,
          endpoint INTEGER NOT NULL REFERENCES endpoint (id) ON DELETE CASCADE,
          at INTEGER NOT NULL,
          what TEXT NOT NULL,
          why TEXT NOT NULL,
          source_commit TEXT
        );
        CREATE INDEX event_by_endpoint ON event (endpoint, id);
        """)
  }
}
