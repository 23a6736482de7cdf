/// Decides which request goes to which replica of one endpoint, and which ones wait: a state machine without clock,
/// lock or task.
///
/// An event goes in, actions come out, and the shell performs them. Times are durations since any fixed origin, and
/// never go back.
///
/// It guarantees that a replica never has more requests than its capacity, that the requests of one principal for the
/// same served entity are sent in order of arrival, that waiting principals take turns, that none of them keeps the
/// others out of a full queue, that no request waits while a replica can take it, and that each request ends exactly
/// once: by ``finished(_:now:)`` after a dispatch, by ``left(_:now:)``, or by a refusal. A slot at a replica is taken
/// at dispatch and freed in `release`, nowhere else.
///
/// With n waiting requests, an event takes O(log n), plus one step for each replica. Only what concerns all requests
/// takes longer: a changed split of the traffic, a changed policy, and the end.
package struct AdmissionQueue: Sendable {
  package typealias RequestID = UInt64
  package typealias ReplicaID = String

  /// What the shell has to do.
  package enum Action: Hashable, Sendable {
    /// Send the request to the replica; its slot is taken.
    case dispatch(RequestID, ReplicaID)
    /// Answer the request with a refusal, which ends it.
    case refuse(RequestID, AdmissionRefusal)
    /// A request waits, or could not even wait, and no replica can take it: start one.
    case wake
    /// A draining replica has no request left.
    case drained(ReplicaID)
  }

  struct InFlight {
    let request: QueuedRequest
    let replica: ReplicaID
  }

  package private(set) var policy: AdmissionPolicy
  var waitingRequests = WaitingRequests()
  var inFlight: [RequestID: InFlight] = [:]
  var replicas = ReplicaChoice()
  var traffic = TrafficSplit()
  var rate: ServiceRate
  var unavailableReason: String?
  var isClosed = false
  /// The served entities without a replica for which a request arrived that could not wait, and when the last one did.
  /// Later requests then find a replica.
  var missed: [String: Duration] = [:]
  /// When a request for a served entity was last refused because its replicas had no free slot.
  var refusedAt: [String: Duration] = [:]
  /// The time since which nothing waits and nothing is in flight; nil while something is.
  package internal(set) var idleSince: Duration?

  package init(policy: AdmissionPolicy, now: Duration) {
    self.policy = policy
    rate = ServiceRate(now: now)
    idleSince = now
  }

  // MARK: Events about requests

  /// Handles the arrival of a request.
  /// - Parameters:
  ///   - id: a number that no other request has.
  ///   - principal: who sends it. Waiting principals take turns.
  ///   - pinned: the served entity that it must go to, regardless of the traffic split.
  ///   - draw: a number from 0 up to 1 that selects its entity; kept, so that a changed split routes it again.
  ///   - bytes: the size of its body.
  ///   - affinity: the hash of what it has in common with the requests that should go to the same replica; nil for the
  ///     least loaded replica.
  ///   - maxWait: how long its client lets it wait; zero if not at all.
  ///   - isHoldable: whether its body may be held, for the caller's bound on the bodies of all endpoints. A request
  ///     that a replica can take at once does not need it.
  package mutating func arrive(
    _ id: RequestID, principal: String = "", pinnedTo pinned: String? = nil, draw: Double, bytes: Int = 0,
    affinity: UInt64? = nil, maxWait: Duration? = nil, isHoldable: Bool = true, now: Duration
  ) -> [Action] {
    measure(now)
    idleSince = nil
    var request = QueuedRequest(
      id: id, principal: principal, pinned: pinned, draw: draw, affinity: affinity, bytes: bytes, arrival: now,
      maxWait: maxWait)
    if isClosed { return refuse(request, .stopping, now: now) }
    if let pinned, !knows(pinned) { return refuse(request, .unknownEntity(pinned), now: now) }
    let entity = traffic.entity(for: request)
    let isServed = isServed(entity)
    if let unavailableReason, !isServed { return refuse(request, .unavailable(reason: unavailableReason), now: now) }
    // A pause may have ended: waiting requests come first.
    let actions = dispatchWaiting(now: now)
    if let entity, let replica = replicas.choose(for: request, in: entity, now: now) {
      return actions + [dispatch(request, to: replica)]
    }
    let displaced = displaced(by: request)
    if let refusal = refusalToWait(request, displacing: displaced?.request, isHoldable: isHoldable, now: now) {
      let refused = actions + refuse(request, refusal, now: now)
      guard let entity else { return refused }
      if isServed { refusedAt[entity] = now } else { missed[entity] = now }
      return isServed ? refused : refused + [.wake]
    }
    request.hasMetNoReplica = !isServed
    waitingRequests.append(request, to: entity, deadline: request.deadline(policy))
    var others: [Action] = []
    if let displaced { others = refuse(displaced: displaced.request, for: displaced.bound, now: now) }
    return actions + others + (isServed ? [] : [.wake])
  }

  /// Handles the end of a dispatched request: it was answered completely, or its upstream failed permanently.
  package mutating func finished(_ id: RequestID, now: Duration) -> [Action] { left(id, now: now) }

  /// Handles a client that disconnected, wherever its request is. Unknown and ended requests are ignored.
  package mutating func left(_ id: RequestID, now: Duration) -> [Action] {
    measure(now)
    if waitingRequests.remove(id) != nil {
      noteIdle(now: now)
      return []
    }
    guard let freed = release(id) else { return [] }
    if waiting > 0 { rate.countFinish() }
    let actions = freed.actions + dispatchWaiting(now: now)
    noteIdle(now: now)
    return actions
  }

  /// Handles a request that the replica did not accept and did not begin to answer: it waits again with its old
  /// deadline, before the later requests of its principal, and the replica is paused for `pause`. The bounds of the
  /// queue do not apply to it.
  ///
  /// - Parameter pause: nil if the replica can take other requests, but never this one: it then gets the others without
  ///   a pause.
  package mutating func bounced(_ id: RequestID, pause: Duration?, now: Duration) -> [Action] {
    measure(now)
    guard let freed = release(id) else { return [] }
    var request = freed.entry.request
    if let pause {
      replicas.pause(freed.entry.replica, until: now + pause)
      request.attempts += 1
    } else {
      request.avoided.insert(freed.entry.replica)
    }
    var actions = freed.actions
    if isClosed {
      actions += refuse(request, .stopping, now: now)
    } else if request.attempts >= policy.maxAttempts {
      actions += refuse(request, .replicasFailed(attempts: request.attempts), now: now)
    } else if let pinned = request.pinned, !knows(pinned) {
      actions += refuse(request, .unknownEntity(pinned), now: now)
    } else {
      waitingRequests.putBack(request, to: traffic.entity(for: request), deadline: request.deadline(policy))
    }
    actions += dispatchWaiting(now: now)
    actions += refuseUnroutable(now: now)
    actions += refuseLate(now: now)
    noteIdle(now: now)
    return actions + wakeIfNeeded()
  }

  // MARK: Events about replicas

  /// Handles a replica that accepts up to `capacity` concurrent requests. A repeated call updates the capacity and ends
  /// a pause.
  package mutating func replicaReady(
    _ id: ReplicaID, entity: String, capacity: Int, now: Duration
  ) -> [Action] {
    measure(now)
    replicas.ready(id, entity: entity, capacity: capacity)
    missed[entity] = nil
    unavailableReason = nil
    reroute()
    return dispatchWaiting(now: now)
  }

  /// Handles a replica that finishes its requests and gets no new ones.
  package mutating func replicaDraining(_ id: ReplicaID, now: Duration) -> [Action] {
    guard replicas.load(of: id) != nil else { return [.drained(id)] }
    let drained: [Action] = replicas.drain(id) ? [.drained(id)] : []
    reroute()
    return drained + dispatchWaiting(now: now) + wakeIfNeeded()
  }

  /// Handles a replica that has ended. Its requests end when their connections break.
  package mutating func replicaGone(_ id: ReplicaID, now: Duration) -> [Action] {
    replicas.remove(id)
    reroute()
    return [.drained(id)] + dispatchWaiting(now: now) + refuseUnroutable(now: now) + wakeIfNeeded()
  }

  /// Handles a replica that could not be reached or has stalled: it gets no new requests for `pause`, and is tried
  /// again after it.
  package mutating func trouble(_ id: ReplicaID, pause: Duration, now: Duration) {
    replicas.pause(id, until: now + pause)
  }

  /// Handles a replica that was in trouble and works again: its pause ends. One that is draining continues to drain.
  package mutating func replicaRecovered(_ id: ReplicaID, now: Duration) -> [Action] {
    measure(now)
    replicas.endPause(id)
    return dispatchWaiting(now: now)
  }

  // MARK: Settings

  /// Sets the traffic split: weights per served entity, also for waiting requests. An entity with weight 0 is known and
  /// can be requested by name. Requests pinned to an entity that is not in the split are refused.
  package mutating func setTraffic(_ weights: [(entity: String, weight: Int)], now: Duration) -> [Action] {
    traffic.set(weights)
    reroute()
    missed = missed.filter { knows($0.key) }
    refusedAt = refusedAt.filter { knows($0.key) }
    return dispatchWaiting(now: now) + refuseUnroutable(now: now) + wakeIfNeeded()
  }

  /// Changes the limits. The time to wait applies to waiting requests too, from their arrival; the other bounds apply
  /// to new ones.
  package mutating func setPolicy(_ policy: AdmissionPolicy, now: Duration) -> [Action] {
    let isSameWait = policy.maxWait == self.policy.maxWait
    self.policy = policy
    if !isSameWait { rebuild() }
    return dispatchWaiting(now: now) + refuseLate(now: now)
  }

  /// Sets the reason why no replica is starting (the endpoint failed to start, or is stopped): requests that no replica
  /// can take are then refused at once instead of waiting. A replica that becomes ready clears it, and so does nil.
  package mutating func setUnavailable(reason: String?, now: Duration) -> [Action] {
    unavailableReason = reason
    if reason != nil { missed = [:] }
    return refuseUnroutable(now: now)
  }

  /// Stops the queue: waiting and new requests are refused. Requests at replicas continue.
  package mutating func close(now: Duration) -> [Action] {
    isClosed = true
    return waitingRequests.takeAll().flatMap { refuse($0, .stopping, now: now) }
  }

  // MARK: Time

  /// Handles deadlines and the ends of pauses; to be called at ``nextTick`` or later.
  package mutating func tick(now: Duration) -> [Action] {
    measure(now)
    replicas.endPauses(now: now)
    return dispatchWaiting(now: now) + refuseLate(now: now)
  }

  /// The next time at which ``tick(now:)`` has something to do.
  package var nextTick: Duration? {
    guard let deadline = waitingRequests.nextDeadline else { return nil }
    return replicas.nextPauseEnd.map { min($0, deadline) } ?? deadline
  }
}
