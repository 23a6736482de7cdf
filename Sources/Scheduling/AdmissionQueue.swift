/// Decides which request goes to which replica of one endpoint, and which ones wait: a state machine without clock,
/// lock or task.
///
/// An event goes in, actions come out, and the shell performs them. Times are durations since any fixed origin.
///
/// It guarantees that a replica never has more requests than its capacity, that requests for the same served entity are
/// sent in order of arrival, that no request waits while a place for it is free, and that each request ends exactly
/// once: by ``finished(_:now:)`` after a dispatch, by ``left(_:now:)``, or by a refusal. A place is taken at dispatch
/// and given back in ``release(_:)``, nowhere else.
package struct AdmissionQueue: Sendable {
  package typealias RequestID = UInt64
  package typealias ReplicaID = String

  /// What the shell has to do.
  package enum Action: Hashable, Sendable {
    /// Send the request to the replica; its place is reserved.
    case dispatch(RequestID, ReplicaID)
    /// Answer the request with a refusal, which ends it.
    case refuse(RequestID, AdmissionRefusal)
    /// A request waits and no replica can take it: start one.
    case wake
    /// A draining replica has no request left.
    case drained(ReplicaID)
  }

  private struct Waiting {
    let id: RequestID
    let pinned: String?
    let draw: Double
    let since: Duration
    let deadline: Duration
    var attempts: Int
    /// The replicas that cannot take it.
    var avoided: Set<ReplicaID> = []
  }

  private struct InFlight {
    let request: Waiting
    let replica: ReplicaID
  }

  private struct Replica {
    var entity: String
    var capacity: Int
    var draining = false
    var inFlight = 0
    /// The time until which it gets no requests, because it refused one or could not be reached.
    var pausedUntil: Duration?
    /// The number of its last dispatch; breaks ties, so that equally loaded replicas take turns.
    var lastDispatch: UInt64 = 0
  }

  /// The limits. A change applies to requests that arrive after it.
  package var policy: AdmissionPolicy
  private var queue: [Waiting] = []
  private var inFlight: [RequestID: InFlight] = [:]
  private var replicas: [ReplicaID: Replica] = [:]
  private var traffic: [(entity: String, weight: Int)] = []
  private var unavailableReason: String?
  private var isClosed = false
  private var dispatches: UInt64 = 0
  /// The time since which nothing waits and nothing is in flight; nil while something is.
  private(set) package var idleSince: Duration?

  package init(policy: AdmissionPolicy, now: Duration) {
    self.policy = policy
    idleSince = now
  }

  // MARK: Events about requests

  /// Handles the arrival of a request.
  /// - Parameters:
  ///   - pinned: the served entity that it must go to, regardless of the traffic split.
  ///   - draw: a number from 0 up to 1 that selects its entity; kept, so that a changed split routes it again.
  package mutating func arrive(
    _ id: RequestID, pinnedTo pinned: String? = nil, draw: Double, now: Duration
  ) -> [Action] {
    idleSince = nil
    let request = Waiting(
      id: id, pinned: pinned, draw: draw, since: now, deadline: now + policy.maxWait, attempts: 0)
    if isClosed { return refuse(request, .stopping, now: now) }
    if let pinned, !knows(pinned) { return refuse(request, .unknownEntity(pinned), now: now) }
    if let reason = unavailableReason, candidates(for: request).isEmpty {
      return refuse(request, .unavailable(reason: reason), now: now)
    }
    queue.append(request)
    var actions = dispatchWaiting(now: now)
    // Checked after the dispatch: a place may be free even if the queue is full of requests for another entity.
    if queue.count > policy.maxWaiting, let index = queue.lastIndex(where: { $0.id == id }) {
      queue.remove(at: index)
      actions += refuse(request, .queueFull(waiting: queue.count), now: now)
    } else if queue.last?.id == id, candidates(for: request).isEmpty {
      actions.append(.wake)
    }
    return actions
  }

  /// Handles the end of a dispatched request: it was answered completely, or its upstream failed permanently.
  package mutating func finished(_ id: RequestID, now: Duration) -> [Action] { left(id, now: now) }

  /// Handles a client that disconnected, wherever its request is. Unknown and ended requests are ignored.
  package mutating func left(_ id: RequestID, now: Duration) -> [Action] {
    if let index = queue.firstIndex(where: { $0.id == id }) {
      queue.remove(at: index)
      noteIdle(now: now)
      return []
    }
    guard let freed = release(id) else { return [] }
    let actions = freed.actions + dispatchWaiting(now: now)
    noteIdle(now: now)
    return actions
  }

  /// Handles a request that the replica did not accept and did not begin to answer: it returns to the head of the queue
  /// with its old deadline, and the replica is paused for `pause`.
  ///
  /// - Parameter pause: nil if the replica can take other requests, but never this one: it then gets the others without
  ///   a pause.
  package mutating func bounced(_ id: RequestID, pause: Duration?, now: Duration) -> [Action] {
    guard let freed = release(id) else { return [] }
    var request = freed.entry.request
    if let pause {
      replicas[freed.entry.replica]?.pausedUntil = now + pause
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
      // Ahead of later arrivals, behind earlier ones that bounced.
      let index = queue.firstIndex { $0.since > request.since || ($0.since == request.since && $0.id > request.id) }
      queue.insert(request, at: index ?? queue.endIndex)
    }
    actions += dispatchWaiting(now: now)
    actions += refuseUnroutable(now: now)
    noteIdle(now: now)
    return actions + wakeIfNeeded()
  }

  // MARK: Events about replicas

  /// Handles a replica that accepts up to `capacity` concurrent requests. A repeated call updates the capacity and ends
  /// a pause.
  package mutating func replicaReady(
    _ id: ReplicaID, entity: String, capacity: Int, now: Duration
  ) -> [Action] {
    // A replica that comes back under its old name still has the requests that have not noticed its absence.
    var replica =
      replicas[id] ?? Replica(entity: entity, capacity: 0, inFlight: inFlight.values.count { $0.replica == id })
    replica.entity = entity
    replica.capacity = max(0, capacity)
    replica.draining = false
    replica.pausedUntil = nil
    replicas[id] = replica
    unavailableReason = nil
    return dispatchWaiting(now: now)
  }

  /// Handles a replica that finishes its requests and gets no new ones.
  package mutating func replicaDraining(_ id: ReplicaID, now: Duration) -> [Action] {
    guard var replica = replicas[id] else { return [.drained(id)] }
    replica.draining = true
    replicas[id] = replica
    return (replica.inFlight == 0 ? [.drained(id)] : []) + wakeIfNeeded()
  }

  /// Handles a replica that has ended. Its requests end when their connections break.
  package mutating func replicaGone(_ id: ReplicaID, now: Duration) -> [Action] {
    replicas[id] = nil
    return [.drained(id)] + dispatchWaiting(now: now) + refuseUnroutable(now: now) + wakeIfNeeded()
  }

  /// Sets the traffic split: weights per served entity, also for waiting requests. An entity with weight 0 is known and
  /// can be requested by name. Requests pinned to an entity that is not in the split are refused.
  package mutating func setTraffic(_ weights: [(entity: String, weight: Int)], now: Duration) -> [Action] {
    traffic = weights.map { ($0.entity, max(0, $0.weight)) }
    return dispatchWaiting(now: now) + refuseUnroutable(now: now) + wakeIfNeeded()
  }

  /// Sets the reason why no replica is starting (the endpoint failed to start, or is stopped): requests that no replica
  /// can take are then refused at once instead of waiting. A replica that becomes ready clears it, and so does nil.
  package mutating func setUnavailable(reason: String?, now: Duration) -> [Action] {
    unavailableReason = reason
    return refuseUnroutable(now: now)
  }

  /// Stops the queue: waiting and new requests are refused. Requests at replicas continue.
  package mutating func close(now: Duration) -> [Action] {
    isClosed = true
    let requests = queue
    queue = []
    return requests.flatMap { refuse($0, .stopping, now: now) }
  }

  // MARK: Time

  /// Handles deadlines and the ends of pauses; to be called at ``nextTick`` or later.
  package mutating func tick(now: Duration) -> [Action] {
    for (id, replica) in replicas where replica.pausedUntil.map({ $0 <= now }) == true {
      replicas[id]?.pausedUntil = nil
    }
    var actions = dispatchWaiting(now: now)
    let late = queue.filter { $0.deadline <= now }
    queue.removeAll { $0.deadline <= now }
    for request in late { actions += refuse(request, .timedOut(after: now - request.since), now: now) }
    return actions
  }

  /// The next time at which ``tick(now:)`` has something to do.
  package var nextTick: Duration? {
    guard !queue.isEmpty else { return nil }
    let pauses = replicas.values.lazy.compactMap(\.pausedUntil).min()
    let deadline = queue.lazy.map(\.deadline).min()
    return [pauses, deadline].compactMap { $0 }.min()
  }

  // MARK: State

  /// The number of waiting requests.
  package var waiting: Int { queue.count }

  /// The number of requests at replicas.
  package var dispatched: Int { inFlight.count }

  /// Whether the request waits or is at a replica.
  package func isOpen(_ id: RequestID) -> Bool { inFlight[id] != nil || queue.contains { $0.id == id } }

  /// Returns the number of requests at a replica; nil for an unknown replica.
  package func load(of replica: ReplicaID) -> Int? { replicas[replica]?.inFlight }

  /// Returns the requests at a replica.
  package func requests(at replica: ReplicaID) -> [RequestID] {
    inFlight.filter { $0.value.replica == replica }.map(\.key).sorted()
  }

  /// Whether a request is waiting that no current replica can take.
  package var needsReplica: Bool { queue.contains { candidates(for: $0).isEmpty } }

  /// The entities of the traffic split, in its order, followed by those of other replicas.
  package var entities: [String] {
    let split = traffic.map(\.entity)
    let others = Set(replicas.values.filter { !$0.draining }.map(\.entity)).subtracting(split)
    return split + others.sorted()
  }

  // MARK: The rules

  /// Whether a request for this entity can be served, now or later.
  package func knows(_ entity: String) -> Bool {
    traffic.contains { $0.entity == entity } || replicas.values.contains { $0.entity == entity && !$0.draining }
  }

  /// Releases the request's place; the only function that does.
  private mutating func release(_ id: RequestID) -> (entry: InFlight, actions: [Action])? {
    guard let entry = inFlight.removeValue(forKey: id) else { return nil }
    guard var replica = replicas[entry.replica] else { return (entry, []) }
    replica.inFlight -= 1
    replicas[entry.replica] = replica
    return (entry, replica.draining && replica.inFlight == 0 ? [.drained(entry.replica)] : [])
  }

  private mutating func refuse(_ request: Waiting, _ why: AdmissionRefusal, now: Duration) -> [Action] {
    noteIdle(now: now)
    return [.refuse(request.id, why)]
  }

  private mutating func noteIdle(now: Duration) {
    idleSince = queue.isEmpty && inFlight.isEmpty ? idleSince ?? now : nil
  }

  /// Returns the entities that a request may go to now, with their weights. An entity without a serving replica leaves
  /// its share to the others; empty means that the request has to wait.
  private func candidates(for request: Waiting) -> [(entity: String, weight: Int)] {
    func serves(_ entity: String) -> Bool {
      replicas.values.contains { $0.entity == entity && !$0.draining && $0.capacity > 0 }
    }
    if let pinned = request.pinned { return serves(pinned) ? [(pinned, 1)] : [] }
    return traffic.filter { $0.weight > 0 && serves($0.entity) }
  }

  /// Returns the entity that the request's draw selects.
  private func route(_ request: Waiting) -> String? {
    let shares = candidates(for: request)
    var point = request.draw * Double(shares.reduce(0) { $0 + $1.weight })
    for share in shares {
      point -= Double(share.weight)
      if point < 0 { return share.entity }
    }
    return shares.last?.entity
  }

  /// Returns the least loaded replica of an entity that has a free place for a request.
  private func place(for request: Waiting, in entity: String, now: Duration) -> ReplicaID? {
    replicas.lazy
      .filter { id, replica in
        !request.avoided.contains(id) && replica.entity == entity && !replica.draining
          && replica.inFlight < replica.capacity
          && replica.pausedUntil.map { $0 <= now } != false
      }
      .min { ($0.value.inFlight, $0.value.lastDispatch, $0.key) < ($1.value.inFlight, $1.value.lastDispatch, $1.key) }?
      .key
  }

  /// Dispatches every request for which there is a place, first come, first served within an entity.
  private mutating func dispatchWaiting(now: Duration) -> [Action] {
    var actions: [Action] = []
    var full: Set<String> = []
    var index = 0
    while index < queue.count {
      let request = queue[index]
      guard let entity = route(request), !full.contains(entity) else {
        index += 1
        continue
      }
      guard let replica = place(for: request, in: entity, now: now) else {
        guard request.avoided.isEmpty else {
          index += 1
          continue
        }
        full.insert(entity)
        // With one entity, as is usual, no later request can be dispatched either.
        if traffic.count <= 1 && !queue.contains(where: { $0.pinned != nil }) { break }
        index += 1
        continue
      }
      queue.remove(at: index)
      dispatches += 1
      replicas[replica]?.inFlight += 1
      replicas[replica]?.lastDispatch = dispatches
      inFlight[request.id] = InFlight(request: request, replica: replica)
      actions.append(.dispatch(request.id, replica))
    }
    return actions
  }

  /// Refuses the requests that wait for an entity or a replica that will not come.
  private mutating func refuseUnroutable(now: Duration) -> [Action] {
    var actions: [Action] = []
    for request in queue {
      if let pinned = request.pinned, !knows(pinned) {
        queue.removeAll { $0.id == request.id }
        actions += refuse(request, .unknownEntity(pinned), now: now)
      } else if let reason = unavailableReason, candidates(for: request).isEmpty {
        queue.removeAll { $0.id == request.id }
        actions += refuse(request, .unavailable(reason: reason), now: now)
      }
    }
    return actions
  }

  private func wakeIfNeeded() -> [Action] { needsReplica ? [.wake] : [] }
}
