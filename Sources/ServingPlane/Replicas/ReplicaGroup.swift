import FoundationEssentials
import Glibc
import Synchronization

/// All processes of one replica: the server, its engine, its workers, and what those started, also in sessions of their own as Ray
/// does. They are found by the session that the server was started in, by the mark in their environment, by their parents, and
/// once found by who they are: a worker may rewrite its title, and with it the environment that `/proc` shows, and a daemon loses
/// its parents.
struct ReplicaGroup: Sendable {
  let mark: ReplicaMark
  let leader: ProcessTable.Identity
  /// The version's artifacts; what lost the mark is still known by running there.
  let workingDirectory: String
  private let table: @Sendable () -> [ProcessTable.Entry]?
  private let notes = ProcessNotes()

  /// - Parameter table: every process of the machine; nil while they cannot be looked at.
  init(
    mark: ReplicaMark, leader: ProcessTable.Identity, workingDirectory: String,
    table: @escaping @Sendable () -> [ProcessTable.Entry]? = ProcessTable.all
  ) {
    self.mark = mark
    self.leader = leader
    self.workingDirectory = workingDirectory
    self.table = table
  }

  /// The living processes of the group; nil while they cannot be looked at. Blocks for a moment.
  func members() -> [ProcessTable.Entry]? {
    guard let living = table()?.filter({ !$0.isDead }) else { return nil }
    var pids = Set(session(among: living).map(\.identity.pid))
    for entry in living where notes.isMember(entry.identity) || isMarked(entry) { pids.insert(entry.identity.pid) }
    // Children of children, until there are no more.
    var count = -1
    while count != pids.count {
      count = pids.count
      for entry in living where pids.contains(entry.parent) { pids.insert(entry.identity.pid) }
    }
    let members = living.filter { pids.contains($0.identity.pid) }
    notes.note(members: members.map(\.identity))
    return members
  }

  /// The processes of the server's session.
  ///
  /// A session's number is free again only after all its processes are gone; whether it is still ours is told by the start
  /// times and the mark.
  private func session(among living: [ProcessTable.Entry]) -> [ProcessTable.Entry] {
    let session = living.filter { $0.session == leader.pid }
    let isOurs = session.contains { entry in
      if entry.identity.pid == leader.pid && entry.identity != leader { return false }
      return entry.identity.startTicks >= leader.startTicks
        && mark.isBorne(by: entry.identity.pid, in: workingDirectory)
    }
    return isOurs ? session : []
  }

  /// Whether a process bears the mark. Each is asked a few times: nobody gets the mark later than at its start.
  private func isMarked(_ entry: ProcessTable.Entry) -> Bool {
    guard entry.identity.startTicks >= leader.startTicks, !notes.isStranger(entry.identity) else { return false }
    if ProcessTable.mark(entry.identity.pid) == mark { return true }
    notes.note(stranger: entry.identity)
    return false
  }

  /// The files under `/dev/shm` that the group has mapped now.
  func sharedMemory() -> Set<String> {
    (members() ?? []).reduce(into: []) { $0.formUnion(ProcessTable.sharedMemoryFiles($1.identity.pid)) }
  }

  /// Sends a signal to the server alone; only it knows how to end the others in good order.
  func signalLeader(_ signal: CInt) {
    if ProcessTable.isAlive(leader) { _ = Glibc.kill(leader.pid, signal) }
  }

  /// Ends every process at once, and returns when none is left: until then its devices and memory are in use. One that hangs in
  /// the kernel is waited for, unless the task is cancelled.
  ///
  /// - Parameter rounds: after so many, of two seconds at most each, it returns in any case.
  /// - Returns: the files under `/dev/shm` that they had. They are stopped before that is read, so that none makes another
  ///   one between the reading and its end.
  func end(rounds: Int = .max) async -> Set<String> {
    var files: Set<String> = []
    var round = 0
    repeat {
      round += 1
      guard let (victims, found) = await BlockingWork.brief.run({ killAll() }) else {
        // Who cannot be looked at is not gone.
        try? await Task.sleep(for: Self.lookAgain)
        continue
      }
      guard !victims.isEmpty else { break }
      files.formUnion(found)
      await ProcessTable.waitForEnd(of: victims)
    } while round < rounds && !Task.isCancelled
    return files
  }

  private static let lookAgain: Duration = .milliseconds(200)

  private func killAll() -> (victims: [ProcessTable.Identity], files: Set<String>)? {
    guard let victims = members()?.map(\.identity) else { return nil }
    for victim in victims { _ = Glibc.kill(victim.pid, SIGSTOP) }
    let files = sharedMemory()
    for victim in victims { _ = Glibc.kill(victim.pid, SIGKILL) }
    return (victims, files)
  }
}

/// What is known of the processes that a group has looked at.
private final class ProcessNotes: Sendable {
  private struct Notes {
    var members: Set<ProcessTable.Identity> = []
    /// How often each was seen without the mark.
    var strangers: [ProcessTable.Identity: Int] = [:]
  }

  private let notes = Mutex(Notes())

  func isMember(_ process: ProcessTable.Identity) -> Bool { notes.withLock { $0.members.contains(process) } }
  /// One that was seen without the mark more than once: while a program is being started nothing can be read of it.
  func isStranger(_ process: ProcessTable.Identity) -> Bool {
    notes.withLock { $0.strangers[process, default: 0] > 2 }
  }

  /// Keeps those that live: the others' numbers mean nothing any more.
  func note(members: [ProcessTable.Identity]) { notes.withLock { $0.members = Set(members) } }

  /// Bounded, since a machine starts processes without end; who is forgotten is asked again.
  func note(stranger: ProcessTable.Identity) {
    notes.withLock { notes in
      if notes.strangers.count >= 4096 { notes.strangers.removeAll() }
      notes.strangers[stranger, default: 0] += 1
    }
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
    // A file that somebody may have mapped stays.
    guard let processes = ProcessTable.all() else { return }
    let mapped = processes.reduce(into: Set<String>()) {
      $0.formUnion(ProcessTable.sharedMemoryFiles($1.identity.pid))
    }
    for path in present.subtracting(mapped) { unlink(path) }
  }
}
