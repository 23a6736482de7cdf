import Endpoints
import Glibc
import Telemetry

/// Reads what the replicas write, as it is written, into the table of logs. Each line is read once, also across restarts
/// of the plane: the store keeps how far each replica's output was read.
actor LogCollector {
  private let backend: any ReplicaBackend
  private let store: TelemetryStore
  /// The replicas to read.
  private let listReplicas: @Sendable () async -> [CollectedReplica]
  /// The secrets of a replica.
  private let redaction: @Sendable (LaunchConfig) async -> Redaction
  /// Nanoseconds since 1970.
  private let now: @Sendable () -> Int64
  /// The difference between local time and UTC at a time, in seconds.
  private let zone: @Sendable (_ time: Int64) -> Int64
  /// By the replica's ID.
  private var tails: [String: ReplicaTail] = [:]
  /// Ended replicas whose output has been read completely.
  private var finished: Set<String> = []

  /// How many reads of one replica follow each other before the next one's turn: a replica that prints without end must
  /// not take the processor from the requests.
  private static let readsPerTurn = 4
  /// The same for the last lines of a replica, whose output is then removed.
  private static let lastReads = 64

  init(
    backend: any ReplicaBackend, store: TelemetryStore, replicas: @escaping @Sendable () async -> [CollectedReplica],
    redaction: @escaping @Sendable (LaunchConfig) async -> Redaction, now: @escaping @Sendable () -> Int64,
    zone: @escaping @Sendable (_ time: Int64) -> Int64 = LogCollector.localZone
  ) {
    self.backend = backend
    self.store = store
    listReplicas = replicas
    self.redaction = redaction
    self.now = now
    self.zone = zone
  }

  /// Reads what is new at every replica. They do not wait for each other's disk.
  func collect() async {
    let replicas = await listReplicas()
    let known = Set(replicas.map(\.id))
    tails = tails.filter { known.contains($0.key) }
    finished.formIntersection(known)
    await withDiscardingTaskGroup { group in
      for replica in replicas where !finished.contains(replica.id) {
        group.addTask { await self.read(replica) }
      }
    }
  }

  /// Reads the rest of an ended replica's output, before it is removed.
  func finish(_ replica: CollectedReplica) async {
    guard !finished.contains(replica.id) else { return }
    await tail(of: replica).read(replica, reads: Self.lastReads, mayWait: false)
    finished.insert(replica.id)
    tails[replica.id] = nil
  }

  private func read(_ replica: CollectedReplica) async {
    // It may have been removed since the list was made.
    guard !finished.contains(replica.id) else { return }
    let isComplete = await tail(of: replica).read(replica, reads: Self.readsPerTurn, mayWait: true)
    guard replica.record.ended != nil, isComplete else { return }
    finished.insert(replica.id)
    tails[replica.id] = nil
  }

  private func tail(of replica: CollectedReplica) -> ReplicaTail {
    if let tail = tails[replica.id] { return tail }
    let tail = ReplicaTail(
      backend: backend, store: store, findSecrets: { [redaction] in await redaction(replica.record.launch) },
      now: now, zone: zone)
    tails[replica.id] = tail
    return tail
  }

  /// The offset of this machine's time zone.
  static let localZone: @Sendable (Int64) -> Int64 = { time in
    var (seconds, local) = (time_t(time / 1_000_000_000), tm())
    return localtime_r(&seconds, &local) == nil ? 0 : Int64(local.tm_gmtoff)
  }
}
