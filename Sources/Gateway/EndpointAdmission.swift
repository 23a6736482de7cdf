package import NIOCore
package import Scheduling
import Synchronization

/// A place at a replica, held until it is given back with ``EndpointAdmission/finish(_:)``.
struct AdmissionTicket: Sendable {
  let id: AdmissionQueue.RequestID
  let replica: UpstreamReplica
}

/// How a request's wait for a place ended.
enum Admission: Sendable {
  case admitted(AdmissionTicket)
  case refused(AdmissionRefusal)
  /// The client went away while it waited.
  case left
}

/// What is going on at an endpoint.
package struct AdmissionSnapshot: Hashable, Sendable {
  /// Requests that wait for a place.
  package let waiting: Int
  /// Requests at replicas.
  package let inFlight: Int
  /// The same for each replica.
  package let inFlightByReplica: [String: Int]
  /// Whether somebody waits whom no replica of the moment can take.
  package let needsReplica: Bool
  /// For how long nothing has waited or been in flight; nil while something is.
  package let idleFor: Duration?
}

/// The door of one endpoint: an ``AdmissionQueue`` with a clock, a lock and the requests that wait in it.
///
/// The plane tells it about replicas and traffic, from any thread; the gateway asks it for places.
package final class EndpointAdmission: Sendable {
  private struct State {
    var queue: AdmissionQueue
    var replicas: [String: UpstreamReplica] = [:]
    var nextID: AdmissionQueue.RequestID = 1
    var waiters: [AdmissionQueue.RequestID: CheckedContinuation<Admission, Never>] = [:]
    var cutters: [AdmissionQueue.RequestID: @Sendable () -> Void] = [:]
    var drainWaiters: [String: [UInt64: CheckedContinuation<Void, Never>]] = [:]
    var timer: (due: Duration, scheduled: Scheduled<Void>)?
  }

  /// What has to happen outside the lock.
  private struct Effects {
    var answers: [(CheckedContinuation<Admission, Never>, Admission)] = []
    var drained: [CheckedContinuation<Void, Never>] = []
    var wake = false
  }

  let models = ServedModels()
  /// Why its replicas ended.
  package let endings: ReplicaEndings
  private let state: Mutex<State>
  private let eventLoop: any EventLoop
  private let chance: @Sendable () -> Double
  private let demand: @Sendable () -> Void
  private let trouble: @Sendable (_ replica: String) -> Void

  /// - Parameters:
  ///   - eventLoop: keeps the time and runs the deadlines.
  ///   - chance: a number from 0 up to 1, for the traffic split.
  ///   - demand: called when a request waits that no replica can take. It may come often; ``snapshot`` says whether it
  ///     still holds.
  ///   - trouble: called when a replica could not be reached or turned a request away.
  package init(
    policy: AdmissionPolicy, eventLoop: any EventLoop,
    chance: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) },
    demand: @escaping @Sendable () -> Void = {},
    trouble: @escaping @Sendable (_ replica: String) -> Void = { _ in }
  ) {
    self.eventLoop = eventLoop
    endings = ReplicaEndings(eventLoop: eventLoop)
    self.chance = chance
    self.demand = demand
    self.trouble = trouble
    state = Mutex(State(queue: AdmissionQueue(policy: policy, now: Self.time(of: eventLoop))))
  }

  // MARK: For the plane

  /// A replica has generated its first token. Say it again to change its capacity or to vouch for it after trouble.
  package func replicaReady(_ replica: UpstreamReplica) {
    models.note(replica)
    update { state, now in
      state.replicas[replica.id] = replica
      return state.queue.replicaReady(replica.id, entity: replica.entity, capacity: replica.capacity, now: now)
    }
  }

  /// The replica gets nothing new; ``drained(_:)`` returns when it has finished what it has.
  package func replicaDraining(_ id: String) {
    update { state, now in state.queue.replicaDraining(id, now: now) }
  }

  /// The replica is gone. Its requests end as their connections break.
  package func replicaGone(_ id: String) {
    update { state, now in
      state.replicas[id] = nil
      return state.queue.replicaGone(id, now: now)
    }
  }

  /// The traffic split from now on, for those too who wait. Entities of weight 0 can be asked for by name.
  package func setTraffic(_ weights: [(entity: String, weight: Int)]) {
    update { state, now in state.queue.setTraffic(weights, now: now) }
  }

  /// With a reason, requests that no replica can take are refused with it instead of waiting. A replica that becomes ready
  /// lifts it, and so does nil.
  package func setUnavailable(reason: String?) {
    update { state, now in state.queue.setUnavailable(reason: reason, now: now) }
  }

  /// The server is stopping: who waits is refused with a word on when to come again, and so is who comes. Requests at
  /// replicas go on.
  package func close() { update { state, now in state.queue.close(now: now) } }

  /// Returns when the replica has no request, or the task is cancelled.
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

  /// Breaks off what the replica still has, by closing the connections to it: vLLM frees such requests within 0.12 s,
  /// whereas a SIGTERM would leave them standing.
  package func cutOff(_ id: String) {
    let cutters = state.withLock { state in state.queue.requests(at: id).compactMap { state.cutters[$0] } }
    for cut in cutters { cut() }
  }

  /// What is going on now.
  package var snapshot: AdmissionSnapshot {
    let now = Self.time(of: eventLoop)
    return state.withLock { state in
      AdmissionSnapshot(
        waiting: state.queue.waiting, inFlight: state.queue.dispatched,
        inFlightByReplica: state.replicas.keys.reduce(into: [:]) { $0[$1] = state.queue.load(of: $1) },
        needsReplica: state.queue.needsReplica, idleFor: state.queue.idleSince.map { now - $0 })
    }
  }

  // MARK: For the gateway

  /// The served entities that can be asked for.
  var entities: [String] { state.withLock { $0.queue.entities } }

  /// Whether there is a served entity of that name.
  func knows(entity: String) -> Bool { state.withLock { $0.queue.knows(entity) } }

  /// Waits for a place.
  func admit(pinnedTo entity: String?, _ departure: Departure) async -> Admission {
    await withCheckedContinuation { continuation in
      let draw = chance()
      let id = update { state, now in
        let id = state.nextID
        state.nextID += 1
        state.waiters[id] = continuation
        return (state.queue.arrive(id, pinnedTo: entity, draw: draw, now: now), id)
      }
      departure.whenLeft { [self] in leave(id) }
    }
  }

  /// The replica did not take the request: waits for another, while this one rests for `pause`.
  func bounce(_ ticket: AdmissionTicket, pause: Duration, _ departure: Departure) async -> Admission {
    trouble(ticket.replica.id)
    return await withCheckedContinuation { continuation in
      update { state, now in
        state.cutters[ticket.id] = nil
        state.waiters[ticket.id] = continuation
        return (state.queue.bounced(ticket.id, pause: pause, now: now), ())
      }
      departure.whenLeft { [self] in leave(ticket.id) }
      // The place may have been lost to a departure between the failure and this call.
      orphaned(ticket.id)?.resume(returning: .left)
    }
  }

  /// What ends the request when its replica is cut off.
  func whenCutOff(_ ticket: AdmissionTicket, _ cut: @escaping @Sendable () -> Void) {
    // A client that has left by now has given its place back; what it sent must not be kept for it.
    state.withLock { if $0.queue.isOpen(ticket.id) { $0.cutters[ticket.id] = cut } }
  }

  /// Gives the place back. Telling it twice does nothing.
  func finish(_ ticket: AdmissionTicket) {
    update { state, now in
      state.cutters[ticket.id] = nil
      return state.queue.finished(ticket.id, now: now)
    }
  }

  private func leave(_ id: AdmissionQueue.RequestID) {
    let waiter = update { state, now in
      state.cutters[id] = nil
      return (state.queue.left(id, now: now), state.waiters.removeValue(forKey: id))
    }
    waiter?.resume(returning: .left)
  }

  private func orphaned(_ id: AdmissionQueue.RequestID) -> CheckedContinuation<Admission, Never>? {
    state.withLock { state in state.queue.isOpen(id) ? nil : state.waiters.removeValue(forKey: id) }
  }

  // MARK: The machine's actions

  private func update(_ event: (inout State, Duration) -> [AdmissionQueue.Action]) {
    update { state, now in (event(&state, now), ()) }
  }

  private func update<Value>(_ event: (inout State, Duration) -> ([AdmissionQueue.Action], Value)) -> Value {
    let now = Self.time(of: eventLoop)
    let (effects, value) = state.withLock { state in
      let (actions, value) = event(&state, now)
      let effects = Self.perform(actions, on: &state)
      armTimer(&state, now: now)
      return (effects, value)
    }
    for (waiter, admission) in effects.answers { waiter.resume(returning: admission) }
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
        effects.answers.append((waiter, .admitted(AdmissionTicket(id: id, replica: upstream))))
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

  private static func time(of eventLoop: any EventLoop) -> Duration {
    .nanoseconds(Int64(clamping: eventLoop.now.uptimeNanoseconds))
  }
}

extension Duration {
  /// The whole of it in nanoseconds; what does not fit 64 bits is cut to the largest that does.
  var nanoseconds: Int64 {
    let (seconds, attoseconds) = components
    let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    return overflow ? (seconds < 0 ? .min : .max) : product + attoseconds / 1_000_000_000
  }
}
