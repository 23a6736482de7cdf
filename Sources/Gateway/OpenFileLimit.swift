internal import Glibc

/// How many descriptors this process may have open, and how many of them callers may have.
///
/// Where they run out, far more than a connection is lost: `/proc` and the store cannot be read any more, and the runtime's
/// own look at its threads ends the process.
package struct OpenFileLimit: Hashable, Sendable {
  /// The soft limit (`RLIMIT_NOFILE`): descriptors open at once.
  package let files: Int

  package init(files: Int) { self.files = files }

  /// Raises the soft limit to the hard one, and returns what is in force then.
  package static func raise() -> OpenFileLimit {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return OpenFileLimit(files: 1024) }
    var raised = limit
    raised.rlim_cur = raised.rlim_max
    if setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &raised) == 0 { limit = raised }
    return OpenFileLimit(files: Int(clamping: limit.rlim_cur))
  }

  /// How many callers may be connected at once.
  ///
  /// An eighth, 64, and what the event loops have is kept for the process itself: store, logs, `/proc`, starts of replicas.
  ///
  /// - Parameters:
  ///   - perCaller: descriptors that one caller takes: two where its request goes on to a replica.
  ///   - cores: as many event loops are there, with up to four descriptors each.
  package func connections(perCaller: Int, cores: Int) -> Int {
    let reserve = files / 8 + 64 + 4 * max(1, cores)
    return max(16, min(10_000, (files - reserve) / max(1, perCaller)))
  }
}
