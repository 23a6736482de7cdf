/// A replica that runs as a group of processes of this machine.
struct ProcessReplica: RunningReplica {
  private let start: ProcessHandle
  private let group: ReplicaGroup
  private let listeners: ListenerWatch
  private let exitRecord = ExitRecord()
  /// The files under `/dev/shm` with which it was ever seen: after its death their owner is unknown.
  private let sharedMemory = SharedMemoryRecord()

  /// - Parameters:
  ///   - handle: identifies its files.
  ///   - group: its processes.
  init(_ handle: ProcessHandle, group: ReplicaGroup, listeners: ListenerWatch) {
    start = handle
    self.group = group
    self.listeners = listeners
    sharedMemory.record(handle.sharedMemory)
  }

  var handle: ReplicaHandle {
    var current = start
    current.process = group.leader
    current.sharedMemory = sharedMemory.files
    return current.stored
  }

  func refresh() async -> Bool {
    let files = await BlockingWork.brief.run { group.sharedMemory() }
    return sharedMemory.record(files)
  }

  func exit() async -> ProcessExit? {
    if let exit = exitRecord.collect(group.leader.pid) { return exit }
    if ProcessTable.isAlive(group.leader) { return nil }
    return exitRecord.collect(group.leader.pid) ?? ProcessExit.unknown
  }

  func violation(at stage: ReplicaStage) async -> ReplicaFailure? { await listeners.finding(group, at: stage) }

  func limitLog() async {
    await BlockingWork.brief.run { OutputFile(start.outputPath).rotate() }
  }

  /// SIGTERM ends an idle vLLM cleanly and freezes a busy one.
  func terminate() async { group.signalLeader(15) }

  func end() async {
    sharedMemory.record(await group.end())
    exitRecord.collect(group.leader.pid)
    await BlockingWork.brief.run {
      ReplicaLeftovers.remove(temporary: start.temporary, sharedMemory: sharedMemory.files)
    }
  }
}
