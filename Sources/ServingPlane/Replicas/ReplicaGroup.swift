import FoundationEssentials
import Glibc
import Synchronization

/// All processes of one replica: the server, its engine, its workers. They share the session that the server was started in.
struct ReplicaGroup: Sendable {
  let mark: ReplicaMark
  let leader: ProcessTable.Identity
  /// The version's artifacts; what lost the mark is still known by running there.
  let workingDirectory: String

  /// The living processes of the group.
  ///
  /// A session's number is free again only after all its processes are gone; whether it is still ours is told by the start
  /// times and the mark.
  func members() -> [ProcessTable.Entry] {
    let session = ProcessTable.members(ofSession: leader.pid)
    let isOurs = session.contains { entry in
      if entry.identity.pid == leader.pid && entry.identity != leader { return false }
      return entry.identity.startTicks >= leader.startTicks
        && mark.isBorne(by: entry.identity.pid, in: workingDirectory)
    }
    return isOurs ? session : []
  }

  /// The files under `/dev/shm` that the group has mapped now.
  func sharedMemory() -> Set<String> {
    members().reduce(into: []) { $0.formUnion(ProcessTable.sharedMemoryFiles($1.identity.pid)) }
  }

  /// Sends a signal to the server alone; only it knows how to end the others in good order.
  func signalLeader(_ signal: CInt) {
    if ProcessTable.isAlive(leader) { _ = Glibc.kill(leader.pid, signal) }
  }

  /// Ends every process at once, and returns when none is left. They may linger as zombies until they are collected.
  ///
  /// - Returns: the files under `/dev/shm` that they had. They are stopped before that is read, so that none makes another
  ///   one between the reading and its end.
  func end() async -> Set<String> {
    var files: Set<String> = []
    // A second round for what was being made while the others were killed.
    for _ in 0..<2 {
      let victims = members().map(\.identity)
      guard !victims.isEmpty else { break }
      for victim in victims { _ = Glibc.kill(victim.pid, SIGSTOP) }
      files.formUnion(sharedMemory())
      for victim in victims { _ = Glibc.kill(victim.pid, SIGKILL) }
      await ProcessTable.waitForEnd(of: victims)
    }
    return files
  }
}

/// The files under `/dev/shm` that a replica was ever seen with.
final class SharedMemoryNotes: Sendable {
  private let noted = Mutex<Set<String>>([])

  var files: Set<String> { noted.withLock { $0 } }

  /// Whether there was a new one among them.
  @discardableResult
  func note(_ files: Set<String>) -> Bool {
    noted.withLock { noted in
      let isNews = !noted.isSuperset(of: files)
      noted.formUnion(files)
      return isNews
    }
  }
}

/// What a dead replica leaves on the machine.
enum ReplicaLeftovers {
  /// Removes the temporary directory, and the shared-memory files that no living process has mapped.
  static func remove(temporary: String, sharedMemory: Set<String>) {
    try? FileManager.default.removeItem(atPath: temporary)
    let present = sharedMemory.filter { access($0, F_OK) == 0 }
    guard !present.isEmpty else { return }
    let mapped = ProcessTable.all().reduce(into: Set<String>()) {
      $0.formUnion(ProcessTable.sharedMemoryFiles($1.identity.pid))
    }
    for path in present.subtracting(mapped) { unlink(path) }
  }
}
