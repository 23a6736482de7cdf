import FoundationEssentials
import Gateway
import Glibc
import LibCurl
import Telemetry

/// Runs replicas as processes of this machine, each with a port on the loopback address and a directory of its own.
///
/// They outlive the plane. They are identified by the mark in their environment, which names the plane and the replica,
/// and by the start time of their server: a process ID alone may have been reused.
struct ProcessBackend: ReplicaBackend {
  /// The data directory's ID.
  let planeID: String
  let launcher: ReplicaLauncher
  let settings: PlaneConfiguration
  /// For requests to the sockets on which a replica listens. Must ignore the environment's proxy.
  let client: HTTPClient

  var accelerators: Accelerators { launcher.accelerators }

  func place(
    _ id: String, _ launch: LaunchConfig, _ version: ModelVersion?, beside others: [ReplicaRecord]
  ) async -> ReplicaPlacement {
    let port = ReplicaPort.free(besides: Set(others.map(\.port)), from: Int.random(in: ReplicaPort.range))
    let devices = accelerators.devices(for: launch.workloadType, inUse: others.flatMap(\.devices))
    let directory = directory(of: id)
    let handle = ProcessHandle(
      directory: directory, temporary: settings.temporaryDirectory(of: id),
      workingDirectory: version?.artifacts ?? directory)
    return ReplicaPlacement(
      address: .tcp(host: "127.0.0.1", port: port ?? 0), devices: devices ?? [], handle: handle.stored)
  }

  func start(_ record: ReplicaRecord, _ model: ReplicaModel) async throws(ReplicaFailure) -> any RunningReplica {
    try await BlockingWork.brief.run { () throws(ReplicaFailure) -> any RunningReplica in
      guard let handle = ProcessHandle(record.handle) else { throw Self.foreign }
      do throws(ReplicaFailure) {
        return replica(record, handle, try launch(record, handle, model))
      } catch {
        ReplicaLeftovers.remove(temporary: handle.temporary, sharedMemory: [])
        throw error
      }
    }
  }

  private func launch(
    _ record: ReplicaRecord, _ handle: ProcessHandle, _ model: ReplicaModel
  ) throws(ReplicaFailure) -> ProcessTable.Identity {
    guard record.port != 0 else { throw .ofMachine("no port is free for the replica", code: "port-in-use") }
    guard record.devices.count == accelerators.places(for: record.launch.workloadType) else {
      throw .ofMachine("too few GPUs are free for a replica of \(record.launch.workloadType)")
    }
    let prepared = try launcher.prepare(record, handle, model, mark: mark(of: record.id))
    return try launcher.start(prepared, handle)
  }

  func find(_ records: [ReplicaRecord]) async -> [String: any RunningReplica] {
    await BlockingWork.brief.run { () -> [String: any RunningReplica] in
      let marked = markedProcesses()
      var running: [String: any RunningReplica] = [:]
      for record in records {
        guard var handle = ProcessHandle(record.handle) else { continue }
        // A plane killed right after the start had no time to record the process.
        if handle.process == nil {
          handle.process = marked[record.id]?.first { $0.identity.pid == $0.session }?.identity
        }
        guard let process = handle.process, isOurs(process, record.id, handle) else { continue }
        running[record.id] = replica(record, handle, process)
      }
      return running
    }
  }

  func end(_ record: ReplicaRecord) async {
    guard let handle = ProcessHandle(record.handle) else { return }
    var files = handle.sharedMemory
    if let process = handle.process {
      files.formUnion(await group(record.id, handle, process).end(rounds: Self.patience))
    }
    let found = files
    await BlockingWork.brief.run { ReplicaLeftovers.remove(temporary: handle.temporary, sharedMemory: found) }
  }

  /// Rounds of at most two seconds each. A process that hangs in a driver cannot be killed and is not waited for.
  private static let patience = 2

  func sweep(keeping known: Set<String>) async -> Int {
    let orphans = await BlockingWork.brief.run { markedProcesses() }.filter { !known.contains($0.key) }
    for (replica, processes) in orphans {
      for process in processes { _ = Glibc.kill(process.identity.pid, SIGSTOP) }
      let files = processes.reduce(into: Set()) { $0.formUnion(ProcessTable.sharedMemoryFiles($1.identity.pid)) }
      for process in processes { _ = Glibc.kill(process.identity.pid, SIGKILL) }
      await ProcessTable.waitForEnd(of: processes.map(\.identity))
      let folder = settings.temporaryDirectory(of: replica)
      await BlockingWork.brief.run { ReplicaLeftovers.remove(temporary: folder, sharedMemory: files) }
    }
    return orphans.values.reduce(0) { $0 + $1.count }
  }

  func log(of record: ReplicaRecord, _ part: ReplicaLogPart) async -> String {
    guard let handle = ProcessHandle(record.handle) else { return "" }
    let output = OutputFile(handle.outputPath)
    return await BlockingWork.brief.run { (part == .start ? output.start() : nil) ?? output.end() }
  }

  func newOutput(of record: ReplicaRecord, after position: LogPosition?) async -> ReplicaOutput? {
    guard let handle = ProcessHandle(record.handle) else { return nil }
    let (output, isOver) = (OutputFile(handle.outputPath), record.ended != nil)
    return await BlockingWork.brief.run { output.lines(after: position, isOver: isOver) }
  }

  func removeLog(of id: String, _ handle: ReplicaHandle?) async {
    let folder = handle.flatMap { ProcessHandle($0) }?.directory ?? directory(of: id)
    await BlockingWork.brief.run { _ = try? FileManager.default.removeItem(atPath: folder) }
  }

  // MARK: Inside

  /// The failure of a replica whose record another backend has written.
  private static let foreign = ReplicaFailure("the replica's record does not describe a process of this machine")

  private func directory(of id: String) -> String { settings.replicasPath + "/" + id }

  private func mark(of id: String) -> ReplicaMark { ReplicaMark(plane: planeID, replica: id) }

  private func group(_ id: String, _ handle: ProcessHandle, _ leader: ProcessTable.Identity) -> ReplicaGroup {
    ReplicaGroup(mark: mark(of: id), leader: leader, workingDirectory: handle.workingDirectory)
  }

  private func replica(
    _ record: ReplicaRecord, _ handle: ProcessHandle, _ leader: ProcessTable.Identity
  ) -> ProcessReplica {
    ProcessReplica(
      handle, group: group(record.id, handle, leader), listeners: ListenerWatch(port: record.port, client: client))
  }

  /// Compares process ID, start time and mark: the ID alone may have been reused.
  private func isOurs(_ process: ProcessTable.Identity, _ id: String, _ handle: ProcessHandle) -> Bool {
    ProcessTable.isAlive(process) && mark(of: id).isBorne(by: process.pid, in: handle.workingDirectory)
  }

  private func markedProcesses() -> [String: [ProcessTable.Entry]] {
    var marked: [String: [ProcessTable.Entry]] = [:]
    for entry in ProcessTable.all() ?? [] where !entry.isDead {
      guard let mark = ProcessTable.mark(entry.identity.pid), mark.plane == planeID else { continue }
      marked[mark.replica, default: []].append(entry)
    }
    return marked
  }
}
