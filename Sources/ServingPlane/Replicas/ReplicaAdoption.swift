/// Finds the plane's replicas at its start: those that run and are needed, those that are gone, and those to end.
struct ReplicaAdoption: Sendable {
  let backend: any ReplicaBackend
  /// The replicas on record.
  let records: [ReplicaRecord]
  /// Leaves running replicas that are not needed alone: they may have requests of the previous plane.
  var sparesUnwanted = false

  enum Finding: Sendable {
    /// It had already ended; its output may still be read.
    case past(ReplicaRecord)
    /// It runs and is needed.
    case adopt(ReplicaRecord, any RunningReplica)
    /// It runs and is not needed, but is left to be drained.
    case leaving(ReplicaRecord, any RunningReplica)
    /// It is needed but gone; nothing of it is left.
    case lost(ReplicaRecord)
    /// It is not needed; it was ended, and nothing of it is left.
    case swept(ReplicaRecord)
    /// The number of processes that this plane had started and that belonged to no replica; they were ended.
    case orphans(Int)
  }

  /// Searches for the replicas, and ends what is not needed.
  ///
  /// - Parameter wanted: the launches that each endpoint needs, by its ID.
  func findings(wanted: [String: Set<LaunchConfig>]) async -> [Finding] {
    let running = await backend.find(records.filter { $0.ended == nil })
    var adopted: Set<String> = []
    var findings: [Finding] = []
    for var record in records {
      if record.ended != nil {
        findings.append(wanted[record.endpoint] == nil ? .swept(record) : .past(record))
        continue
      }
      let isWanted = wanted[record.endpoint]?.contains(record.launch) == true
      let replica = running[record.id]
      if let replica { record.handle = replica.handle }
      if let replica, isWanted || sparesUnwanted {
        record.isStarted = true
        adopted.insert(record.id)
        findings.append(isWanted ? .adopt(record, replica) : .leaving(record, replica))
      } else {
        await backend.end(record)
        findings.append(isWanted ? .lost(record) : .swept(record))
      }
    }
    let orphans = await backend.sweep(keeping: adopted)
    if orphans > 0 { findings.append(.orphans(orphans)) }
    return findings
  }
}
