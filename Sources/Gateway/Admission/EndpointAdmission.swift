import HTTPSupport
package import NIOCore
package import Scheduling
import Synchronization

/// The admission control of one endpoint: an ``AdmissionQueue`` with a clock, a lock and the waiting requests.
///
/// The plane reports replicas and traffic to it, from any thread; the gateway requests slots at replicas.
package final class EndpointAdmission: Sendable {
  struct State {
    var queue: AdmissionQueue
    var replicas: [String: UpstreamReplica] = [:]
    var nextID: AdmissionQueue.RequestID = 1
    var waiters: [AdmissionQueue.RequestID: @Sendable (Admission) -> Void] = [:]
    var cutters: [AdmissionQueue.RequestID: @Sendable () -> Void] = [:]
    var drainWaiters: [String: [UInt64: CheckedContinuation<Void, Never>]] = [:]
    /// The phase of the starting replica, and when it began.
    var startPhase: (name: String, since: Duration)?
    /// How long a start takes, and when this one began, if it has.
    var start: (lasts: Duration, since: Duration?)?
    var timer: (due: Duration, scheduled: Scheduled<Void>)?
  }

  /// The effects to perform outside the lock.
  private struct Effects {
    var answers: [(waiter: @Sendable (Admission) -> Void, admission: Admission)] = []
    var drained: [CheckedContinuation<Void, Never>] = []
    var wake = false
  }

  let models = ServedModels()
  /// The reasons its replicas ended.
  package let exitReasons: ReplicaExitReasons
  let state: Mutex<State>
  let eventLoop: any EventLoop
  let heldBytes: HeldBytes
  let chance: @Sendable () -> Double
  private let demand: @Sendable () -> Void
  let trouble: @Sendable (_ replica: String) -> Void
  /// Removes the secrets of a replica from a text of its server.
  let redact: @Sendable (_ text: String, _ replica: String) async -> String

  /// - Parameters:
  ///   - eventLoop: provides the time and runs the deadlines.
  ///   - heldBytes: the bodies of the requests of all endpoints; nil for those of this one alone, without a bound of
  ///     their own.
  ///   - chance: returns a number in 0..<1, for the traffic split; a random one if nil.
  ///   - demand: called when a request waits that no replica can take. It may be called often; ``snapshot`` tells
  ///     whether the demand still exists.
  ///   - trouble: called when a replica could not be reached, stopped sending, or refused a request although it was
  ///     not too busy. It is paused, until its time is over or ``replicaRecovered(_:)`` is called.
  ///   - redact: removes the secrets of a replica from its server's error messages.
  package init(
    policy: AdmissionPolicy, eventLoop: any EventLoop, heldBytes: HeldBytes? = nil,
    chance: (@Sendable () -> Double)? = nil,
    demand: @escaping @Sendable () -> Void = {},
    trouble: @escaping @Sendable (_ replica: String) -> Void = { _ in },
    redact: @escaping @Sendable (_ text: String, _ replica: String) async -> String = { text, _ in text }
  ) {
    self.eventLoop = eventLoop
    self.heldBytes = heldBytes ?? HeldBytes(limit: .max)
    exitReasons = ReplicaExitReasons(eventLoop: eventLoop)
    if let chance {
      self.chance = chance
    } else {
      let random = RandomNumbers()
      self.chance = { random.fraction() }
    }
    self.demand = demand
    self.trouble = trouble
    self.redact = redact
    state = Mutex(State(queue: AdmissionQueue(policy: policy, now: Self.time(of: eventLoop))))
  }

  /// Reports that a replica has generated its first token. Repeat it to change the capacity or to clear a replica's
  /// trouble.
  package func replicaReady(_ replica: UpstreamReplica) {
    models.note(replica)
    update { state, now in
      state.replicas[replica.id] = replica
      return state.queue.replicaReady(replica.id, entity: replica.entity, capacity: replica.capacity, now: now)
    }
  }

  /// Reports that a replica in trouble works again: its pause ends.
  package func replicaRecovered(_ id: String) {
    update { state, now in state.queue.replicaRecovered(id, now: now) }
  }

  /// Stops new requests to the replica; ``drained(_:)`` returns when it has finished its current ones.
  package func replicaDraining(_ id: String) {
    models.forget(id)
    update { state, now in state.queue.replicaDraining(id, now: now) }
  }

  /// Reports that the replica is gone. Its requests end as their connections break.
  package func replicaGone(_ id: String) {
    models.forget(id)
    update { state, now in
      state.replicas[id] = nil
      return state.queue.replicaGone(id, now: now)
    }
  }

  /// Sets the traffic split, for waiting requests too. Entities of weight 0 can be requested by name.
  package func setTraffic(_ weights: [(entity: String, weight: Int)]) {
    update { state, now in state.queue.setTraffic(weights, now: now) }
  }

  /// Names the served entities of the config that is being deployed. Requests for names that only its replicas may have
  /// are refused for now, with a time to retry after, and not as unknown.
  package func setDeploying(_ entities: [String]) { models.setDeploying(entities) }

  /// Changes the limits. The time to wait applies to waiting requests too.
  package func setPolicy(_ policy: AdmissionPolicy) {
    update { state, now in state.queue.setPolicy(policy, now: now) }
  }

  /// With a reason, refuses requests that no replica can take instead of queueing them. Lifted by nil, or by a replica
  /// that becomes ready.
  package func setUnavailable(reason: String?) {
    update { state, now in state.queue.setUnavailable(reason: reason, now: now) }
  }

  /// Sets the phase of the replica that requests wait for, such as "loading weights"; nil if none is starting.
  ///
  /// - Parameters:
  ///   - lasts: how long a start takes, as far as earlier ones tell; nil if unknown.
  ///   - begunAgo: how long this start has lasted; nil if it has not begun.
  package func setStartPhase(_ name: String?, lasts: Duration? = nil, begunAgo: Duration? = nil) {
    let now = Self.time(of: eventLoop)
    state.withLock { state in
      state.start = lasts.map { ($0, begunAgo.map { now - $0 }) }
      if state.startPhase?.name != name { state.startPhase = name.map { ($0, now) } }
    }
  }

  /// Refuses waiting and new requests, with a time to retry after, because the server is stopping. Requests at replicas
  /// continue.
  package func close() { update { state, now in state.queue.close(now: now) } }

  /// Returns when the replica has no requests, or when the task is canceled.
  package func drained(_ id: String) async {
    let key = state.withLock { state -> UInt64 in
      defer { state.nextID += 1 }
      return state.nextID
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isDone = state.withLock { state in
          let isDone = Task.isCancelled || (state.queue.load(of: id) ?? 0) == 0
          if !isDone { state.drainWaiters[id, default: [:]][key] = continuation }
          return isDone
        }
        if isDone { continuation.resume() }
      }
    } onCancel: {
      state.withLock { $0.drainWaiters[id]?.removeValue(forKey: key) }?.resume()
    }
  }

  /// Cuts off the replica's remaining requests by closing their connections: vLLM frees them within 0.12 s, whereas a
  /// SIGTERM would leave them hanging.
  package func cutOff(_ id: String) {
    let cutters = state.withLock { state in state.queue.requests(at: id).compactMap { state.cutters[$0] } }
    for cut in cutters { cut() }
  }

  /// The current state.
  package var snapshot: AdmissionSnapshot {
    let now = Self.time(of: eventLoop)
    return state.withLock { state in
      AdmissionSnapshot(
        waiting: state.queue.waiting, inFlight: state.queue.dispatched,
        inFlightByReplica: state.replicas.keys.reduce(into: [:]) { $0[$1] = state.queue.load(of: $1) },
        needsReplica: state.queue.needsReplica, awaited: state.queue.awaited(now: now),
        requests: state.queue.requests(now: now), idleFor: state.queue.idleSince.map { now - $0 })
    }
  }

  // MARK: The queue's actions

  func update(_ event: (inout State, Duration) -> [AdmissionQueue.Action]) {
    update { state, now in (event(&state, now), ()) }
  }

  /// - Parameter reserved: bytes that were already added to ``heldBytes``, for a request that may wait.
  func update<Value>(
    reserved: Int = 0, _ event: (inout State, Duration) -> ([AdmissionQueue.Action], Value)
  ) -> Value {
    let now = Self.time(of: eventLoop)
    let (effects, value) = state.withLock { state in
      let held = state.queue.waitingBytes
      let (actions, value) = event(&state, now)
      heldBytes.add(state.queue.waitingBytes - held - reserved)
      let effects = Self.perform(actions, on: &state)
      armTimer(&state, now: now)
      return (effects, value)
    }
    for (waiter, admission) in effects.answers { waiter(admission) }
    for waiter in effects.drained { waiter.resume() }
    if effects.wake { demand() }
    return value
  }

  private static func perform(_ actions: [AdmissionQueue.Action], on state: inout State) -> Effects {
    var effects = Effects()
    for action in actions {
      switch action {
      case .dispatch(let id, let replica):
        guard let waiter = state.waiters.removeValue(forKey: id), let upstream = state.replicas[replica] else {
          continue
        }
        let ticket = AdmissionTicket(
          id: id, replica: upstream, hasMetNoReplica: state.queue.hasMetNoReplica(id))
        effects.answers.append((waiter, .admitted(ticket)))
      case .refuse(let id, let refusal):
        guard let waiter = state.waiters.removeValue(forKey: id) else { continue }
        effects.answers.append((waiter, .refused(refusal)))
      case .wake: effects.wake = true
      case .drained(let replica):
        effects.drained += (state.drainWaiters.removeValue(forKey: replica) ?? [:]).values
      }
    }
    return effects
  }

  private func armTimer(_ state: inout State, now: Duration) {
    guard let due = state.queue.nextTick else { return }
    if let timer = state.timer, timer.due <= due { return }
    state.timer?.scheduled.cancel()
    let scheduled = eventLoop.scheduleTask(in: .nanoseconds(max(0, (due - now).nanoseconds))) { [weak self] in
      self?.tick()
      return
    }
    state.timer = (due, scheduled)
  }

  private func tick() {
    update { state, now in
      state.timer = nil
      return state.queue.tick(now: now)
    }
  }

  static func time(of eventLoop: any EventLoop) -> Duration {
    .nanoseconds(Int64(clamping: eventLoop.now.uptimeNanoseconds))
  }
}

extension Duration {
  /// The duration in nanoseconds, clamped to 64 bits.
  var nanoseconds: Int64 {
    let (seconds, attoseconds) = components
    let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    return overflow ? (seconds < 0 ? .min : .max) : product + attoseconds / 1_000_000_000
  }
}
