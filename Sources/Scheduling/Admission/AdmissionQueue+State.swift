// What can be read from a queue.
extension AdmissionQueue {
  /// The number of waiting requests.
  package var waiting: Int { waitingRequests.count }

  /// The size of the bodies of the waiting requests.
  package var waitingBytes: Int { waitingRequests.bytes }

  /// The number of requests at replicas.
  package var dispatched: Int { inFlight.count }

  /// Whether the request waits or is at a replica.
  package func isOpen(_ id: RequestID) -> Bool { inFlight[id] != nil || waitingRequests.contains(id) }

  /// Returns the number of requests at a replica; nil for an unknown replica.
  package func load(of replica: ReplicaID) -> Int? { replicas.load(of: replica) }

  /// Returns the requests at a replica.
  package func requests(at replica: ReplicaID) -> [RequestID] {
    inFlight.filter { $0.value.replica == replica }.map(\.key).sorted()
  }

  /// Whether the request at a replica had to wait because no replica served its entity when it arrived.
  package func hasMetNoReplica(_ id: RequestID) -> Bool { inFlight[id]?.request.hasMetNoReplica ?? false }

  /// Returns the served entities that requests need and of which no replica takes requests. A request that could not
  /// wait counts for as long as others may wait.
  package func awaited(now: Duration) -> Set<String> {
    let waitedFor = waitingRequests.lanesWithRequests.compactMap { waitingRequests.entity(of: $0) }
    let missing = missed.filter { now < $0.value + policy.maxWait }
    return Set(waitedFor.filter { !isServed($0) }).union(missing.keys)
  }

  /// Returns the load of each served entity: the requests that wait for it or are at its replicas, except at those that
  /// get no new ones. For a second after it was refused, a request that found no slot counts as waiting.
  package func requests(now: Duration) -> [String: Int] {
    let refused = refusedAt.filter { now < $0.value + .seconds(1) }.mapValues { _ in 1 }
    return waitingRequests.countByEntity.merging(replicas.loadByEntity, uniquingKeysWith: +)
      .merging(refused, uniquingKeysWith: +)
  }

  /// Whether a request is waiting that no current replica can take.
  package var needsReplica: Bool {
    waitingRequests.lanesWithRequests.contains { !isServed(waitingRequests.entity(of: $0)) }
  }

  /// Whether the request waits and no current replica can take it.
  package func isUnserved(_ id: RequestID) -> Bool {
    guard let lane = waitingRequests.lane(of: id) else { return false }
    return !isServed(waitingRequests.entity(of: lane))
  }

  /// The entities of the traffic split, in its order, followed by those of other replicas.
  package var entities: [String] {
    traffic.entities + replicas.entities.subtracting(traffic.entities).sorted()
  }

  /// Whether a request for this entity can be served, now or later.
  package func knows(_ entity: String) -> Bool { traffic.entities.contains(entity) || replicas.has(entity) }
}
