internal import GRDB

/// The telemetry tables. Their names and columns are public (docs/telemetry.md). Migrations are only ever added.
enum TelemetrySchema {
  static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1: requests, payloads, logs, metrics, spans") { database in
      try database.execute(sql: requests)
      try database.execute(sql: openTelemetry)
      try database.execute(sql: bookkeeping)
    }
    migrator.registerMigration("2: summaries of requests") { try $0.execute(sql: summaries) }
    migrator.registerMigration("3: why requests were refused") { database in
      try database.execute(sql: "ALTER TABLE requests ADD COLUMN refusal TEXT")
    }
    return migrator
  }

  // The columns that only repeat others in OpenTelemetry's form are computed when they are read. Each request is written,
  // and few are looked up: an index by ID or by version would double the cost of each, and save a second or less of a
  // query over a day of them.
  private static let requests = """
    CREATE TABLE requests (
      record_id INTEGER PRIMARY KEY, request_id TEXT NOT NULL, time INTEGER NOT NULL, principal TEXT, endpoint TEXT,
      entity TEXT, model_version TEXT, replica TEXT, route TEXT, status INTEGER, error_code TEXT, error TEXT,
      queue_ms REAL, ttft_ms REAL, latency_ms REAL, itl_ms REAL, tokens_in INTEGER, tokens_out INTEGER,
      streamed INTEGER, finish_reason TEXT, cold_start INTEGER, attempts INTEGER, bytes_in INTEGER, bytes_out INTEGER,
      metadata TEXT);
    CREATE INDEX requests_by_time ON requests (time);
    CREATE INDEX requests_by_endpoint ON requests (endpoint, time);
    CREATE TABLE payloads (
      record_id INTEGER PRIMARY KEY, request_id TEXT NOT NULL, time INTEGER NOT NULL, endpoint TEXT,
      model_version TEXT, request TEXT, response TEXT, truncated INTEGER);
    CREATE INDEX payloads_by_id ON payloads (request_id);
    CREATE INDEX payloads_by_time ON payloads (time);
    """

  private static let computed = """
    service_name TEXT GENERATED ALWAYS AS (endpoint) VIRTUAL,
      date TEXT GENERATED ALWAYS AS (date(time / 1000, 'unixepoch')) VIRTUAL,
      resource TEXT GENERATED ALWAYS AS (json_object('service.name', endpoint, 'service.version', model_version,
        'service.instance.id', replica, 'setpoint.entity', entity, 'setpoint.model', model)) VIRTUAL,
      instrumentation_scope TEXT GENERATED ALWAYS AS ('{"name":"setpoint"}') VIRTUAL
    """

  private static let openTelemetry = """
    CREATE TABLE otel_logs (
      record_id INTEGER PRIMARY KEY, time INTEGER NOT NULL, endpoint TEXT, entity TEXT, model TEXT,
      model_version TEXT, replica TEXT, time_unix_nano INTEGER, observed_time_unix_nano INTEGER,
      severity_number INTEGER, severity_text TEXT, body TEXT, event_name TEXT, trace_id TEXT, span_id TEXT,
      attributes TEXT, \(computed));
    CREATE INDEX otel_logs_by_time ON otel_logs (time);
    CREATE INDEX otel_logs_by_endpoint ON otel_logs (endpoint, time);
    CREATE TABLE otel_metrics (
      record_id INTEGER PRIMARY KEY, time INTEGER NOT NULL, endpoint TEXT, entity TEXT, model TEXT,
      model_version TEXT, replica TEXT, name TEXT NOT NULL, description TEXT, unit TEXT, metric_type TEXT NOT NULL,
      start_time_unix_nano INTEGER, time_unix_nano INTEGER, until_unix_nano INTEGER, value REAL, is_monotonic INTEGER,
      histogram TEXT, attributes TEXT,
      gauge TEXT GENERATED ALWAYS AS (CASE metric_type WHEN 'GAUGE' THEN json_object('value', value) END) VIRTUAL,
      sum TEXT GENERATED ALWAYS AS (CASE metric_type WHEN 'SUM' THEN json_object('value', value,
        'aggregation_temporality', 'CUMULATIVE',
        'is_monotonic', json(CASE WHEN is_monotonic THEN 'true' ELSE 'false' END)) END) VIRTUAL,
      \(computed));
    CREATE INDEX otel_metrics_by_time ON otel_metrics (time);
    CREATE INDEX otel_metrics_by_endpoint ON otel_metrics (endpoint, name, time);
    CREATE TABLE otel_spans (
      record_id INTEGER PRIMARY KEY, time INTEGER NOT NULL, endpoint TEXT, entity TEXT, model TEXT,
      model_version TEXT, replica TEXT, trace_id TEXT NOT NULL, span_id TEXT NOT NULL, parent_span_id TEXT, name TEXT,
      kind TEXT, start_time_unix_nano INTEGER, end_time_unix_nano INTEGER, attributes TEXT, status TEXT,
      \(computed));
    CREATE INDEX otel_spans_by_trace ON otel_spans (trace_id);
    CREATE INDEX otel_spans_by_time ON otel_spans (time);
    """

  private static let bookkeeping = """
    -- Rows that were lost, by minute.
    CREATE TABLE telemetry_dropped (
      time INTEGER NOT NULL, table_name TEXT NOT NULL, cause TEXT NOT NULL, rows INTEGER NOT NULL,
      PRIMARY KEY (time, table_name, cause)) WITHOUT ROWID;
    -- Written and dropped rows of each process whose counters file may still exist.
    CREATE TABLE telemetry_process (
      process TEXT NOT NULL, table_name TEXT NOT NULL, rows INTEGER NOT NULL, PRIMARY KEY (process, table_name)
      ) WITHOUT ROWID;
    -- Up to where the output of each replica is in otel_logs.
    CREATE TABLE telemetry_log_position (
      replica TEXT PRIMARY KEY, inode INTEGER NOT NULL, position INTEGER NOT NULL, time INTEGER NOT NULL
      ) WITHOUT ROWID;
    """

  // What figures over time are drawn from; `step` is the length of the span in milliseconds.
  private static let summaries = """
    CREATE TABLE telemetry_summary (
      endpoint TEXT NOT NULL, step INTEGER NOT NULL, time INTEGER NOT NULL, model_version TEXT NOT NULL,
      summary BLOB NOT NULL, PRIMARY KEY (endpoint, step, time, model_version)) WITHOUT ROWID;
    CREATE INDEX telemetry_summary_by_time ON telemetry_summary (time);
    """
}
