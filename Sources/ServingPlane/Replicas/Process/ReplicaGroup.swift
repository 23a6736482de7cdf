import FoundationEssentials
import Glibc
import Synchronization

/// All processes of one replica: the server, its engine, its workers, and what those started, including processes in
/// their own sessions, as with Ray. They are found by the session in which the server was started, by the mark in their
/// environment, by their parents, and once found by their identity: a worker may rewrite its title, and with it the
/// environment that `/proc` shows, and a daemon loses its parents.
struct ReplicaGroup: Sendable {
  let mark: ReplicaMark
  let leader: ProcessTable.Identity
  /// The version's artifacts; a process that lost the mark is identified by running there.
  let workingDirectory: String
  private let table: @Sendable () -> [ProcessTable.Entry]?
  private let processes = ProcessRecord()

  /// - Parameter table: lists every process of the machine; nil while they cannot be inspected.
  init(
    mark: ReplicaMark, leader: ProcessTable.Identity, workingDirectory: String,
    table: @escaping @Sendable () -> [ProcessTable.Entry]? = ProcessTable.all
  ) {
    self.mark = mark
    self.leader = leader
    self.workingDirectory = workingDirectory
    self.table = table
  }

  /// The living processes of the group; nil while they cannot be inspected. Blocks briefly.
  func members() -> [ProcessTable.Entry]? {
    guard let living = table()?.filter({ !$0.isDead }) else { return nil }
    var pids = Set(session(among: living).map(\.identity.pid))
    for entry in living where processes.isMember(entry.identity) || isMarked(entry) { pids.insert(entry.identity.pid) }
    // Children of children, until there are no more.
    var count = -1
    while count != pids.count {
      count = pids.count
      for entry in living where pids.contains(entry.parent) { pids.insert(entry.identity.pid) }
    }
    let members = living.filter { pids.contains($0.identity.pid) }
    processes.record(members: members.map(\.identity))
    return members
  }

  /// The processes of the server's session.
  ///
  /// A session ID is reused only after all its processes are gone; the start times and the mark tell whether it is
  /// still ours.
  private func session(among living: [ProcessTable.Entry]) -> [ProcessTable.Entry] {
    let session = living.filter { $0.session == leader.pid }
    let isOurs = session.contains { entry in
      if entry.identity.pid == leader.pid && entry.identity != leader { return false }
      return entry.identity.startTicks >= leader.startTicks
        && mark.isBorne(by: entry.identity.pid, in: workingDirectory)
    }
    return isOurs ? session : []
  }

  /// Whether a process has the mark. Each process is checked a few times: it gets the mark at its start or never.
  private func isMarked(_ entry: ProcessTable.Entry) -> Bool {
    guard entry.identity.startTicks >= leader.startTicks, !processes.isStranger(entry.identity) else { return false }
    if ProcessTable.mark(entry.identity.pid) == mark { return true }
    processes.record(stranger: entry.identity)
    return false
  }

  /// The files under `/dev/shm` that the group currently has mapped.
  func sharedMemory() -> Set<String> {
    (members() ?? []).reduce(into: []) { $0.formUnion(ProcessTable.sharedMemoryFiles($1.identity.pid)) }
  }

  /// Sends a signal to the server only, which shuts down the others in an orderly way.
  func signalLeader(_ signal: CInt) {
    if ProcessTable.isAlive(leader) { _ = Glibc.kill(leader.pid, signal) }
  }

  /// Kills every process at once, and returns when none is left: until then its devices and memory are in use. Waits
  /// for one that hangs in the kernel, unless the task is canceled.
  ///
  /// - Parameter rounds: the number of rounds, of at most two seconds each, after which it returns in any case.
  /// - Returns: the files under `/dev/shm` that they had mapped. The processes are stopped before these are read, so
  ///   that none creates another one before its end.
  func end(rounds: Int = .max) async -> Set<String> {
    var files: Set<String> = []
    var round = 0
    repeat {
      round += 1
      guard let (victims, found) = await BlockingWork.brief.run({ killAll() }) else {
        // A process that cannot be inspected is not gone.
        try? await Task.sleep(for: Self.checkInterval)
        continue
      }
      guard !victims.isEmpty else { break }
      files.formUnion(found)
      await ProcessTable.waitForEnd(of: victims)
    } while round < rounds && !Task.isCancelled
    return files
  }

  private static let checkInterval: Duration = .milliseconds(200)

  private func killAll() -> (victims: [ProcessTable.Identity], files: Set<String>)? {
    guard let victims = members()?.map(\.identity) else { return nil }
    for victim in victims { _ = Glibc.kill(victim.pid, SIGSTOP) }
    let files = sharedMemory()
    for victim in victims { _ = Glibc.kill(victim.pid, SIGKILL) }
    return (victims, files)
  }
}

/// Facts about the processes that a group has inspected.
private final class ProcessRecord: Sendable {
  private struct State {
    var members: Set<ProcessTable.Identity> = []
    /// How often each was seen without the mark.
    var strangers: [ProcessTable.Identity: Int] = [:]
  }

  private let state = Mutex(State())

  func isMember(_ process: ProcessTable.Identity) -> Bool { state.withLock { $0.members.contains(process) } }
  /// Whether a process was seen without the mark more than once: while a program is being started, its environment is
  /// unreadable.
  func isStranger(_ process: ProcessTable.Identity) -> Bool {
    state.withLock { $0.strangers[process, default: 0] > 2 }
  }

  /// Keeps the living ones: the IDs of the others mean nothing any more.
  func record(members: [ProcessTable.Identity]) { state.withLock { $0.members = Set(members) } }

  /// Bounded, since a machine starts processes indefinitely; forgotten ones are checked again.
  func record(stranger: ProcessTable.Identity) {
    state.withLock { state in
      if state.strangers.count >= 4096 { state.strangers.removeAll() }
      state.strangers[stranger, default: 0] += 1
    }
  }
}

/// The files under `/dev/shm` that a replica was ever seen with.
final class SharedMemoryRecord: Sendable {
  private let known = Mutex<Set<String>>([])

  var files: Set<String> { known.withLock { $0 } }

  /// Adds files, and returns whether any of them is new.
  @discardableResult
  func record(_ files: Set<String>) -> Bool {
    known.withLock { known in
      let hasNew = !known.isSuperset(of: files)
      known.formUnion(files)
      return hasNew
    }
  }
}

/// The remains of a dead replica on the machine.
enum ReplicaLeftovers {
  /// Removes the temporary directory, and the shared-memory files that no living process has mapped.
  static func remove(temporary: String, sharedMemory: Set<String>) {
    try? FileManager.default.removeItem(atPath: temporary)
    let present = sharedMemory.filter { access($0, F_OK) == 0 }
    guard !present.isEmpty else { return }
    // A file that some process may have mapped is kept.
    guard let processes = ProcessTable.all() else { return }
    let mapped = processes.reduce(into: Set<String>()) {
      $0.formUnion(ProcessTable.sharedMemoryFiles($1.identity.pid))
    }
    for path in present.subtracting(mapped) { unlink(path) }
  }
}
