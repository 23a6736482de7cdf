import Synchronization

/// Runs the lives of all replicas of a plane, each in a task of its own.
final class ReplicaSupervisor: Sendable {
  private let lives: AsyncStream<ReplicaLife>
  private let begin: AsyncStream<ReplicaLife>.Continuation
  private let signals = Mutex<[String: StopSignal]>([:])

  init() { (lives, begin) = AsyncStream.makeStream() }

  /// Runs until ``finish()`` was called and every replica is over; or, when the task is cancelled, leaves the replicas as they
  /// are and returns at once.
  func run() async {
    await withDiscardingTaskGroup { group in
      for await life in lives { group.addTask { await life.run() } }
      if Task.isCancelled { group.cancelAll() }
    }
  }

  /// No more replicas will be started.
  func finish() { begin.finish() }

  /// Makes the channel through which a replica will be asked to stop.
  func signal(for id: String) -> StopSignal {
    let signal = StopSignal()
    signals.withLock { $0[id] = signal }
    return signal
  }

  func start(_ life: ReplicaLife) { begin.yield(life) }

  /// Asks a replica to end. May be asked again, to hurry. Unknown ones are ignored.
  func stop(_ id: String, _ request: StopRequest) { signals.withLock { $0[id] }?.send(request) }

  /// The replica is over.
  func forget(_ id: String) { signals.withLock { $0[id] = nil } }
}
