internal import GRDB

/// The tables of the history. Migrations are only ever added: a database from an earlier version is migrated in place,
/// and one from a later version is refused.
enum Schema {
  static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1: endpoints, revisions, attempts, events", migrate: createTables)
    migrator.registerMigration("2: fleets, statuses, aliases", migrate: createFleets)
    migrator.registerMigration("3: events by time") { database in
      try database.execute(sql: "CREATE INDEX event_by_time ON event (at, id)")
    }
    migrator.registerMigration("4: statuses with digests and differences") { database in
      try database.execute(
        sql: """
          ALTER TABLE status ADD COLUMN desired_digest TEXT;
          -- A JSON list of fields.
          ALTER TABLE status ADD COLUMN differences TEXT;
          """)
    }
    migrator.registerMigration("5: how a controller was started") { database in
      try database.execute(
        sql: """
          ALTER TABLE fleet ADD COLUMN mode TEXT;
          -- A JSON list of the arguments of "setpoint run".
          ALTER TABLE fleet ADD COLUMN start_words TEXT;
          """)
    }
    return migrator
  }

  // Times are milliseconds since 1970.
  private static func createTables(_ database: Database) throws {
    try database.execute(
      sql: """
        -- One row for each endpoint that was changed or reconciled from this state directory.
        CREATE TABLE endpoint (
          id INTEGER PRIMARY KEY,
          host TEXT NOT NULL,
          name TEXT NOT NULL,
          -- The provider's ID; null while a create has not been answered.
          provider_id TEXT,
          last_version INTEGER,
          -- Increases with every change, so that a change based on an older version is refused.
          version INTEGER NOT NULL,
          recorded_at INTEGER NOT NULL,
          -- A JSON object: back-offs, reverts of drift, a hold without an endpoint, the last check of a rollback's
          -- target.
          notes TEXT NOT NULL,
          UNIQUE (host, name)
        );

        CREATE TABLE revision (
          endpoint INTEGER NOT NULL REFERENCES endpoint (id) ON DELETE CASCADE,
          number INTEGER NOT NULL,
          digest TEXT NOT NULL,
          -- A JSON object, with codes for plain environment values.
          config TEXT,
          recorded_at INTEGER NOT NULL,
          source_commit TEXT,
          outcome TEXT NOT NULL,
          cause TEXT,
          words TEXT,
          established INTEGER,
          PRIMARY KEY (endpoint, number)
        ) WITHOUT ROWID;

        -- At most one open attempt for each endpoint.
        CREATE TABLE attempt (
          endpoint INTEGER PRIMARY KEY REFERENCES endpoint (id) ON DELETE CASCADE,
          digest TEXT NOT NULL,
          kind TEXT NOT NULL,
          revision INTEGER NOT NULL,
          opened_at INTEGER NOT NULL,
          -- A JSON object: the endpoint's state before, the provider's response, the result of the verification.
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

  private static func createFleets(_ database: Database) throws {
    try database.execute(
      sql: """
        -- One row for each fleet that a controller has managed from this state directory.
        CREATE TABLE fleet (
          id INTEGER PRIMARY KEY,
          host TEXT NOT NULL,
          name TEXT NOT NULL,
          -- The controller's last check; null if there are only events.
          looked_at INTEGER,
          interval INTEGER,
          source_commit TEXT,
          -- A JSON list of texts.
          problems TEXT,
          stopped_at INTEGER,
          UNIQUE (host, name)
        );

        -- The controller's last report on each endpoint of the fleet, which may have no row in endpoint.
        CREATE TABLE status (
          fleet INTEGER NOT NULL REFERENCES fleet (id) ON DELETE CASCADE,
          name TEXT NOT NULL,
          desired TEXT,
          live TEXT,
          phase TEXT NOT NULL,
          reason TEXT,
          why TEXT NOT NULL,
          since INTEGER NOT NULL,
          next TEXT,
          next_at INTEGER,
          source_commit TEXT,
          looked_at INTEGER NOT NULL,
          warnings TEXT,
          PRIMARY KEY (fleet, name)
        ) WITHOUT ROWID;

        -- The fleet that owns it, as last recorded.
        ALTER TABLE endpoint ADD COLUMN fleet TEXT;
        -- A JSON list of the versions that the manifest names by an alias.
        ALTER TABLE revision ADD COLUMN aliases TEXT;

        -- Each event belongs to an endpoint or to a fleet.
        CREATE TABLE new_event (
          id INTEGER PRIMARY KEY,
          endpoint INTEGER REFERENCES endpoint (id) ON DELETE CASCADE,
          fleet INTEGER REFERENCES fleet (id) ON DELETE CASCADE,
          at INTEGER NOT NULL,
          what TEXT NOT NULL,
          why TEXT NOT NULL,
          source_commit TEXT,
          CHECK ((endpoint IS NULL) <> (fleet IS NULL))
        );
        INSERT INTO new_event (id, endpoint, fleet, at, what, why, source_commit)
          SELECT id, endpoint, NULL, at, what, why, source_commit FROM event;
        DROP TABLE event;
        ALTER TABLE new_event RENAME TO event;
        CREATE INDEX event_by_endpoint ON event (endpoint, id);
        CREATE INDEX event_by_fleet ON event (fleet, id);
        """)
  }
}
