import Glibc
import NIOPosix

/// Runs a plane's blocking work: on dedicated threads, never on an actor or on the few threads that all requests share.
///
/// Work runs to its end even if the caller's task is canceled in the meantime: a decision is recorded whether or not
/// anyone still waits for it.
struct BlockingWork: Sendable {
  /// For short work: the store, small files, reads of `/proc`.
  static let brief = BlockingWork(threads: 4, yields: false)
  /// For work on all files of a folder, which takes seconds: surveys and removals.
  static let folders = BlockingWork(threads: 2, yields: true)
  /// For work that takes minutes: copies of weights. More of it at once would only share the same disk. It gets only
  /// the processor time that requests leave.
  static let long = BlockingWork(threads: 2, yields: true)

  private let pool: NIOThreadPool
  private let yields: Bool

  private init(threads: Int, yields: Bool) {
    self.yields = yields
    pool = NIOThreadPool(numberOfThreads: threads)
    pool.start()
  }

  func run<Value: Sendable, Failure: Error>(
    _ body: @escaping @Sendable () throws(Failure) -> Value
  ) async throws(Failure) -> Value {
    let result = await withCheckedContinuation { (waiting: CheckedContinuation<Result<Value, Failure>, Never>) in
      // These pools are never shut down, so the work is never canceled.
      pool.submit { _ in
        // Applies only to the calling thread, on Linux.
        if yields { _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 10) }
        waiting.resume(returning: Result(catching: body))
      }
    }
    return try result.get()
  }
}
