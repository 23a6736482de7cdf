import Glibc
import NIOPosix

/// Where a plane does what blocks: on threads that are there for it, never on an actor or on the few threads that all requests
/// share.
///
/// Work runs to its end even when the caller's task is cancelled meanwhile: what was decided is written down, whoever still
/// waits for it.
struct BlockingWork: Sendable {
  /// For what takes a moment: the store, small files, looks into `/proc`.
  static let brief = BlockingWork(threads: 4, yields: false)
  /// For what takes minutes: copies of weights. More of them at once would only share the same disk. The processor is theirs
  /// only as far as requests leave it.
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
      // These pools are never shut down, so the work is never cancelled.
      pool.submit { _ in
        // Of the calling thread alone, on Linux.
        if yields { _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 10) }
        waiting.resume(returning: Result(catching: body))
      }
    }
    return try result.get()
  }
}
