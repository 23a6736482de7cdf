import HTTPSupport
import Scheduling
import Synchronization

// What the gateway asks of an endpoint's admission control, for each request.
extension EndpointAdmission {
  /// The phase of the starting replica, and how long it has lasted: `loading weights, 12s`; nil if none is starting.
  var startPhase: String? {
    let now = Self.time(of: eventLoop)
    return state.withLock { state in
      state.startPhase.map { "\($0.name), \((now - $0.since).components.seconds)s" }
    }
  }

  /// What is left of the start that requests wait for, or will; nil if unknown, or if it takes longer than expected.
  var startTimeLeft: Duration? {
    let now = Self.time(of: eventLoop)
    guard let start = state.withLock({ $0.start }) else { return nil }
    let left = start.lasts - (start.since.map { now - $0 } ?? .zero)
    return left > .zero ? left : nil
  }

  /// Whether the request waits and no current replica can take it.
  func isUnserved(_ id: AdmissionQueue.RequestID) -> Bool { state.withLock { $0.queue.isUnserved(id) } }

  /// The served entities that can be requested.
  var entities: [String] { state.withLock { $0.queue.entities } }

  /// Whether a served entity of that name exists.
  func knows(entity: String) -> Bool { state.withLock { $0.queue.knows(entity) } }

  /// What requests must have in common to be sent to the same replica.
  var affinity: ReplicaAffinity { state.withLock { $0.queue.policy.affinity } }

  /// Requests a slot at a replica.
  ///
  /// - Parameter deliver: called once, when the wait ends, unless the request leaves before: at once on the caller's
  ///   thread, or later on any thread.
  /// - Returns: the request's number, for ``leave(_:)``.
  func admit(
    _ request: AdmissionRequest, deliver: @escaping @Sendable (Admission) -> Void
  ) -> AdmissionQueue.RequestID {
    let draw = chance()
    // Reserved before the queue counts them, so that endpoints together never exceed the bound.
    let isHoldable = heldBytes.reserve(request.bytes)
    return update(reserved: isHoldable ? request.bytes : 0) { state, now in
      let id = state.nextID
      state.nextID += 1
      state.waiters[id] = deliver
      let actions = state.queue.arrive(
        id, principal: request.principal.name, pinnedTo: request.entity, draw: draw, bytes: request.bytes,
        affinity: request.affinity, maxWait: request.maxWait, isHoldable: isHoldable, now: now)
      return (actions, id)
    }
  }

  /// Requests a slot at another replica because this one did not take the request.
  ///
  /// - Parameters:
  ///   - pause: how long this one gets no requests; nil if it can take other requests, but never this one.
  ///   - isBusy: whether it only had too many requests. A busy replica works, so a check would end its pause too early.
  func bounce(
    _ ticket: AdmissionTicket, pause: Duration?, isBusy: Bool = false,
    deliver: @escaping @Sendable (Admission) -> Void
  ) {
    update { state, now in
      state.cutters[ticket.id] = nil
      state.waiters[ticket.id] = deliver
      return state.queue.bounced(ticket.id, pause: pause, now: now)
    }
    // Only now, so that a check that follows at once finds the pause that it may end.
    if pause != nil, !isBusy { trouble(ticket.replica.id) }
  }

  /// Reports that the replica has stopped sending in the middle of the request: it is paused for `pause`.
  func stalled(_ ticket: AdmissionTicket, pause: Duration) {
    update { state, now in
      state.queue.trouble(ticket.replica.id, pause: pause, now: now)
      return []
    }
    trouble(ticket.replica.id)
  }

  /// Gives up waiting, because the client left.
  func leave(_ id: AdmissionQueue.RequestID) {
    update { state, now in
      state.cutters[id] = nil
      state.waiters[id] = nil
      return state.queue.left(id, now: now)
    }
  }

  /// Registers what ends the request when its replica is cut off.
  func whenCutOff(_ ticket: AdmissionTicket, _ cut: @escaping @Sendable () -> Void) {
    // The slot of a client that has already left is free; a closure for it must not be kept.
    state.withLock { if $0.queue.isOpen(ticket.id) { $0.cutters[ticket.id] = cut } }
  }

  /// Frees the slot. Repeated calls do nothing.
  func finish(_ ticket: AdmissionTicket) {
    update { state, now in
      state.cutters[ticket.id] = nil
      return state.queue.finished(ticket.id, now: now)
    }
  }
}
