/// What the machine's planner knows of an endpoint.
package struct EndpointRoom: Hashable, Sendable, Identifiable {
  package let id: String
  /// Free places that are kept for it.
  package var kept = 0
  /// Places that its ending replicas will free for anyone.
  package var freeing = 0
  /// Places that it lacks beyond its own: all of them during an update, otherwise those of the next replica.
  package var lacking = 0
  /// When it began to wait for places; nil if it waits for none.
  package var waitingSince: Duration?
  /// Whether others give places up for it. Not for a further replica beside one that serves.
  package var isUrgent = false
  /// Whether a config is being deployed.
  package var isUpdating = false
  /// Whether all its replicas may be stopped while it is idle.
  package var scales = false
  /// Places that it would give up now if it had to.
  package var yields = 0
  /// Places that it may give up at some time.
  package var yieldsLater = 0
  /// Places of replicas that it has beyond its least number, for its load; it would give them up now if it had to.
  package var surplus = 0
  /// Those of them that it would also give up by sleeping.
  package var surplusYielding = 0
  /// How long it has had no request; nil while it has one.
  package var idleFor: Duration?
  /// When its config was activated or it was woken for the last time.
  package var servingSince: Duration?
  /// When it was woken; nil if its config was activated since.
  package var wokenAt: Duration?
}

extension EndpointRoom {
  package init(_ id: String) { self.init(id: id) }
}

/// One endpoint's share of the machine.
package struct RoomShare: Hashable, Sendable {
  /// The places that it may take now.
  package var room = 0
  /// The places that others are freeing for it, or would as soon as it waits.
  package var freeing = 0
  /// The places that may become free for it at all, however long that takes.
  package var reclaimable = 0
  /// Whether it must put its launches that scale to zero to sleep.
  package var givesUp = false
  /// How many places of its surplus replicas it must give up.
  package var sheds = 0
  /// The endpoint for which it gives them up, or sleeps.
  package var yieldsTo: String?
}

/// Shares a machine's places between endpoints: a pure function of what each has and lacks.
///
/// Endpoints that lack places wait in line, those that have waited longest first; a further replica beside one
/// that serves comes after all others. For the first in line, others that scale to zero are put to sleep: those without
/// requests, the one that has been idle longest first, and then those that have served for ``swapEvery``. Before the
/// latter, endpoints give up the surplus replicas that they have for their load, those with the most first. One that was
/// woken for a request does not count as idle before it has had one. One that is being updated keeps its places until
/// the update has ended. No endpoint is overtaken, except one for which no other endpoint could ever make room.
package struct RoomPlanner: Hashable, Sendable {
  /// How long an endpoint with requests serves before it gives up its places for another one.
  package var swapEvery: Duration

  package init(swapEvery: Duration = .seconds(30)) { self.swapEvery = swapEvery }

  /// Returns the plan.
  /// - Parameters:
  ///   - free: the number of places that no replica holds.
  ///   - freeing: the number of places of ending replicas that belong to none of the endpoints.
  package func plan(_ endpoints: [EndpointRoom], free: Int, freeing: Int = 0, now: Duration) -> RoomPlan {
    RoomPlan(endpoints, free: free, freeing: freeing, swapEvery: swapEvery, now: now)
  }
}

/// Which endpoint gets which places of the machine now.
package struct RoomPlan: Sendable {
  /// The endpoints that must put their launches that scale to zero to sleep.
  package private(set) var givingUp: Set<String> = []
  /// The endpoints that must give up surplus replicas, and how many places of them.
  package private(set) var shedding: [String: Int] = [:]
  /// For which endpoint each of them does.
  private var beneficiaries: [String: String] = [:]
  private let endpoints: [EndpointRoom]
  private let free: Int
  /// The free places that are not kept for any endpoint.
  private let common: Int
  private let freeing: Int
  private let swapEvery: Duration
  private let now: Duration
  /// The endpoints that lack places and may get them, in order.
  private var line: [EndpointRoom] = []

  fileprivate init(_ endpoints: [EndpointRoom], free: Int, freeing: Int, swapEvery: Duration, now: Duration) {
    self.endpoints = endpoints
    self.free = max(0, free)
    self.freeing = freeing
    self.swapEvery = swapEvery
    self.now = now
    common = max(0, free - endpoints.reduce(0) { $0 + $1.kept })
    let waiting = endpoints.filter { $0.waitingSince != nil && $0.lacking > 0 }
    line = waiting.filter { canBeMet($0) }.sorted { one, other in
      if one.isUrgent != other.isUrgent { return one.isUrgent }
      return (one.waitingSince ?? now, one.id) < (other.waitingSince ?? now, other.id)
    }
    for source in sources(for: line) {
      if source.sleeps { givingUp.insert(source.id) } else { shedding[source.id] = source.places }
      beneficiaries[source.id] = beneficiaries[source.id] ?? source.beneficiary
    }
  }

  /// Returns an endpoint's share. One that is not in line, or unknown yet, comes after those that are.
  package func share(of id: String) -> RoomShare {
    let own = endpoints.first { $0.id == id }
    let others = endpoints.filter { $0.id != id }
    let ahead = line.prefix { $0.id != id }
    let unpromised = max(0, common - ahead.reduce(0) { $0 + $1.lacking })
    // Only an update needs the rest. It comes before what is not urgent, even if it is not in line yet.
    let urgent = ahead.filter(\.isUrgent)
    let promised = urgent.reduce(0) { $0 + $1.lacking }
    let available = others.reduce(common + freeing) { $0 + $1.freeing }
    let idle = others.reduce(0) { $0 + (isIdle($1) ? $1.yields : 0) }
    return RoomShare(
      room: min(free, (own?.kept ?? 0) + unpromised),
      freeing: max(0, available + idle - promised) - unpromised,
      reclaimable: max(0, attainable(for: own, beside: others, after: urgent, available: available) - unpromised),
      givesUp: givingUp.contains(id), sheds: shedding[id] ?? 0, yieldsTo: beneficiaries[id])
  }

  /// The places that an endpoint may get at some time, the free ones included.
  private func attainable(
    for own: EndpointRoom?, beside others: [EndpointRoom], after ahead: [EndpointRoom], available: Int
  ) -> Int {
    // An endpoint that holds nothing that others wait for may wait for all of them.
    let isWaitedFor = (own?.yieldsLater ?? 0) > 0
    let pending = isWaitedFor ? Set(ahead.filter(\.isUpdating).map(\.id)) : []
    var found = others.reduce(available) { $0 + (pending.contains($1.id) ? 0 : $1.yieldsLater) }
    for waiting in ahead {
      if waiting.lacking > found {
        // It waits for the endpoint's own places. Of two that wait for each other, only the first in line may.
        if isWaitedFor { return 0 }
        continue
      }
      // It keeps what it gets, unless it is an update: that may fail, or frees its old replicas' places.
      if !waiting.scales && !waiting.isUpdating { found -= waiting.lacking }
      // Its update can end; then it may give up what it holds.
      if pending.contains(waiting.id) { found += waiting.yieldsLater }
    }
    return found
  }

  /// Whether the endpoint's places can ever become free for it.
  private func canBeMet(_ endpoint: EndpointRoom) -> Bool {
    let possible = endpoints.reduce(common + freeing) { sum, other in
      sum + other.freeing + (other.id == endpoint.id ? 0 : other.yieldsLater)
    }
    return endpoint.lacking <= possible
  }

  private func isIdle(_ endpoint: EndpointRoom) -> Bool {
    guard endpoint.yields > 0, !endpoint.isUpdating, let idleFor = endpoint.idleFor else { return false }
    guard let wokenAt = endpoint.wokenAt else { return true }
    // The client whose request woke it did not wait for the start, but may come back.
    return idleFor < now - wokenAt || now - wokenAt >= swapEvery
  }

  /// An endpoint that would give up places: by sleeping, or only those of surplus replicas.
  private struct Source {
    let id: String
    var places: Int
    /// Those that it gives up in either way.
    let shared: Int
    let sleeps: Bool
    /// The endpoint that gets them.
    var beneficiary: String?
  }

  /// Those that would give up places, in order.
  private var possibleSources: [Source] {
    let idle = endpoints.filter(isIdle).sorted {
      ($1.idleFor ?? .zero, $0.id) < ($0.idleFor ?? .zero, $1.id)
    }
    let surplus = endpoints.filter { $0.surplus > 0 && !$0.isUpdating }.sorted {
      ($1.surplus, $0.id) < ($0.surplus, $1.id)
    }
    let busy = endpoints.filter { endpoint in
      guard endpoint.yields > 0, !endpoint.isUpdating, endpoint.idleFor == nil, let since = endpoint.servingSince
      else { return false }
      return now - since >= swapEvery
    }.sorted { ($0.servingSince ?? now, $0.id) < ($1.servingSince ?? now, $1.id) }
    var sources = idle.map { Source(id: $0.id, places: $0.yields, shared: $0.surplusYielding, sleeps: true) }
    sources += surplus.map { Source(id: $0.id, places: $0.surplus, shared: $0.surplusYielding, sleeps: false) }
    sources += busy.map { Source(id: $0.id, places: $0.yields, shared: $0.surplusYielding, sleeps: true) }
    return sources
  }

  /// Returns those that give up places for the endpoints in line, each at most once for each of the two ways.
  private func sources(for line: [EndpointRoom]) -> [Source] {
    var candidates = possibleSources
    var places = endpoints.reduce(common + freeing) { $0 + $1.freeing }
    var chosen: [Source] = []
    for endpoint in line where endpoint.isUrgent {
      var taken: [Source] = []
      var found = places
      for candidate in candidates where candidate.id != endpoint.id && found < endpoint.lacking {
        // What sleeps gives up its surplus too.
        let already = (chosen + taken).reduce(0) { $0 + ($1.id == candidate.id ? $1.places : 0) }
        let further = candidate.places - min(already, candidate.shared)
        guard further > 0 else { continue }
        var source = candidate
        source.beneficiary = endpoint.id
        if !source.sleeps { source.places = min(further, endpoint.lacking - found) }
        taken.append(source)
        found += source.sleeps ? further : source.places
      }
      // No endpoint stops for one that still could not start, and none behind it in line gets the places.
      guard found >= endpoint.lacking else { break }
      places = found - endpoint.lacking
      chosen += taken
      candidates.removeAll { candidate in
        chosen.contains { $0.id == candidate.id && $0.sleeps == candidate.sleeps }
      }
    }
    return chosen
  }
}
