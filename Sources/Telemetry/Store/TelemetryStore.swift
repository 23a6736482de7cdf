package import GRDB
internal import LibCrypto
internal import Storage
internal import Synchronization

#if canImport(Darwin)
  internal import Darwin
#else
  internal import Glibc
#endif

/// The telemetry of a plane, in a SQLite file of its own.
///
/// Rows are added without waiting and written in batches by ``run()``. What cannot be written is dropped and counted;
/// nothing here ever delays or fails a request. Several processes may have the file open at once, as during a takeover.
package final class TelemetryStore: TelemetrySink, Sendable {
  /// What happened to the file when it was opened, for the log; nil if it was usable as it was.
  package let remark: String?

  let writer: TelemetryWriter
  let buffer: TelemetryBuffer
  let pruner: TelemetryPruner
  let now: @Sendable () -> Int64
  let report: @Sendable (String) -> Void
  /// When drops were last reported, in nanoseconds since 1970, and how many there were then.
  let reported = Mutex<(time: Int64, dropped: Int)>((time: 0, dropped: 0))
  /// For statements of users.
  private let readers: QueryReaders
  /// For fixed queries whose time depends on the number of rows.
  private let fixedReaders: QueryReaders
  /// For what is read in no time, and must never wait.
  let reader: DatabaseQueue
  /// Holds the lock on the process's counters.
  private let counterFile: CountersFile?

  /// Opens the file, creates it, or migrates one of an earlier version. A damaged file is moved aside
  /// (`telemetry.sqlite.damaged-N`), and a new one begun; ``remark`` says so. The rows that ended processes had accepted
  /// and not written are recorded as dropped.
  ///
  /// - Parameters:
  ///   - path: `DIR/telemetry.sqlite`.
  ///   - maximumSize: bytes of the file with SQLite's log. The oldest rows are removed before it gets larger.
  ///   - busyTimeout: how long a batch waits while another process has locked the file.
  ///   - report: gets a sentence for the log when rows were dropped, at most once a minute.
  ///   - now: nanoseconds since 1970.
  /// - Throws: ``StorageError`` if a newer version wrote the file, or if it cannot be opened. Serving goes on then.
  package init(
    path: String, retention: TelemetryRetention, maximumSize: Int64, busyTimeout: Duration = .seconds(5),
    report: @escaping @Sendable (String) -> Void = { _ in }, now: @escaping @Sendable () -> Int64
  ) throws {
    let place = StoragePlace(path: path, option: "--data DIR", loss: "recorded telemetry is lost then")
    let configuration = Self.configuration(maximumSize, busyTimeout)
    let file = DatabaseFile(place, TelemetrySchema.migrator, configuration: configuration, keepsOld: false)
    let (database, moved) = try Self.open(file, path)
    let (lost, unsettled) = try Self.settle(database, path, now() / 1_000_000)
    let (counterFile, uncounted) = Self.counters(path)
    self.counterFile = counterFile
    buffer = TelemetryBuffer(maximumRows: 20_000, maximumBytes: 64 << 20, file: counterFile, lost: lost)
    writer = TelemetryWriter(database, buffer, process: counterFile?.process, now: now)
    pruner = TelemetryPruner(retention: retention, maximumSize: maximumSize)
    readers = try QueryReaders(path: path, connections: 2, bounded: true)
    fixedReaders = try QueryReaders(path: path, connections: 4, bounded: false)
    reader = try DatabaseQueue(path: path, configuration: QueryReaders.configuration(bounded: false))
    self.now = now
    self.report = report
    let rows = lost.values.reduce(0, +)
    let remarks = [
      moved, rows > 0 ? "\(rows) telemetry rows were lost when the previous plane ended" : nil, unsettled, uncounted,
    ]
    let words = remarks.compactMap { $0 }
    remark = words.isEmpty ? nil : words.joined(separator: "; ")
  }

  package func add(_ row: TelemetryRow) { buffer.add(.row(row)) }

  /// Counts a row that was lost before it could be added.
  package func drop(_ table: TelemetryTable, _ cause: TelemetryDropCause) { buffer.drop(table, cause) }

  /// Adds lines of a replica's log. They are written in one transaction with the position after the last of them.
  package func add(_ lines: [LogRow], of replica: String, upTo position: LogPosition) {
    buffer.add(.lines(lines, replica: replica, position: position))
  }

  /// What became of the rows.
  package var counters: TelemetryCounters { buffer.counters }

  /// Returns when all rows that were added before the call are written, or dropped and counted.
  package func flush() async { await writer.writeAll() }

  /// Up to where a replica's log is in the store; nil if nothing of it is.
  package func position(ofLog replica: String) async -> LogPosition? {
    try? await reader.read { try $0.position(ofLog: replica) }
  }

  /// Runs a statement of a user's, which may only read.
  ///
  /// - Parameters:
  ///   - limit: the maximum number of rows.
  ///   - maximumBytes: about the most bytes of all values together.
  ///   - timeout: after this time, the statement is stopped.
  package func query(
    _ statement: String, limit: Int, maximumBytes: Int = 32 << 20, timeout: Duration
  ) async throws(SQLError) -> SQLResult {
    try SQLText(statement).check()
    return try await readers.run(
      SQLQuery(statement: statement, limit: limit, maximumBytes: maximumBytes, timeout: timeout))
  }

  /// Runs fixed queries, on a connection that users' queries do not keep busy. A few run at once, so that a slow one does
  /// not hold up the others.
  ///
  /// - Parameter timeout: after this time, they are stopped.
  /// - Throws: ``SQLError`` if too many queries wait or the time was too short.
  package func read<Value: Sendable>(
    within timeout: Duration = .seconds(60), _ body: @escaping @Sendable (Database) throws -> Value
  ) async throws -> Value {
    try await fixedReaders.run(within: QueryDeadline(timeout: timeout, advice: "ask for a shorter period"), body)
  }

  /// Creates views with the names that manifests have for telemetry tables, such as `main.logs.support_otel_logs`, whose
  /// view is `support_otel_logs`, and removes views of other names. A failure is reported.
  ///
  /// - Parameter tables: the names by endpoint and kind of rows.
  package func setViews(_ tables: [String: [TelemetryTable: String]]) async {
    let views = TelemetryViews(tables)
    let report = self.report
    await writer.perform { database in
      do { try views.apply(to: database) } catch { report("cannot create the views of the telemetry tables: \(error)") }
    }
  }

  // MARK: Opening

  private static func configuration(_ maximumSize: Int64, _ busyTimeout: Duration) -> Configuration {
    var configuration = Configuration()
    let (seconds, attoseconds) = busyTimeout.components
    configuration.busyMode = .timeout(Double(seconds) + Double(attoseconds) / 1e18)
    // SQLite refuses to exceed this, if rows come faster than old ones are removed.
    let pages = max(128, maximumSize / 4096)
    configuration.prepareDatabase { database in
      // Has an effect only in a new file: removed rows then make it smaller.
      try database.execute(sql: "PRAGMA auto_vacuum = INCREMENTAL")
      try database.execute(sql: "PRAGMA max_page_count = \(pages); PRAGMA journal_size_limit = 16777216")
    }
    return configuration
  }

  private static func open(_ file: DatabaseFile, _ path: String) throws -> (DatabaseQueue, String?) {
    do throws(StorageError) {
      return (try file.open(), nil)
    } catch {
      guard error.kind == .damaged else { throw error }
      var number = 1
      while access("\(path).damaged-\(number)", F_OK) == 0 { number += 1 }
      let aside = "\(path).damaged-\(number)"
      guard rename(path, aside) == 0 else { throw error }
      for suffix in ["-wal", "-shm"] { rename(path + suffix, aside + suffix) }
      return (try file.open(), "\(error.message.split(separator: ";").first ?? ""); it was moved to \(aside)")
    }
  }

  /// Accounts for the rows of processes that have ended.
  private static func settle(
    _ database: DatabaseQueue, _ path: String, _ time: Int64
  ) throws -> ([TelemetryTable: Int], String?) {
    var lost: [TelemetryTable: Int] = [:]
    for dead in CountersFile.ofDeadProcesses(beside: path) {
      do {
        let rest = try database.write { try $0.settle(dead, time) }
        dead.remove()
        lost.merge(rest, uniquingKeysWith: +)
      } catch {
        // Its file stays for the next start.
        return (lost, "the rows that were lost with the previous plane are not counted: \(error)")
      }
    }
    return (lost, nil)
  }

  private static func counters(_ path: String) -> (CountersFile?, String?) {
    do {
      let name = "\(getpid())-\(Hexadecimal.encode(try SecureRandom.bytes(count: 6)))"
      return (try CountersFile(beside: path, process: name), nil)
    } catch {
      return (nil, "rows that are lost when the plane is killed are not counted: \(error)")
    }
  }
}
