import Glibc

/// Finds the plane's replicas at its start: those that run and are needed, those that are gone, and those to end.
struct ReplicaAdoption: Sendable {
  /// The data directory's id.
  let planeID: String
  /// The replicas on record.
  let records: [ReplicaRecord]
  /// Leaves running replicas that are not needed alone: they may have requests of the previous plane.
  var sparesUnwanted = false
  /// The temporary directory of a replica, by its id.
  let temporary: @Sendable (String) -> String

  enum Finding: Sendable {
    /// It had already ended; its output may still be read.
    case past(ReplicaRecord)
    /// It runs and is needed. Its process is known.
    case adopt(ReplicaRecord)
    /// It runs and is not needed, but is left to be drained.
    case leaving(ReplicaRecord)
    /// It is needed but gone; nothing of it is left.
    case lost(ReplicaRecord)
    /// It is not needed; it was ended, and nothing of it is left.
    case swept(ReplicaRecord)
    /// The number of processes that had this plane's mark and belonged to no replica; they were ended.
    case orphans(Int)
  }

  /// Searches the machine, and ends what is not needed.
  ///
  /// - Parameter wanted: the launches that each endpoint needs, by its id.
  func findings(wanted: [String: Set<LaunchConfig>]) async -> [Finding] {
    let marked = await BlockingWork.brief.run { markedProcesses() }
    var adopted: Set<String> = []
    var findings: [Finding] = []
    for var record in records {
      if record.ended != nil {
        findings.append(wanted[record.endpoint] == nil ? .swept(record) : .past(record))
        continue
      }
      // A plane killed right after the start had no time to record the process.
      if record.process == nil {
        record.process = marked[record.id]?.first { $0.identity.pid == $0.session }?.identity
      }
      let isWanted = wanted[record.endpoint]?.contains(record.launch) == true
      if isWanted, let process = record.process, isOurs(process, record) {
        adopted.insert(record.id)
        findings.append(.adopt(record))
      } else if sparesUnwanted, let process = record.process, isOurs(process, record) {
        adopted.insert(record.id)
        findings.append(.leaving(record))
      } else {
        await end(record)
        findings.append(isWanted ? .lost(record) : .swept(record))
      }
    }
    let orphans = await BlockingWork.brief.run { markedProcesses() }.filter { !adopted.contains($0.key) }
    for (replica, processes) in orphans {
      for process in processes { _ = Glibc.kill(process.identity.pid, SIGSTOP) }
      let files = processes.reduce(into: Set()) { $0.formUnion(ProcessTable.sharedMemoryFiles($1.identity.pid)) }
      for process in processes { _ = Glibc.kill(process.identity.pid, SIGKILL) }
      await ProcessTable.waitForEnd(of: processes.map(\.identity))
      let folder = temporary(replica)
      await BlockingWork.brief.run { ReplicaLeftovers.remove(temporary: folder, sharedMemory: files) }
    }
    if !orphans.isEmpty { findings.append(.orphans(orphans.values.reduce(0) { $0 + $1.count })) }
    return findings
  }

  /// Compares process id, start time and mark: the id alone may have been reused.
  private func isOurs(_ process: ProcessTable.Identity, _ record: ReplicaRecord) -> Bool {
    ProcessTable.isAlive(process)
      && ReplicaMark(plane: planeID, replica: record.id).isBorne(by: process.pid, in: record.workingDirectory)
  }

  private func end(_ record: ReplicaRecord) async {
    var files = record.sharedMemory
    if let process = record.process {
      let group = ReplicaGroup(
        mark: ReplicaMark(plane: planeID, replica: record.id), leader: process,
        workingDirectory: record.workingDirectory)
      // Bounded: a process that hangs in a driver must not keep a plane from starting.
      files.formUnion(await group.end(rounds: 2))
    }
    let found = files
    await BlockingWork.brief.run { ReplicaLeftovers.remove(temporary: record.temporary, sharedMemory: found) }
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
