/// The places of the machine that one endpoint owns, and those that it waits for. Updated after each plan.
///
/// A place that a replica has had is the endpoint's own until the endpoint needs fewer: a replica that crashed, or that
/// an update replaces, leaves its place to the next one, and not to another endpoint. The places of replicas that only
/// the load needs are nobody's own, except during an update.
package struct RoomUse: Hashable, Sendable {
  /// What the endpoint's configs say about scaling, to zero and by load.
  package struct Scaling: Hashable, Sendable {
    /// The launches that scale to zero.
    package var launches: Set<String>
    /// Those that may be put to sleep now; none during an update.
    package var yielding: Set<String>
    /// Whether all its launches scale to zero.
    package var isComplete: Bool
    /// The least number of replicas of each launch whose number follows the load.
    package var least: [String: Int]

    package init(
      launches: Set<String> = [], yielding: Set<String> = [], isComplete: Bool = false, least: [String: Int] = [:]
    ) {
      self.launches = launches
      self.yielding = yielding
      self.isComplete = isComplete
      self.least = least
    }
  }

  /// The number of places that are the endpoint's own during an update.
  package private(set) var owned = 0
  /// The launches that should start but have no place, once for each replica.
  package private(set) var withoutRoom: [String] = []
  /// When the endpoint began to wait for places; nil if it waits for none.
  package private(set) var waitingSince: Duration?
  /// The number of places of the least number of replicas.
  private var least = 0
  /// The number of places that a replica of each launch takes.
  private var placesOf: [String: Int] = [:]

  package init() {}

  /// Records the outcome of a plan.
  ///
  /// - Parameter replicas: the endpoint's replicas after the plan's steps.
  package mutating func note(
    _ withoutRoom: [String], serving: ReplicaSet?, target: ReplicaSet?, replicas: [Replica], now: Duration
  ) {
    let entities = (serving?.entities ?? []) + (target?.entities ?? [])
    placesOf = Dictionary(entities.map { ($0.launch, $0.places) }, uniquingKeysWith: { one, _ in one })
    self.withoutRoom = withoutRoom
    waitingSince = withoutRoom.isEmpty ? nil : waitingSince ?? now
    owned = min(max(owned, Self.standing(replicas)), max(Self.wanted(serving), Self.wanted(target)))
    least = Self.least(serving)
  }

  /// Returns what the machine's planner needs to know of the endpoint.
  ///
  /// An update needs all its replicas to end. Otherwise, each replica that finds a place serves, so the endpoint waits
  /// for one at a time: the first one of a launch before a further one.
  ///
  /// - Parameters:
  ///   - idleFor: how long it has had no request; nil while it has one.
  ///   - servingSince: when its config was activated or it was woken for the last time.
  ///   - wokenAt: when it was woken; nil if its config was activated since.
  package func endpoint(
    _ id: String, replicas: [Replica], scaling: Scaling, isUpdating: Bool, idleFor: Duration?,
    servingSince: Duration?, wokenAt: Duration? = nil
  ) -> EndpointRoom {
    let standing = Self.standing(replicas)
    let leaving = replicas.reduce(0) { $0 + ($1.state.isLeaving ? $1.places : 0) }
    let vacant = max(0, (isUpdating ? owned : min(owned, least)) - standing)
    let kept = max(0, vacant - leaving)
    let replaced = min(leaving, vacant)
    let spare = scaling.isComplete ? kept : 0
    let first = withoutRoom.first { Self.standing(replicas, of: [$0]) == 0 }
    let next = first ?? withoutRoom.first
    let waiting = isUpdating ? withoutRoom : next.map { [$0] } ?? []
    let awake = scaling.least.filter { !scaling.launches.contains($0.key) }
    let needed = waiting.reduce(0) { $0 + placesOf[$1, default: 1] }
    return EndpointRoom(
      id: id, kept: kept, freeing: leaving - replaced, lacking: max(0, needed - kept - replaced),
      waitingSince: waitingSince, isUrgent: isUpdating || first != nil, isUpdating: isUpdating,
      scales: scaling.isComplete,
      yields: scaling.yielding.isEmpty ? 0 : Self.standing(replicas, of: scaling.yielding) + spare,
      yieldsLater: Self.standing(replicas, of: scaling.launches) + (scaling.isComplete ? vacant : 0)
        + surplus(replicas, beyond: awake),
      surplus: isUpdating ? 0 : surplus(replicas, beyond: scaling.least),
      surplusYielding: surplus(replicas, beyond: scaling.least.filter { scaling.yielding.contains($0.key) }),
      idleFor: idleFor, servingSince: servingSince, wokenAt: wokenAt)
  }

  /// The places of replicas that serve or are about to.
  private static func standing(_ replicas: [Replica], of launches: Set<String>? = nil) -> Int {
    replicas.reduce(0) { sum, replica in
      guard replica.state == .ready || replica.state.isComing, launches?.contains(replica.launch) ?? true else {
        return sum
      }
      return sum + replica.places
    }
  }

  /// The places of replicas that serve or are about to, beyond the least number of their launch.
  private func surplus(_ replicas: [Replica], beyond least: [String: Int]) -> Int {
    least.reduce(0) { sum, launch in
      let count = replicas.count { $0.launch == launch.key && ($0.state == .ready || $0.state.isComing) }
      return sum + max(0, count - launch.value) * placesOf[launch.key, default: 1]
    }
  }

  private static func least(_ set: ReplicaSet?) -> Int {
    (set?.entities ?? []).reduce(0) { $0 + $1.least * $1.places }
  }

  private static func wanted(_ set: ReplicaSet?) -> Int {
    (set?.entities ?? []).reduce(0) { $0 + $1.count * $1.places }
  }
}
