import Synchronization

/// Runs the lives of all replicas of a plane, each in its own task.
final class ReplicaSupervisor: Sendable {
  private let lifecycles: AsyncStream<ReplicaLifecycle>
  private let begin: AsyncStream<ReplicaLifecycle>.Continuation
  private let signals = Mutex<[String: StopSignal]>([:])
  private let troubles = Mutex<[String: TroubleSignal]>([:])

  init() { (lifecycles, begin) = AsyncStream.makeStream() }

  /// Runs until ``finish()`` was called and every replica has ended; if the task is canceled, leaves the replicas as
  /// they are and returns at once.
  func run() async {
    await withDiscardingTaskGroup { group in
      for await lifecycle in lifecycles { group.addTask { await lifecycle.run() } }
      if Task.isCancelled { group.cancelAll() }
    }
  }

  /// Ends the supervision once no replica is left: no more replicas will be started.
  func finish() { begin.finish() }

  /// Creates the channel by which a replica is asked to stop.
  func signal(for id: String) -> StopSignal {
    let signal = StopSignal()
    signals.withLock { $0[id] = signal }
    return signal
  }

  /// Creates the channel by which the gateway's trouble with a replica is reported.
  func trouble(for id: String) -> TroubleSignal {
    let trouble = TroubleSignal()
    troubles.withLock { $0[id] = trouble }
    return trouble
  }

  func start(_ lifecycle: ReplicaLifecycle) { begin.yield(lifecycle) }

  /// Asks a replica to stop. Can be repeated to hurry it. Unknown replicas are ignored.
  func stop(_ id: String, _ request: StopRequest) { signals.withLock { $0[id] }?.send(request) }

  /// Has a replica checked at once, because it did not take a request, or stalled. Unknown replicas are ignored.
  func check(_ id: String) { troubles.withLock { $0[id] }?.raise() }

  /// Forgets a replica that has ended.
  func forget(_ id: String) {
    signals.withLock { $0[id] = nil }
    troubles.withLock { $0[id] = nil }
  }
}
