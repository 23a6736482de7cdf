import FoundationEssentials
import Glibc

/// The processes of this machine, as `/proc` shows them (proc(5)).
enum ProcessTable {
  /// A process, told apart from every other one that ever has its number by when it started.
  struct Identity: Hashable, Codable, Sendable {
    let pid: Int32
    /// Clock ticks since the machine booted.
    let startTicks: UInt64
  }

  struct Entry: Hashable, Sendable {
    let identity: Identity
    let parent: Int32
    let group: Int32
    let session: Int32
    /// The state's letter: R, S, D, T, Z, X, …
    let state: Character

    /// Dead, only not yet collected by its parent.
    var isDead: Bool { state == "Z" || state == "X" || state == "x" }
  }

  /// The entry of a process; nil where there is none.
  static func entry(_ pid: Int32) -> Entry? {
    // The name stands in parentheses and may hold anything, parentheses included.
    guard let text = read("/proc/\(pid)/stat"), let close = text.lastIndex(of: UInt8(ascii: ")")) else { return nil }
    let fields = text[(close + 1)...].split(separator: UInt8(ascii: " ")).map { String(decoding: $0, as: UTF8.self) }
    guard fields.count > 19, let state = fields[0].first, let parent = Int32(fields[1]), let group = Int32(fields[2]),
      let session = Int32(fields[3]), let ticks = UInt64(fields[19])
    else { return nil }
    return Entry(
      identity: Identity(pid: pid, startTicks: ticks), parent: parent, group: group, session: session, state: state)
  }

  /// Every process that can be seen.
  static func all() -> [Entry] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.compactMap { Int32($0) }.compactMap(entry)
  }

  /// Whether this very process lives: neither gone, nor dead and uncollected, nor another one under its number.
  static func isAlive(_ identity: Identity) -> Bool {
    guard let entry = entry(identity.pid) else { return false }
    return entry.identity == identity && !entry.isDead
  }

  /// Returns when none of these processes lives, or after two seconds: killed processes are gone in milliseconds, save one that
  /// hangs in the kernel, for which nobody can wait.
  static func waitForEnd(of processes: [Identity]) async {
    var rest = processes
    for _ in 0..<100 {
      rest.removeAll { !isAlive($0) }
      if rest.isEmpty { return }
      try? await Task.sleep(for: .milliseconds(20))
    }
  }

  /// The mark in a process's environment. A process that rewrote its title has lost it, as vLLM's workers do.
  static func mark(_ pid: Int32) -> ReplicaMark? {
    guard let bytes = read("/proc/\(pid)/environ") else { return nil }
    let prefix = Array((ReplicaMark.variable + "=").utf8)
    let entry = bytes.split(separator: 0).first { $0.starts(with: prefix) }
    return entry.flatMap { ReplicaMark(String(decoding: $0.dropFirst(prefix.count), as: UTF8.self)) }
  }

  /// The processes, living ones only, of a session.
  static func members(ofSession session: Int32) -> [Entry] {
    all().filter { $0.session == session && !$0.isDead }
  }

  /// The directory a process runs in; nil where it may not be seen.
  static func workingDirectory(_ pid: Int32) -> String? {
    try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/cwd")
  }

  /// The files under `/dev/shm` that a process has mapped and Python made: `psm_…` and `sem.mp-…`.
  ///
  /// Told by their inodes: sem_open(3) makes a semaphore under another name, which is the one that maps shows, as deleted.
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

  private static func read(_ path: String) -> [UInt8]? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = Glibc.read(descriptor, &buffer, buffer.count)
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return count == 0 ? bytes : nil }
      bytes += buffer[..<count]
    }
  }
}
