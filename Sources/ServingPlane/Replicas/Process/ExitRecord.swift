import Synchronization

/// How a replica's own process ended. The kernel reports it once, to the first query; here it is kept for all later
/// queries, from any of the replica's waits.
final class ExitRecord: Sendable {
  private let known = Mutex<ProcessExit?>(nil)

  /// How our own child process ended; nil while it runs, and for a process that is not our child.
  @discardableResult
  func collect(_ pid: Int32) -> ProcessExit? {
    known.withLock { known in
      if known == nil { known = ProcessSpawn.collect(pid) }
      return known
    }
  }
}
