import CanonicalJSON

/// What identifies a replica's processes and files on this machine.
struct ProcessHandle: Hashable, Sendable {
  /// Its own directory: output, and its other files.
  let directory: String
  /// Its `TMPDIR`.
  let temporary: String
  /// Its working directory: the version's artifacts.
  let workingDirectory: String
  /// The server's process; nil until it is started.
  var process: ProcessTable.Identity?
  /// Its files under `/dev/shm`, as last seen: after its death their owner is unknown.
  var sharedMemory: Set<String> = []

  /// The file with its output, from both streams.
  var outputPath: String { directory + "/output.log" }

  init(directory: String, temporary: String, workingDirectory: String) {
    self.directory = directory
    self.temporary = temporary
    self.workingDirectory = workingDirectory
  }

  /// Nil for a handle that is not one of a process.
  init?(_ handle: ReplicaHandle) {
    guard let directory = handle.members["directory"]?.stringValue,
      let temporary = handle.members["temporary"]?.stringValue,
      let workingDirectory = handle.members["workingDirectory"]?.stringValue
    else { return nil }
    self.init(directory: directory, temporary: temporary, workingDirectory: workingDirectory)
    if let stored = handle.members["process"], let id = stored["pid"]?.intValue.flatMap({ Int32(exactly: $0) }),
      let ticks = stored["startTicks"]?.intValue.flatMap({ UInt64(exactly: $0) })
    {
      process = ProcessTable.Identity(pid: id, startTicks: ticks)
    }
    sharedMemory = Set((handle.members["sharedMemory"]?.arrayValue ?? []).compactMap(\.stringValue))
  }

  /// The handle for the replica's record.
  var stored: ReplicaHandle {
    var members: [String: JSONValue] = [
      "directory": .string(directory), "temporary": .string(temporary), "workingDirectory": .string(workingDirectory),
      "sharedMemory": .array(sharedMemory.sorted().map { .string($0) }),
    ]
    if let process {
      members["process"] = ["pid": .int(Int64(process.pid)), "startTicks": .int(Int64(clamping: process.startTicks))]
    }
    return ReplicaHandle(members: members)
  }
}
