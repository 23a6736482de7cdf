import Synchronization

/// How a replica's own process ended. The kernel tells it once, to whoever asks first; here it stays for all who ask later,
/// whichever of a replica's waits it was that asked.
final class ExitNote: Sendable {
  private let known = Mutex<ProcessExit?>(nil)

  /// How our own child ended; nil while it runs, and for a process that is no child of ours.
  @discardableResult
  func collect(_ pid: Int32) -> ProcessExit? {
    known.withLock { known in
      if known == nil { known = ProcessSpawn.collect(pid) }
      return known
    }
  }
}
