internal import Glibc

/// The number of file descriptors that this process may have open, and how many of them callers may use.
///
/// Running out loses far more than a connection: `/proc` and the store become unreadable, and the runtime's own
/// inspection of its threads ends the process.
package struct OpenFileLimit: Hashable, Sendable {
  /// The soft limit (`RLIMIT_NOFILE`): descriptors open at once.
  package let files: Int

  package init(files: Int) { self.files = files }

  /// Raises the soft limit to the hard limit, and returns the resulting limit.
  package static func raise() -> OpenFileLimit {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return OpenFileLimit(files: 1024) }
    var raised = limit
    raised.rlim_cur = raised.rlim_max
    if setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &raised) == 0 { limit = raised }
    return OpenFileLimit(files: Int(clamping: limit.rlim_cur))
  }

  /// The number of callers that may be connected at once.
  ///
  /// An eighth, 64, and the event loops' descriptors are reserved for the process itself: store, logs, `/proc`, replica
  /// starts.
  ///
  /// - Parameters:
  ///   - perClient: descriptors per caller: two if its request goes on to a replica.
  ///   - cores: the number of event loops, with up to four descriptors each.
  package func connections(perClient: Int, cores: Int) -> Int {
    let reserve = files / 8 + 64 + 4 * max(1, cores)
    return max(16, min(10_000, (files - reserve) / max(1, perClient)))
  }
}
