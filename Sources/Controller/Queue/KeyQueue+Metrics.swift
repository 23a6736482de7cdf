package import Scheduling

extension KeyQueue {
  /// The state of the queue at one moment, for metrics.
  package struct Metrics: Hashable, Sendable {
    /// The number of ready keys of each priority.
    package let depthByPriority: [WorkPriority: Int]
    /// The number of keys that wait for their time.
    package let waiting: Int
    /// The number of keys that are being worked on.
    package let running: Int
    /// The number of keys whose last work failed.
    package let failing: Int
    /// How many times a key was added to the queue; merged adds do not count.
    package let adds: Int
    /// How many times work was delayed because it failed.
    package let retries: Int
    /// How long the oldest work in progress has been running.
    package let longestRunning: Duration
    /// The total time that all work in progress has been running.
    package let unfinishedWork: Duration
    /// The number of workers that wait for work.
    package let idleWorkers: Int

    /// The number of ready keys.
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
