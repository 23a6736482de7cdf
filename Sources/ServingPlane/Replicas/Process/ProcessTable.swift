import FileSystem
import FoundationEssentials
import Glibc

/// The processes of this machine, as listed in `/proc` (proc(5)).
enum ProcessTable {
  /// Identifies a process by its ID and its start time, because IDs are reused.
  struct Identity: Hashable, Codable, Sendable {
    let pid: Int32
    /// Clock ticks since boot.
    let startTicks: UInt64
  }

  struct Entry: Hashable, Sendable {
    let identity: Identity
    let parent: Int32
    let group: Int32
    let session: Int32
    /// The letter of the state: R, S, D, T, Z, X, …
    let state: Character

    /// Whether it is dead and only not yet collected by its parent.
    var isDead: Bool { state == "Z" || state == "X" || state == "x" }
  }

  /// The result of inspecting one process.
  enum Inspection: Hashable, Sendable {
    case found(Entry)
    /// The process does not exist.
    case gone
    /// It could not be inspected, for example because no file descriptor is free. That says nothing about the process.
    case unknown
  }

  /// Inspects a process.
  static func inspect(_ pid: Int32) -> Inspection {
    let text: [UInt8]
    switch content("/proc/\(pid)/stat") {
    case .success(let bytes): text = bytes
    // What another user's process hides is irrelevant to this plane.
    case .failure(let error): return error.isAbsence || error.isRefusal ? .gone : .unknown
    }
    // The name is in parentheses and may contain anything, including parentheses.
    guard let close = text.lastIndex(of: UInt8(ascii: ")")) else { return .unknown }
    let fields = text[(close + 1)...].split(separator: UInt8(ascii: " ")).map { String(decoding: $0, as: UTF8.self) }
    guard fields.count > 19, let state = fields[0].first, let parent = Int32(fields[1]), let group = Int32(fields[2]),
      let session = Int32(fields[3]), let ticks = UInt64(fields[19])
    else { return .unknown }
    return .found(
      Entry(
        identity: Identity(pid: pid, startTicks: ticks), parent: parent, group: group, session: session, state: state))
  }

  /// The entry of a process; nil if it does not exist or cannot be inspected.
  static func entry(_ pid: Int32) -> Entry? { if case .found(let entry) = inspect(pid) { entry } else { nil } }

  /// Every visible process; nil if the table cannot be read now, for example because no file descriptor is free. That
  /// differs from an empty table.
  static func all() -> [Entry]? {
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: "/proc") else { return nil }
    var entries: [Entry] = []
    for pid in names.compactMap({ Int32($0) }) {
      switch inspect(pid) {
      case .found(let entry): entries.append(entry)
      case .gone: continue
      // This plane's own processes can be inspected whenever any can, so an unreadable one might be ours.
      case .unknown: return nil
      }
    }
    return entries
  }

  /// Whether this exact process is alive: neither gone, nor dead and uncollected, nor another one with its ID. A
  /// process that cannot be inspected is not dead: a plane without a free file descriptor must not give up its
  /// replicas.
  static func isAlive(_ identity: Identity) -> Bool { isAlive(identity, by: inspect(identity.pid)) }

  /// The same, based on an earlier inspection.
  static func isAlive(_ identity: Identity, by inspection: Inspection) -> Bool {
    switch inspection {
    case .found(let entry): entry.identity == identity && !entry.isDead
    case .gone: false
    case .unknown: true
    }
  }

  /// Returns when none of these processes is alive, or after two seconds: killed processes are gone within
  /// milliseconds, except one that hangs in the kernel, which cannot be waited for.
  static func waitForEnd(of processes: [Identity]) async {
    var rest = processes
    for _ in 0..<100 {
      rest.removeAll { !isAlive($0) }
      if rest.isEmpty { return }
      try? await Task.sleep(for: .milliseconds(20))
    }
  }

  /// The mark in a process's environment. A process that rewrote its title has lost it, as vLLM's workers have.
  static func mark(_ pid: Int32) -> ReplicaMark? {
    guard let bytes = read("/proc/\(pid)/environ") else { return nil }
    let prefix = Array((ReplicaMark.variable + "=").utf8)
    let entry = bytes.split(separator: 0).first { $0.starts(with: prefix) }
    return entry.flatMap { ReplicaMark(String(decoding: $0.dropFirst(prefix.count), as: UTF8.self)) }
  }

  /// The directory in which a process runs; nil if it may not be inspected.
  static func workingDirectory(_ pid: Int32) -> String? {
    try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/cwd")
  }

  /// The files under `/dev/shm` that a process has mapped and that Python created: `psm_…` and `sem.mp-…`.
  ///
  /// Identified by inode: sem_open(3) creates a semaphore under another name, which maps shows, marked as deleted.
  static func sharedMemoryFiles(_ pid: Int32) -> Set<String> {
    guard let maps = read("/proc/\(pid)/maps") else { return [] }
    let inodes = Set(
      String(decoding: maps, as: UTF8.self).split(separator: "\n").filter { $0.contains(" /dev/shm/") }
        .compactMap { line in line.split(separator: " ").dropFirst(4).first.flatMap { UInt64($0) } })
    guard !inodes.isEmpty else { return [] }
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/dev/shm")) ?? []
    let paths = names.filter { $0.hasPrefix("psm_") || $0.hasPrefix("sem.mp-") }.map { "/dev/shm/" + $0 }
    return Set(paths.filter { path in inode(path).map(inodes.contains) ?? false })
  }

  private static func inode(_ path: String) -> UInt64? {
    var status = stat()
    return lstat(path, &status) == 0 ? UInt64(status.st_ino) : nil
  }

  private struct ReadError: Error {
    let code: CInt
    /// The process does not exist, or exited while it was read.
    var isAbsence: Bool { code == ENOENT || code == ESRCH }
    /// It belongs to another user and is hidden from this one.
    var isRefusal: Bool { code == EPERM || code == EACCES }
  }

  private static func read(_ path: String) -> [UInt8]? { try? content(path).get() }

  private static func content(_ path: String) -> Result<[UInt8], ReadError> {
    do throws(SystemError) {
      return .success(try KernelFile.contents(path))
    } catch {
      return .failure(ReadError(code: error.code))
    }
  }
}
