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
  private let log: Logger
  private let now: @Sendable () -> Int64
  /// By the endpoint's ID.
  private let figures = Mutex<[String: [ReplicaFigures]]>([:])
  /// A slow disk keeps the task that writes, but nobody else.
  private let flushes: AsyncStream<Void>
  private let flushSignal: AsyncStream<Void>.Continuation
  private let flushed = Latch()

  /// - Parameters:
  ///   - store: nil to record nothing.
  ///   - now: nanoseconds since 1970.
  init(store: TelemetryStore?, log: Logger, now: @escaping @Sendable () -> Int64 = PlaneTelemetry.wallClock) {
    self.store = store
    self.log = log
    self.now = now
    (flushes, flushSignal) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
  }

  /// Opens the store of a plane. One that cannot be used never keeps a plane from serving.
  static func open(_ settings: PlaneConfiguration, log: Logger) async -> PlaneTelemetry {
    guard settings.telemetry.isOn else { return PlaneTelemetry(store: nil, log: log) }
    let (path, options) = (settings.telemetryPath, settings.telemetry)
    do {
      let store = try await BlockingWork.brief.run { () throws -> TelemetryStore in
        try TelemetryStore(
          path: path, retention: options.retention, maximumSize: options.maximumSize,
          report: { log.warning("\($0)", metadata: ["file": "\(path)"]) }, now: Self.wallClock)
      }
      if let remark = store.remark { log.warning("telemetry: \(remark)", metadata: ["file": "\(path)"]) }
      return PlaneTelemetry(store: store, log: log)
    } catch {
      log.error(
        "telemetry is not recorded: its file cannot be used; move it away, or free its disk, and restart the plane",
        metadata: ["file": "\(path)", "error": "\(error)"])
      return PlaneTelemetry(store: nil, log: log)
    }
  }

  /// Records a request. Returns at once.
  func record(_ record: RequestRecord) {
    log.debug(
      "request",
      metadata: [
        "endpoint": "\(record.endpoint ?? "-")", "id": "\(record.requestID)",
        "principal": "\(record.principal ?? "-")", "status": "\(record.status)",
      ])
    guard let store else { return }
    for row in RequestRows(record, end: now()).all { store.add(row) }
  }

  /// Records what the ready replicas report about themselves, in place of what they reported before.
  ///
  /// - Parameter figures: by the endpoint's ID.
  func note(_ figures: [String: [ReplicaFigures]]) {
    self.figures.withLock { $0 = figures }
    guard let store else { return }
    for replica in figures.values.joined() {
      for row in replica.rows { store.add(.metric(row)) }
    }
  }

  /// What the ready replicas of an endpoint last reported about themselves; empty until the first report.
  ///
  /// - Parameter endpoint: its ID, not its name.
  func latest(of endpoint: String) -> [ReplicaFigures] { figures.withLock { $0[endpoint] ?? [] } }

  /// Writes what was recorded so far, and waits for it for at most `limit`. To be called once, while ``run(_:)`` runs.
  func flush(within limit: Duration) async {
    guard store != nil else { return }
    flushSignal.yield()
    await flushed.wait(atMost: limit)
  }

  /// Writes to the store until the task is canceled.
  func run(_ views: TelemetryViewChanges) async {
    guard let store else { return }
    await withDiscardingTaskGroup { group in
      group.addTask { await store.run() }
      group.addTask { for await tables in views.changes { await store.setViews(tables) } }
      group.addTask { [flushes, flushed] in
        for await _ in flushes {
          await store.flush()
          flushed.turnOn()
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
