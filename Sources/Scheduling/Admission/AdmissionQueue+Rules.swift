// The rules, which all events share.
extension AdmissionQueue {
  func isServed(_ entity: String?) -> Bool { entity.map(replicas.serves) ?? false }

  mutating func measure(_ now: Duration) { rate.advance(to: now, isQueueing: waiting > 0) }

  mutating func dispatch(_ request: QueuedRequest, to replica: ReplicaID) -> Action {
    replicas.take(replica)
    inFlight[request.id] = InFlight(request: request, replica: replica)
    return .dispatch(request.id, replica)
  }

  /// Frees the request's slot at its replica; the only function that does.
  mutating func release(_ id: RequestID) -> (entry: InFlight, actions: [Action])? {
    guard let entry = inFlight.removeValue(forKey: id) else { return nil }
    return (entry, replicas.giveBack(entry.replica) ? [.drained(entry.replica)] : [])
  }

  mutating func refuse(_ request: QueuedRequest, _ why: AdmissionRefusal, now: Duration) -> [Action] {
    noteIdle(now: now)
    return [.refuse(request.id, why)]
  }

  mutating func noteIdle(now: Duration) {
    idleSince = waiting == 0 && inFlight.isEmpty ? idleSince ?? now : nil
  }

  /// Returns why a request that no replica can take now may not wait for one.
  ///
  /// - Parameter displaced: the request that is refused if this one waits.
  func refusalToWait(
    _ request: QueuedRequest, displacing displaced: QueuedRequest?, isHoldable: Bool, now: Duration
  ) -> AdmissionRefusal? {
    if request.deadline(policy) <= now { return timedOut(request, now: now) }
    let bound: QueueBound
    if request.bytes > policy.queueBytes {
      bound = .body(limit: policy.queueBytes)
    } else if let exceeded = exceededBound(by: request, displacing: displaced) {
      bound = exceeded
    } else if !isHoldable {
      bound = .totalBytes
    } else {
      return nil
    }
    return .queueFull(bound, waiting: waiting, retryAfter: rate.time(for: waiting + 1))
  }

  private func exceededBound(by request: QueuedRequest, displacing displaced: QueuedRequest?) -> QueueBound? {
    if waiting - (displaced == nil ? 0 : 1) >= policy.maxWaiting { return .length }
    return waitingBytes - (displaced?.bytes ?? 0) + request.bytes > policy.queueBytes ? .bytes : nil
  }

  /// Returns the request that gives way in a full queue, and the bound that is reached. It is the newest request of the
  /// principal with the most, if that principal still has at least as many as the new request's principal afterwards.
  func displaced(by request: QueuedRequest) -> (request: QueuedRequest, bound: QueueBound)? {
    guard let bound = exceededBound(by: request, displacing: nil),
      waitingRequests.count(of: request.principal) + 1 < waitingRequests.mostOfOnePrincipal,
      let newest = waitingRequests.newestOfLargestPrincipal,
      // The bounds do not apply to a request that a replica did not take.
      newest.attempts == 0, newest.avoided.isEmpty
    else { return nil }
    return (newest, bound)
  }

  mutating func refuse(displaced request: QueuedRequest, for bound: QueueBound, now: Duration) -> [Action] {
    guard waitingRequests.remove(request.id) != nil else { return [] }
    return refuse(request, .queueFull(bound, waiting: waiting, retryAfter: rate.time(for: waiting + 1)), now: now)
  }

  private func timedOut(_ request: QueuedRequest, now: Duration) -> AdmissionRefusal {
    let isServing = traffic.entity(for: request).map { replicas.answers($0, now: now) } ?? false
    return .timedOut(
      after: now - request.arrival, waiting: waiting, isServing: isServing, retryAfter: rate.time(for: waiting + 1))
  }

  /// Dispatches every request that a replica can take.
  mutating func dispatchWaiting(now: Duration) -> [Action] {
    var actions: [Action] = []
    while let (lane, replica) = nextDispatch(now: now), let request = waitingRequests.takeNext(in: lane) {
      actions.append(dispatch(request, to: replica))
    }
    return actions
  }

  private func nextDispatch(now: Duration) -> (lane: Int, replica: ReplicaID)? {
    for lane in waitingRequests.lanesWithRequests {
      guard let entity = waitingRequests.entity(of: lane), let request = waitingRequests.next(in: lane),
        let replica = replicas.choose(for: request, in: entity, now: now)
      else { continue }
      return (lane, replica)
    }
    return nil
  }

  mutating func refuseLate(now: Duration) -> [Action] {
    var actions: [Action] = []
    while let request = waitingRequests.takeLate(now: now) {
      actions += refuse(request, timedOut(request, now: now), now: now)
    }
    return actions
  }

  /// Refuses the requests that wait for an entity or a replica that will not come.
  mutating func refuseUnroutable(now: Duration) -> [Action] {
    var actions: [Action] = []
    for lane in Array(waitingRequests.lanesWithRequests) {
      let entity = waitingRequests.entity(of: lane)
      if isServed(entity) { continue }
      let refusal: AdmissionRefusal
      if let entity, !knows(entity) {
        refusal = .unknownEntity(entity)
      } else if let unavailableReason {
        refusal = .unavailable(reason: unavailableReason)
      } else {
        continue
      }
      for request in waitingRequests.takeAll(in: lane) { actions += refuse(request, refusal, now: now) }
    }
    return actions
  }

  func wakeIfNeeded() -> [Action] { needsReplica ? [.wake] : [] }

  /// Routes the waiting requests again if the entities that share the traffic have changed.
  mutating func reroute() {
    if traffic.share(among: replicas) { rebuild() }
  }

  /// Routes the waiting requests again, with their deadlines.
  mutating func rebuild() {
    for request in waitingRequests.takeAll() {
      waitingRequests.append(request, to: traffic.entity(for: request), deadline: request.deadline(policy))
    }
  }
}
