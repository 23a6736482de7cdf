/// A request in an ``AdmissionQueue``, from its arrival to its end: while it waits, and while a replica has it.
struct QueuedRequest: Sendable {
  let id: UInt64
  /// Who sends it.
  let principal: String
  /// The served entity that it must go to.
  let pinned: String?
  /// A number from 0 up to 1 that selects its entity.
  let draw: Double
  /// The hash of what it has in common with the requests that should go to the same replica.
  let affinity: UInt64?
  /// The size of its body.
  let bytes: Int
  let arrival: Duration
  /// How long its client lets it wait.
  let maxWait: Duration?
  var attempts = 0
  /// Whether no replica served its entity when it arrived.
  var hasMetNoReplica = false
  /// The replicas that cannot take it.
  var avoided: Set<String> = []

  /// The end of its wait, which counts from its arrival, whatever happens in between.
  func deadline(_ policy: AdmissionPolicy) -> Duration { arrival + min(policy.maxWait, maxWait ?? policy.maxWait) }

  func arrived(before other: QueuedRequest) -> Bool { (arrival, id) < (other.arrival, other.id) }
}

/// The requests that wait, in the order in which they are dispatched: for each served entity, principals take turns,
/// and the requests of one principal proceed in order of arrival.
///
/// A *lane* holds the requests that the same replicas can take: those for one entity, apart from those that some of its
/// replicas cannot take. Lanes take turns too. A *line* holds the requests of one principal in a lane. All operations
/// take O(log n), except those that concern all requests.
struct WaitingRequests: Sendable {
  private struct Lane: Hashable, Sendable {
    let entity: String?
    let avoided: Set<String>
  }

  private struct Line: Hashable, Sendable {
    let lane: Int
    let principal: String
  }

  private var ids = SlotNames<UInt64>()
  /// By slot.
  private var requests: [QueuedRequest] = []
  private var deadlines = DelayHeap()
  private var lanes = SlotNames<Lane>()
  private var lines = SlotNames<Line>()
  /// The slots of the requests of each line.
  private var requestsOfLine = SlotLists(count: 0)
  /// The lines of each lane; the first has the next turn.
  private var linesOfLane = SlotLists(count: 0)
  /// One list with all lanes; the first has the next turn.
  private var lanesInTurn = SlotLists(count: 1)
  private var principals = WaitingPrincipals()
  /// The size of all bodies.
  private(set) var bytes = 0

  var count: Int { ids.count }

  var nextDeadline: Duration? { deadlines.first?.time }

  func contains(_ id: UInt64) -> Bool { ids.find(id) != nil }

  // MARK: Principals

  /// The number of a principal's requests.
  func count(of principal: String) -> Int { principals.count(of: principal) }

  /// The number of requests of the principal with the most.
  var mostOfOnePrincipal: Int { principals.most }

  /// The newest request of the principal with the most.
  var newestOfLargestPrincipal: QueuedRequest? { principals.newestOfLargest.map { requests[$0] } }

  // MARK: Lanes

  /// The lanes with requests, in turn.
  var lanesWithRequests: some Sequence<Int> { lanesInTurn.slots(in: 0) }

  /// Returns the lane of a request; nil if it does not wait.
  func lane(of id: UInt64) -> Int? {
    guard let slot = ids.find(id), let line = requestsOfLine.list(of: slot) else { return nil }
    return linesOfLane.list(of: line)
  }

  /// The served entity that a lane's requests wait for; nil if the endpoint has none for them.
  func entity(of lane: Int) -> String? { lanes[lane]?.entity }

  /// Returns the request that has the next turn in a lane.
  func next(in lane: Int) -> QueuedRequest? {
    guard let line = linesOfLane.first(of: lane), let slot = requestsOfLine.first(of: line) else { return nil }
    return requests[slot]
  }

  /// Removes the request that has the next turn in a lane, and passes the turn on.
  mutating func takeNext(in lane: Int) -> QueuedRequest? {
    guard let line = linesOfLane.first(of: lane), let slot = requestsOfLine.first(of: line) else { return nil }
    linesOfLane.remove(line)
    linesOfLane.append(line, to: lane)
    lanesInTurn.remove(lane)
    lanesInTurn.append(lane, to: 0)
    return remove(slot: slot)
  }

  /// Removes the requests of a lane, and returns them in order of arrival.
  mutating func takeAll(in lane: Int) -> [QueuedRequest] {
    var slots: [Int] = []
    for line in linesOfLane.slots(in: lane) { slots += Array(requestsOfLine.slots(in: line)) }
    var taken: [QueuedRequest] = []
    for slot in slots { taken.append(remove(slot: slot)) }
    return taken.sorted { $0.arrived(before: $1) }
  }

  /// Removes all requests, and returns them in order of arrival.
  mutating func takeAll() -> [QueuedRequest] {
    var taken: [QueuedRequest] = []
    for lane in Array(lanesWithRequests) { taken += takeAll(in: lane) }
    return taken.sorted { $0.arrived(before: $1) }
  }

  /// The number of requests that wait for each served entity. Takes a look at each line.
  var countByEntity: [String: Int] {
    var counts: [String: Int] = [:]
    for lane in lanesWithRequests {
      guard let entity = entity(of: lane) else { continue }
      counts[entity, default: 0] += linesOfLane.slots(in: lane).reduce(0) { $0 + requestsOfLine.count(of: $1) }
    }
    return counts
  }

  // MARK: Requests

  /// Adds a request that has arrived after all others of its principal.
  mutating func append(_ request: QueuedRequest, to entity: String?, deadline: Duration) {
    let slot = insert(request, deadline: deadline)
    principals.append(slot, of: request.principal)
    requestsOfLine.append(slot, to: line(for: request, in: entity))
  }

  /// Adds a request that a replica did not take: it comes before those of its principal that arrived later, and its
  /// principal has the next turn.
  mutating func putBack(_ request: QueuedRequest, to entity: String?, deadline: Duration) {
    let slot = insert(request, deadline: deadline)
    principals.prepend(slot, of: request.principal)
    let line = line(for: request, in: entity)
    // Only others that were put back have arrived before it, so this is short.
    var next = requestsOfLine.first(of: line)
    while let other = next, requests[other].arrived(before: request) { next = requestsOfLine.next(after: other) }
    if let next { requestsOfLine.insert(slot, before: next) } else { requestsOfLine.append(slot, to: line) }
    guard let lane = linesOfLane.list(of: line) else { return }
    linesOfLane.remove(line)
    linesOfLane.prepend(line, to: lane)
  }

  mutating func remove(_ id: UInt64) -> QueuedRequest? {
    guard let slot = ids.find(id) else { return nil }
    return remove(slot: slot)
  }

  /// Removes a request whose deadline has passed, the earliest deadline first.
  mutating func takeLate(now: Duration) -> QueuedRequest? {
    guard let first = deadlines.first, first.time <= now else { return nil }
    return remove(slot: first.slot)
  }

  // MARK: Slots

  private mutating func insert(_ request: QueuedRequest, deadline: Duration) -> Int {
    let slot = ids.slot(for: request.id)
    if slot == requests.count { requests.append(request) } else { requests[slot] = request }
    requestsOfLine.makeRoom(for: slot)
    deadlines.makeRoom(for: slot)
    deadlines.put(slot, at: deadline)
    bytes += request.bytes
    return slot
  }

  private mutating func remove(slot: Int) -> QueuedRequest {
    let request = requests[slot]
    if let line = requestsOfLine.list(of: slot) {
      requestsOfLine.remove(slot)
      if requestsOfLine.count(of: line) == 0 { remove(line: line) }
    }
    principals.remove(slot)
    deadlines.remove(slot)
    ids.remove(slot)
    bytes -= request.bytes
    return request
  }

  /// Returns the line for a request. A new one gets the last turn of its lane, and a new lane the first.
  private mutating func line(for request: QueuedRequest, in entity: String?) -> Int {
    let lane = lanes.slot(for: Lane(entity: entity, avoided: request.avoided))
    lanesInTurn.makeRoom(for: lane)
    linesOfLane.makeRoom(forList: lane)
    if lanesInTurn.list(of: lane) == nil { lanesInTurn.prepend(lane, to: 0) }
    let line = lines.slot(for: Line(lane: lane, principal: request.principal))
    linesOfLane.makeRoom(for: line)
    requestsOfLine.makeRoom(forList: line)
    if linesOfLane.list(of: line) == nil { linesOfLane.append(line, to: lane) }
    return line
  }

  private mutating func remove(line: Int) {
    let lane = linesOfLane.list(of: line)
    linesOfLane.remove(line)
    lines.remove(line)
    guard let lane, linesOfLane.count(of: lane) == 0 else { return }
    lanesInTurn.remove(lane)
    lanes.remove(lane)
  }
}
