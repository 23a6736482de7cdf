import EventFlags
import Gateway
import Glibc
import Logging
import Synchronization
import Telemetry

/// The telemetry of a plane: its store, and the last figures of its replicas.
///
/// Never in the way of a request: whatever happens to the store, rows are dropped and counted instead.
final class PlaneTelemetry: Sendable {
  /// Nil if nothing is recorded.
  let store: TelemetryStore?
  /// Nil if nothing is exported.
  let exporter: OTLPExporter?
  /// What is counted of the requests, also if nothing is recorded.
  let metrics = PlaneMetrics()
  private let log: Logger
  private let now: @Sendable () -> Int64
  /// By the endpoint's ID.
  private let figures = Mutex<[String: [ReplicaFigures]]>([:])
  /// A slow disk keeps the task that writes, but nobody else.
  private let flushes: AsyncStream<Void>
  private let flushSignal: AsyncStream<Void>.Continuation
  private let flushed = EventFlag()
  private let traces = Mutex(TraceBudget())

  /// - Parameters:
  ///   - store: nil to record nothing.
  ///   - exporter: nil to export nothing.
  ///   - now: nanoseconds since 1970.
  init(
    store: TelemetryStore?, exporter: OTLPExporter? = nil, log: Logger,
    now: @escaping @Sendable () -> Int64 = PlaneTelemetry.wallClock
  ) {
    self.store = store
    self.exporter = exporter
    self.log = log
    self.now = now
    (flushes, flushSignal) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
  }

  /// Opens the store of a plane. One that cannot be used never keeps a plane from serving.
  static func open(_ settings: PlaneConfiguration, log: Logger) async -> PlaneTelemetry {
    let exporter = settings.telemetry.otlp.map { OTLPExporter($0, log: log) }
    guard settings.telemetry.isOn else { return PlaneTelemetry(store: nil, exporter: exporter, log: log) }
    let (path, options) = (settings.telemetryPath, settings.telemetry)
    do {
      let store = try await BlockingWork.brief.run { () throws -> TelemetryStore in
        try TelemetryStore(
          path: path, retention: options.retention, maximumSize: options.maximumSize,
          report: { log.warning("\($0)", metadata: ["file": "\(path)"]) }, now: Self.wallClock)
      }
      if let remark = store.remark { log.warning("telemetry: \(remark)", metadata: ["file": "\(path)"]) }
      return PlaneTelemetry(store: store, exporter: exporter, log: log)
    } catch {
      log.error(
        "telemetry is not recorded: its file cannot be used; move it away, or free some disk space, and restart the plane",
        metadata: ["file": "\(path)", "error": "\(error)"])
      return PlaneTelemetry(store: nil, exporter: exporter, log: log)
    }
  }

  /// Records a request. Returns at once. One without a valid token is counted and leaves no row: anybody can send any
  /// number of them.
  func record(_ record: RequestRecord) {
    log.debug(
      "request",
      metadata: [
        "endpoint": "\(record.endpoint ?? "-")", "id": "\(record.requestID)",
        "principal": "\(record.principal ?? "-")", "status": "\(record.status)",
      ])
    let end = now()
    let rows = RequestRows(record, end: end)
    metrics.count(rows.request, at: end)
    guard store != nil || exporter != nil, record.principal != nil else { return }
    let isTraced = traces.withLock { $0.admits(record.trace, at: end) }
    for row in rows.all(isTraced: isTraced) { add(row) }
    if record.hasLostPayload { store?.drop(.payloads, .bufferFull) }
  }

  private func add(_ row: TelemetryRow) {
    store?.add(row)
    exporter?.add(row)
  }

  /// Exports the metrics of all requests so far.
  func exportRequestMetrics() {
    guard let exporter else { return }
    for row in metrics.conventionalRows(at: now()) { exporter.add(.metric(row)) }
  }

  /// Records what the ready replicas report about themselves, in place of what they reported before.
  ///
  /// - Parameter figures: by the endpoint's ID.
  func note(_ figures: [String: [ReplicaFigures]]) {
    self.figures.withLock { $0 = figures }
    guard store != nil || exporter != nil else { return }
    for replica in figures.values.joined() {
      for row in replica.rows { add(.metric(row)) }
    }
  }

  /// What the ready replicas of an endpoint last reported about themselves; empty until the first report.
  ///
  /// - Parameter endpoint: its ID, not its name.
  func latest(of endpoint: String) -> [ReplicaFigures] { figures.withLock { $0[endpoint] ?? [] } }

  /// The same of all endpoints, in a stable order.
  var all: [ReplicaFigures] {
    let figures = figures.withLock { Array($0.values.joined()) }
    return figures.sorted {
      ($0.resource.endpoint, $0.resource.replica ?? "") < ($1.resource.endpoint, $1.resource.replica ?? "")
    }
  }

  /// Writes and exports what was recorded so far, and waits for it for at most `limit`. To be called once, while
  /// ``run(_:)`` runs.
  func flush(within limit: Duration) async {
    await withDiscardingTaskGroup { [exporter, store, flushSignal, flushed] group in
      if let exporter { group.addTask { await exporter.flush(within: limit) } }
      guard store != nil else { return }
      flushSignal.yield()
      group.addTask { await flushed.wait(atMost: limit) }
    }
  }

  /// Writes to the store, and exports, until the task is canceled.
  func run(_ views: TelemetryViewChanges) async {
    await withDiscardingTaskGroup { [exporter] group in
      if let exporter { group.addTask { await exporter.run() } }
      guard let store else { return }
      group.addTask { await store.run() }
      group.addTask { for await tables in views.changes { await store.setViews(tables) } }
      group.addTask { [flushes, flushed] in
        for await _ in flushes {
          await store.flush()
          flushed.set()
        }
      }
    }
  }

  /// Nanoseconds since 1970.
  static let wallClock: @Sendable () -> Int64 = {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}

/// The names that manifests give to the telemetry of endpoints. The plane's endpoints set them; the store makes views of
/// them.
struct TelemetryViewChanges: Sendable {
  /// By the endpoint's name and the table.
  typealias Tables = [String: [TelemetryTable: String]]

  /// The newest names that are not in effect yet.
  let changes: AsyncStream<Tables>
  private let change: AsyncStream<Tables>.Continuation

  init() { (changes, change) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

  /// Replaces all names. Returns at once.
  func set(_ tables: Tables) { change.yield(tables) }
}
