internal import HTTPSupport

extension OpenFileLimit {
  /// The descriptors that a server itself needs: event loops, store, logs, `/proc`, and a few callers.
  private static let least = 64

  /// Raises the limit as ``raise()`` does.
  ///
  /// - Throws: `ErrorReport` if the limit is too low for a server, which would otherwise fail during startup.
  static func sufficient() throws -> OpenFileLimit {
    let limit = raise()
    guard limit.files >= least else {
      throw ErrorReport(
        "the open file limit is \(limit.files), but a server needs at least \(least)",
        next: "raise it: ulimit -n 1024, or LimitNOFILE= in a systemd unit")
    }
    return limit
  }
}
