package import Scheduling

extension KeyQueue {
  /// What the queue is like at a moment, for metrics.
  package struct Figures: Hashable, Sendable {
    /// Keys that are ready, of each priority.
    package let depthByPriority: [WorkPriority: Int]
    /// Keys that wait for their time.
    package let waiting: Int
    /// Keys that are being worked on.
    package let running: Int
    /// Keys whose last work failed.
    package let failing: Int
    /// How many times a key came onto the queue; adds that merged do not count.
    package let adds: Int
    /// How many times work was put off because it failed.
    package let retries: Int
    /// How long the oldest work that has not ended runs.
    package let longestRunning: Duration
    /// How long all work that has not ended runs, together.
    package let unfinishedWork: Duration
    /// Workers that wait for work.
    package let idleWorkers: Int

    /// Keys that are ready.
    package var depth: Int { depthByPriority.values.reduce(0, +) }

    init(_ queue: WorkQueue<String>, idleWorkers: Int, now: Duration) {
      depthByPriority = Dictionary(
        uniqueKeysWithValues: WorkPriority.allCases.map { ($0, queue.depth(of: $0)) })
      waiting = queue.waiting
      running = queue.running
      failing = queue.failing
      adds = queue.adds
      retries = queue.retries
      (longestRunning, unfinishedWork) = queue.unfinished(now: now)
      self.idleWorkers = idleWorkers
    }
  }
}
