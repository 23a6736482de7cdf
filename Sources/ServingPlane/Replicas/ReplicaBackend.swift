import CanonicalJSON
import Gateway
import Telemetry

/// What replicas run on: the processes of this machine (``ProcessBackend``), or anything else in which a server can be
/// started, found again and stopped.
///
/// A backend acts and answers; it decides nothing. ``Scheduling/ReplicaPlanner`` decides how many replicas there are,
/// ``ReplicaLifecycle`` when one of them has failed, and ``ReplicaProbe`` requests tokens from it at its address. A
/// backend is always queried for the current state, so no event can be lost while no plane runs.
protocol ReplicaBackend: Sendable {
  /// The accelerators among which it places replicas.
  var accelerators: Accelerators { get }

  /// Chooses where a replica will run. Starts nothing.
  ///
  /// - Parameters:
  ///   - version: its model version; nil if that cannot be read now.
  ///   - others: the replicas that have not ended.
  func place(
    _ id: String, _ launch: LaunchConfig, _ version: ModelVersion?, beside others: [ReplicaRecord]
  ) async -> ReplicaPlacement

  /// Starts a replica. Its record must already be in the store.
  ///
  /// - Throws: `ReplicaFailure` with the reason; nothing of the replica is then left.
  func start(_ record: ReplicaRecord, _ model: ReplicaModel) async throws(ReplicaFailure) -> any RunningReplica

  /// The replicas among these that run, by ID. Changes nothing.
  func find(_ records: [ReplicaRecord]) async -> [String: any RunningReplica]

  /// Ends a replica at once, whether or not it runs, and removes everything of it except its log. Returns after a few
  /// seconds in any case: one that hangs must not keep a plane from starting or stopping.
  func end(_ record: ReplicaRecord) async

  /// Ends what this plane once started and has no record of any more.
  ///
  /// - Parameter known: the IDs of the replicas to keep.
  /// - Returns: the number of processes, or of other units, that were ended.
  func sweep(keeping known: Set<String>) async -> Int

  /// A part of a replica's log, whether or not it still runs; empty if there is none.
  func log(of record: ReplicaRecord, _ part: ReplicaLogPart) async -> String

  /// The lines that a replica has written since a position, as many as one read takes; nil if there are none.
  ///
  /// - Parameter position: where the previous read ended; nil to begin with the oldest line.
  func newOutput(of record: ReplicaRecord, after position: LogPosition?) async -> ReplicaOutput?

  /// Removes the log of an ended replica.
  ///
  /// - Parameter handle: nil if the replica's record is damaged.
  func removeLog(of id: String, _ handle: ReplicaHandle?) async
}

/// What a replica serves.
struct ReplicaModel: Hashable, Sendable {
  let version: ModelVersion
  /// The LoRA adapters that it serves beside the version.
  var adapters: [LoadedAdapter] = []
}

/// A replica that a backend has started or found, for as long as this plane supervises it.
protocol RunningReplica: Sendable {
  /// What the next plane needs to find it, as far as known.
  var handle: ReplicaHandle { get }

  /// Updates the handle; returns whether it has changed.
  func refresh() async -> Bool

  /// How it ended; nil while it runs. Returns at once, and every time the same once it has ended.
  func exit() async -> ProcessExit?

  /// Why it must not continue to run, such as a server that anyone can reach; nil if it may.
  ///
  /// - Parameter stage: how far it has come.
  func violation(at stage: ReplicaStage) async -> ReplicaFailure?

  /// Keeps its log from growing without limit.
  func limitLog() async

  /// Asks it to shut down in an orderly way. Returns at once.
  func terminate() async

  /// Ends whatever is left of it, and removes everything of it except its log. Returns when its accelerators and its
  /// memory are free, or when the task is canceled.
  func end() async
}

/// Where a replica will run.
struct ReplicaPlacement: Hashable, Sendable {
  /// Where it will answer. Known before it starts, since it is recorded before it starts.
  let address: UpstreamAddress
  /// The accelerators assigned to it; fewer than its launch needs if too few are free, and it will then not start.
  let devices: [Int]
  let handle: ReplicaHandle
}

/// What a backend needs to find a replica again: members of the replica's record in the store. Only the backend that
/// wrote them reads them.
struct ReplicaHandle: Hashable, Sendable {
  var members: [String: JSONValue] = [:]
}

/// A part of a replica's log.
enum ReplicaLogPart: Hashable, Sendable {
  /// The last lines.
  case end
  /// The lines up to the one in which the server reported its start; the last lines if those are no longer kept.
  case start
}

/// Lines of a replica's log.
struct ReplicaOutput: Hashable, Sendable {
  /// Without line feeds. May be empty, if only a part of a long line was passed over.
  var lines: [String]
  /// Where the next read begins.
  var position: LogPosition
  /// Whether more can be read at once.
  var hasMore = false
}

/// How far a replica has come.
enum ReplicaStage: Hashable, Sendable {
  /// It has not answered yet.
  case starting
  /// It has answered at its address, and is ready unless something is wrong with it.
  case answered
  /// It was ready.
  case serving
}
