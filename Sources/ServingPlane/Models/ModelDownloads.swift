/// Runs the downloads of a plane, each in its own task.
final class ModelDownloads: Sendable {
  private let downloads: AsyncStream<@Sendable () async -> Void>
  private let begin: AsyncStream<@Sendable () async -> Void>.Continuation

  init() { (downloads, begin) = AsyncStream.makeStream() }

  /// Runs until ``stop()`` is called or the task is canceled; downloads in progress are then canceled.
  func run() async {
    await withDiscardingTaskGroup { group in
      for await download in downloads { group.addTask { await download() } }
      group.cancelAll()
    }
  }

  func start(_ download: @escaping @Sendable () async -> Void) { begin.yield(download) }

  /// Cancels all downloads, and starts no more.
  func stop() { begin.finish() }
}
