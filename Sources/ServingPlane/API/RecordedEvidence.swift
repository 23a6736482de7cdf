import GRDB
import ServingAPI
import Telemetry

/// What the telemetry store knows of an endpoint in a period, for a diagnosis. Everything is aggregated in SQL.
struct RecordedEvidence: Sendable {
  let endpoint: String
  /// Milliseconds since 1970.
  let since: Int64
  let now: Int64
  /// The principal who asks.
  let caller: String?
  /// Whether the caller may see log lines, error messages and the names of others.
  let isManager: Bool
  /// Whether the caller may see which unknown names anybody has sent requests to. They may be those of endpoints that it
  /// may not see, sent by callers who may not either.
  let seesUnrouted: Bool

  /// How much of a message is shown.
  private static let longestText = 500
  private static let mostGroups = 200

  /// Adds what is known. What the store does not know stays missing, and is named.
  func add(to evidence: inout WireEvidence, from store: TelemetryStore?) async {
    guard let store else {
      evidence.unknown =
        (evidence.unknown ?? []) + [
          "requests, logs and the engines' figures over time: this plane records no telemetry (serve --no-telemetry, or its "
            + "telemetry file cannot be used)"
        ]
      return
    }
    evidence.dropped = dropped(store.counters)
    do {
      let (requests, engines, lines) = try await store.read { database in
        (try self.requests(database), try self.engines(database), try self.lines(database))
      }
      evidence.requests = requests
      evidence.engines = engines
      evidence.lines = lines
    } catch {
      evidence.unknown =
        (evidence.unknown ?? []) + [
          "requests, logs and the engines' figures over time: the telemetry store cannot be read: \(error)"
        ]
    }
  }

  private func dropped(_ counters: TelemetryCounters) -> WireEvidenceDrops {
    var causes: [TelemetryDropCause: Int] = [:]
    for table in counters.dropped.values { causes.merge(table, uniquingKeysWith: +) }
    var drops = WireEvidenceDrops()
    drops.rows = Int64(counters.allDropped)
    drops.causes = causes.sorted { $0.key.rawValue < $1.key.rawValue }.map { "\($0.key.rawValue): \($0.value)" }
    if isManager { drops.lastFailure = counters.lastFailure?.message }
    return drops
  }

  // MARK: Requests

  private func requests(_ database: Database) throws -> WireEvidenceRequests {
    var requests = WireEvidenceRequests()
    requests.outcomes = try outcomes(database)
    let answered = "status < 400"
    requests.queue = try percentiles(of: "queue_ms", where: "\(answered) AND NOT cold_start", database)
    requests.coldStart = try percentiles(of: "queue_ms", where: "cold_start", database)
    // Only a stream shows when its first token came: a whole response has all of its time.
    requests.firstToken = try percentiles(of: "ttft_ms", where: "\(answered) AND streamed", database)
    requests.latency = try percentiles(of: "latency_ms", where: answered, database)
    requests.betweenTokens = try percentiles(of: "itl_ms", where: answered, database)
    requests.tokensIn = try percentiles(of: "tokens_in", where: answered, database)
    requests.tokensOut = try percentiles(of: "tokens_out", where: answered, database)
    requests.coldStarts = try Int64.fetchOne(
      database, sql: "SELECT count(*) FROM requests WHERE endpoint = ? AND time >= ? AND cold_start",
      arguments: [endpoint, since])
    requests.byVersion = try groups(by: "model_version", database)
    requests.byPrincipal = try groups(by: "principal", database).map { group in
      var group = group
      if !isManager, group.name != caller { group.name = nil }
      return group
    }
    requests.byReplica = try groups(by: "replica", database)
    if seesUnrouted { try addUnrouted(to: &requests, database) }
    return requests
  }

  private func outcomes(_ database: Database) throws -> [WireEvidenceOutcome] {
    let rows = try Row.fetchAll(
      database,
      sql: """
        SELECT status, error_code, refusal AS kind, count(*) AS requests, substr(max(error), 1, ?) AS example
        FROM requests WHERE endpoint = ? AND time >= ? GROUP BY 1, 2, 3 ORDER BY 4 DESC LIMIT 50
        """, arguments: [Self.longestText, endpoint, since])
    return try rows.map { row in
      var outcome = WireEvidenceOutcome()
      outcome.status = try row.decode(Int64.self, forColumn: "status")
      outcome.errorCode = try row.decode(String?.self, forColumn: "error_code")
      outcome.kind = try row.decode(String?.self, forColumn: "kind")
      outcome.count = try row.decode(Int64.self, forColumn: "requests")
      if isManager { outcome.example = try row.decode(String?.self, forColumn: "example") }
      return outcome
    }
  }

  /// - Parameters:
  ///   - column: one of the table's, as is the condition: neither comes from outside.
  private func percentiles(
    of column: String, where condition: String, _ database: Database
  ) throws -> WirePercentiles? {
    let row = try Row.fetchOne(
      database,
      sql: """
        SELECT min(CASE WHEN rank * 100 >= total * 50 THEN value END) AS p50,
          min(CASE WHEN rank * 100 >= total * 95 THEN value END) AS p95,
          min(CASE WHEN rank * 100 >= total * 99 THEN value END) AS p99
        FROM (
          SELECT \(column) AS value, row_number() OVER (ORDER BY \(column)) AS rank, count(*) OVER () AS total
          FROM requests WHERE endpoint = ? AND time >= ? AND \(column) IS NOT NULL AND \(condition))
        """, arguments: [endpoint, since])
    guard let row, let half = try row.decode(Double?.self, forColumn: "p50") else { return nil }
    var percentiles = WirePercentiles()
    percentiles.p50 = half
    percentiles.p95 = try row.decode(Double?.self, forColumn: "p95")
    percentiles.p99 = try row.decode(Double?.self, forColumn: "p99")
    return percentiles
  }

  private func groups(by column: String, _ database: Database) throws -> [WireEvidenceGroup] {
    let busy = "max(0, latency_ms - queue_ms)"
    let rows = try Row.fetchAll(
      database,
      sql: """
        SELECT \(column) AS name, count(*) AS requests, sum(status >= 400) AS failed,
          sum(CASE WHEN replica IS NOT NULL THEN \(busy) ELSE 0 END) AS busy,
          sum(coalesce(tokens_in, 0) + coalesce(tokens_out, 0)) AS tokens,
          avg(CASE WHEN status < 400 THEN \(busy) END) AS mean_busy
        FROM requests WHERE endpoint = ? AND time >= ? AND \(column) IS NOT NULL
        GROUP BY 1 ORDER BY busy DESC LIMIT ?
        """, arguments: [endpoint, since, Self.mostGroups])
    return try rows.map { row in
      var group = WireEvidenceGroup()
      group.name = try row.decode(String?.self, forColumn: "name")
      group.requests = try row.decode(Int64.self, forColumn: "requests")
      group.failed = try row.decode(Int64?.self, forColumn: "failed")
      group.busy = try row.decode(Double?.self, forColumn: "busy")
      group.tokens = try row.decode(Int64?.self, forColumn: "tokens")
      group.meanBusy = try row.decode(Double?.self, forColumn: "mean_busy")
      return group
    }
  }

  /// Requests for endpoints that do not exist. Their names are the first ones in the messages.
  private func addUnrouted(to requests: inout WireEvidenceRequests, _ database: Database) throws {
    let condition = "endpoint IS NULL AND time >= ? AND refusal = 'unknown_endpoint'"
    requests.unrouted = try Int64.fetchOne(
      database, sql: "SELECT count(*) FROM requests WHERE \(condition)", arguments: [since])
    let rows = try Row.fetchAll(
      database,
      sql: """
        SELECT substr(rest, 1, min(100, instr(rest, '"') - 1)) AS name
        FROM (SELECT substr(error, instr(error, '"') + 1) AS rest FROM requests WHERE \(condition))
        WHERE instr(rest, '"') > 1 GROUP BY 1 ORDER BY count(*) DESC LIMIT 3
        """, arguments: [since])
    requests.unroutedNames = try rows.compactMap { try $0.decode(String?.self, forColumn: "name") }
  }

  // MARK: Engines

  private func lines(_ database: Database) throws -> [WireEvidenceLine]? {
    guard isManager else { return nil }
    let rows = try Row.fetchAll(
      database,
      sql: """
        SELECT severity_number, substr(body, 1, ?) AS body, replica FROM otel_logs
        WHERE endpoint = ? AND time >= ? AND severity_number >= 13 ORDER BY time DESC, record_id DESC LIMIT 20
        """, arguments: [Self.longestText, endpoint, since])
    return try rows.map { row in
      var line = WireEvidenceLine()
      line.severity = try row.decode(Int64?.self, forColumn: "severity_number")
      line.text = try row.decode(String?.self, forColumn: "body")
      line.replica = try row.decode(String?.self, forColumn: "replica")
      return line
    }
  }

  /// A figure of an engine, by its names in several versions of vLLM.
  private static let figures: [String: String] = [
    "vllm:num_requests_running": "running", "vllm:num_requests_waiting": "waiting",
    "vllm:kv_cache_usage_perc": "cache", "vllm:gpu_cache_usage_perc": "cache",
    "vllm:num_preemptions_total": "preemptions", "vllm:num_preemptions": "preemptions",
    "vllm:prefix_cache_queries_total": "queries", "vllm:prefix_cache_queries": "queries",
    "vllm:gpu_prefix_cache_queries_total": "queries", "vllm:prefix_cache_hits_total": "hits",
    "vllm:prefix_cache_hits": "hits", "vllm:gpu_prefix_cache_hits_total": "hits",
  ]

  /// The number of rows before the period that are looked at for each figure: one for each series is enough.
  private static let mostEarlier = 256

  /// A row holds for as long as its value did not change, and a value for the 15 s until the next reading. The last rows
  /// before the period may hold in it; without their bound, the whole history would be read.
  private func engines(_ database: Database) throws -> [WireEvidenceEngine] {
    let names = Self.figures.keys.sorted().map { "'\($0)'" }
    let columns = "replica, name, attributes, value, time_unix_nano, until_unix_nano"
    let earlier = names.map {
      """
      SELECT * FROM (SELECT \(columns) FROM otel_metrics WHERE endpoint = ?2 AND name = \($0) AND time < ?3
        ORDER BY time DESC LIMIT \(Self.mostEarlier))
      """
    }
    let start = since * 1_000_000
    let rows = try Row.fetchAll(
      database,
      sql: """
        SELECT replica, name, sum(mean) AS mean, max(most) AS most, sum(most - least) AS growth
        FROM (
          SELECT replica, name, sum(value * seconds) / sum(seconds) AS mean, max(value) AS most, min(value) AS least
          FROM (
            SELECT replica, name, attributes, value,
              (max(until_unix_nano, time_unix_nano) - max(time_unix_nano, ?1)) / 1e9 + 15 AS seconds
            FROM (
              SELECT \(columns) FROM otel_metrics
                WHERE endpoint = ?2 AND name IN (\(names.joined(separator: ", "))) AND time >= ?3
              UNION ALL \(earlier.joined(separator: " UNION ALL ")))
            WHERE until_unix_nano >= ?1 AND replica IS NOT NULL AND value IS NOT NULL)
          GROUP BY replica, name, attributes)
        GROUP BY replica, name ORDER BY replica
        """, arguments: [start, endpoint, since])
    var engines: [String: WireEvidenceEngine] = [:]
    for row in rows {
      let replica = try row.decode(String.self, forColumn: "replica")
      var engine = engines[replica] ?? WireEvidenceEngine()
      engine.replica = replica
      let mean = try row.decode(Double?.self, forColumn: "mean")
      let most = try row.decode(Double?.self, forColumn: "most")
      let growth = try row.decode(Double?.self, forColumn: "growth")
      switch Self.figures[try row.decode(String.self, forColumn: "name")] {
      case "running":
        engine.runningMean = mean
        engine.runningMost = most
      case "waiting":
        engine.waitingMean = mean
        engine.waitingMost = most
      case "cache":
        engine.cacheMean = mean
        engine.cacheMost = most
      case "preemptions": engine.preemptions = growth
      case "queries": engine.prefixQueries = growth
      case "hits": engine.prefixHits = growth
      default: break
      }
      engines[replica] = engine
    }
    return engines.sorted { $0.key < $1.key }.map(\.value)
  }
}
