/// The replicas of one endpoint: how many requests each has, and which of them gets the next one.
///
/// The least loaded replica gets it, and equally loaded ones take turns. Requests with an affinity key prefer a replica
/// by rendezvous hashing, a form of consistent hashing: a replica that is added or removed changes the choice only for
/// the keys that it gets or had. Loads are bounded: the next replica in the order of the key takes over while one has
/// more than 1.25 times the average, which needs only a factor above 1 to always leave a choice (Mirrokni, Thorup,
/// Zadimoghaddam: Consistent Hashing with Bounded Loads, 2016).
struct ReplicaChoice: Sendable {
  private enum State {
    case ready, draining
    /// It has ended, and its requests have not noticed yet.
    case gone
  }

  private struct Replica {
    let id: String
    let hash: UInt64
    var entity: String
    var capacity: Int
    var state = State.ready
    var inFlight = 0
    /// The time until which it gets no requests, because it refused one or could not be reached.
    var pausedUntil: Duration?
    /// The number of its last dispatch; breaks ties, so that equally loaded replicas take turns.
    var lastDispatch: UInt64 = 0

    var isServing: Bool { state == .ready && capacity > 0 }

    func isPaused(now: Duration) -> Bool { pausedUntil.map { $0 > now } ?? false }

    func isLessLoaded(than other: Replica) -> Bool {
      (inFlight, lastDispatch, id) < (other.inFlight, other.lastDispatch, other.id)
    }
  }

  private var replicas: [Replica] = []
  private var dispatches: UInt64 = 0

  // MARK: Replicas

  /// Adds a replica, or updates its capacity and ends its pause.
  mutating func ready(_ id: String, entity: String, capacity: Int) {
    // A replica that comes back under its old name still has the requests that have not noticed its absence.
    guard let index = index(of: id) else {
      replicas.append(
        Replica(id: id, hash: ReplicaAffinity.key(of: id), entity: entity, capacity: max(0, capacity)))
      return
    }
    replicas[index].entity = entity
    replicas[index].capacity = max(0, capacity)
    replicas[index].state = .ready
    replicas[index].pausedUntil = nil
  }

  /// Gives the replica no new requests. Returns whether it has none.
  mutating func drain(_ id: String) -> Bool {
    guard let index = index(of: id) else { return true }
    replicas[index].state = .draining
    return replicas[index].inFlight == 0
  }

  mutating func remove(_ id: String) {
    guard let index = index(of: id) else { return }
    if replicas[index].inFlight == 0 { replicas.remove(at: index) } else { replicas[index].state = .gone }
  }

  /// Gives the replica no requests until then.
  mutating func pause(_ id: String, until end: Duration) {
    if let index = index(of: id) { replicas[index].pausedUntil = end }
  }

  /// Ends the replica's pause.
  mutating func endPause(_ id: String) {
    if let index = index(of: id) { replicas[index].pausedUntil = nil }
  }

  /// Forgets the pauses that are over.
  mutating func endPauses(now: Duration) {
    for index in replicas.indices where replicas[index].pausedUntil != nil && !replicas[index].isPaused(now: now) {
      replicas[index].pausedUntil = nil
    }
  }

  /// The earliest end of a pause.
  var nextPauseEnd: Duration? { replicas.lazy.compactMap(\.pausedUntil).min() }

  // MARK: State

  /// Returns the number of requests at a replica; nil for an unknown replica.
  func load(of id: String) -> Int? {
    index(of: id).flatMap { replicas[$0].state == .gone ? nil : replicas[$0].inFlight }
  }

  /// The number of requests at each entity's replicas, except those that get no new ones.
  var loadByEntity: [String: Int] {
    replicas.reduce(into: [:]) { loads, replica in
      if replica.state == .ready { loads[replica.entity, default: 0] += replica.inFlight }
    }
  }

  /// Whether a replica of the entity takes requests, now or when it has a place.
  func serves(_ entity: String) -> Bool { replicas.contains { $0.isServing && $0.entity == entity } }

  /// Whether a replica of the entity takes requests and is not paused.
  func answers(_ entity: String, now: Duration) -> Bool {
    replicas.contains { $0.isServing && $0.entity == entity && !$0.isPaused(now: now) }
  }

  /// The entities of the replicas that are not draining.
  var entities: Set<String> { Set(replicas.lazy.filter { $0.state == .ready }.map(\.entity)) }

  func has(_ entity: String) -> Bool { replicas.contains { $0.state == .ready && $0.entity == entity } }

  // MARK: Slots

  /// Returns the replica of the entity that gets the request; nil if none can take it.
  func choose(for request: QueuedRequest, in entity: String, now: Duration) -> String? {
    let bound = request.affinity == nil ? 0 : loadBound(in: entity)
    var least: Replica?
    var preferred: (replica: Replica, rank: UInt64)?
    for replica in replicas where replica.isServing && replica.inFlight < replica.capacity {
      guard replica.entity == entity, !replica.isPaused(now: now), !request.avoided.contains(replica.id) else {
        continue
      }
      if least.map(replica.isLessLoaded) ?? true { least = replica }
      guard let key = request.affinity, replica.inFlight < bound else { continue }
      let rank = ReplicaAffinity.rank(key, replica.hash)
      if preferred.map({ rank > $0.rank }) ?? true { preferred = (replica, rank) }
    }
    // A free slot is used even if all replicas that have one are over the bound: no request waits while one is free.
    return (preferred?.replica ?? least)?.id
  }

  /// Takes a slot at the replica.
  mutating func take(_ id: String) {
    guard let index = index(of: id) else { return }
    dispatches += 1
    replicas[index].inFlight += 1
    replicas[index].lastDispatch = dispatches
  }

  /// Frees a slot at the replica. Returns whether this was the last request of a draining replica.
  mutating func giveBack(_ id: String) -> Bool {
    guard let index = index(of: id) else { return false }
    replicas[index].inFlight -= 1
    guard replicas[index].inFlight == 0 else { return false }
    switch replicas[index].state {
    case .ready: return false
    case .draining: return true
    case .gone:
      replicas.remove(at: index)
      return false
    }
  }

  /// The number of requests that a replica may have, with one more than now: 1.25 times the average, rounded up.
  private func loadBound(in entity: String) -> Int {
    var (count, total) = (0, 1)
    for replica in replicas where replica.isServing && replica.entity == entity {
      count += 1
      total += replica.inFlight
    }
    return count == 0 ? 0 : (5 * total + 4 * count - 1) / (4 * count)
  }

  private func index(of id: String) -> Int? { replicas.firstIndex { $0.id == id } }
}
