/// Decides which replicas of one endpoint start and stop: a pure function of the desired and the existing ones. Nothing
/// else decides on a number of replicas.
///
/// A version switch starts the new replicas beside the old ones, waits until all of them are ready, switches the
/// traffic at once and drains the old ones. If the machine cannot hold both, as many old replicas as necessary are
/// drained first, though only for the least number of new ones. If a new replica does not come up, the target is
/// declared failed and the serving config is restored. Crash loops back off.
package struct ReplicaPlanner: Hashable, Sendable {
  /// The delay between starts of a failing launch.
  package var backoff: Backoff
  /// The number of failures of a launch after which an update is declared failed; a permanent one suffices.
  package var startAttempts: Int

  package init(
    backoff: Backoff = Backoff(first: .seconds(5), cap: .seconds(300)), startAttempts: Int = 2
  ) {
    self.backoff = backoff
    self.startAttempts = max(1, startAttempts)
  }

  /// Returns the current plan.
  /// - Parameters:
  ///   - serving: the config that receives traffic; nil before the first one.
  ///   - target: the config of an update in progress; nil if there is none, or to cancel the update.
  ///   - room: the number of free places of the machine; nil for no limit.
  ///   - freeing: the number of places that other endpoints are about to free.
  ///   - reclaimable: the number of places that other endpoints may free at some time, those included.
  ///   - unit: what a place is, for messages.
  ///   - load: the number of requests at each replica: of those that serve, the least loaded ones end first.
  ///   - crashes: the failures of each launch. A launch's record is to be removed when a config with it is accepted, so
  ///     that a config sent again gets new attempts.
  ///   - surplusCrashes: the failures of replicas beyond the least number, without which the config can do. They delay
  ///     only further ones, and fail no update.
  package func plan(
    serving: ReplicaSet?, target: ReplicaSet?, replicas: [Replica], room: Int?, freeing: Int = 0,
    reclaimable: Int = 0, unit: RoomUnit = .gpu, load: [String: Int] = [:], crashes: [String: CrashRecord],
    surplusCrashes: [String: CrashRecord] = [:], now: Duration
  ) -> ReplicaPlan {
    var round = PlanningRound(
      replicas: replicas, room: room, freeing: freeing, reclaimable: reclaimable, unit: unit, load: load,
      crashes: crashes, surplusCrashes: surplusCrashes, backoff: backoff, startAttempts: startAttempts, now: now)
    round.learnPlaces([serving, target])
    round.removeEnded()
    if let target, let failure = failure(of: target, serving: serving, replicas: replicas, crashes: crashes) {
      round.plan.steps.append(
        .declareFailed(version: target.version, entity: failure.entity, cause: failure.cause))
      // The next pass, without the target, restores the serving config.
      return round.plan
    }
    if let target, round.isReady(target) {
      round.plan.steps.append(.switchTraffic(version: target.version))
      return round.plan
    }
    if let target {
      round.update(serving: serving, target: target)
    } else {
      round.hold(serving?.entities ?? [])
    }
    return round.plan
  }

  /// Returns the target's entity that will not start, and the cause. Launches that already serve crash and back off
  /// like any other; they do not fail an update, because a rollback would not help them.
  private func failure(
    of target: ReplicaSet, serving: ReplicaSet?, replicas: [Replica], crashes: [String: CrashRecord]
  ) -> (entity: String, cause: String)? {
    let proven = Set((serving?.entities ?? []).map(\.launch))
    for entity in target.entities where entity.count > 0 && !proven.contains(entity.launch) {
      guard let record = crashes[entity.launch] else { continue }
      if record.isPermanent || record.count >= startAttempts { return (entity.entity, record.cause) }
    }
    return nil
  }
}

/// One pass of the planner: the remaining places, and the steps so far.
private struct PlanningRound {
  var plan = ReplicaPlan()
  let replicas: [Replica]
  var room: Int?
  let freeing: Int
  let reclaimable: Int
  let unit: RoomUnit
  let load: [String: Int]
  let crashes: [String: CrashRecord]
  let surplusCrashes: [String: CrashRecord]
  let backoff: Backoff
  let startAttempts: Int
  let now: Duration
  /// The number of places that one replica of a launch takes.
  private var places: [String: Int] = [:]

  init(
    replicas: [Replica], room: Int?, freeing: Int, reclaimable: Int, unit: RoomUnit, load: [String: Int],
    crashes: [String: CrashRecord], surplusCrashes: [String: CrashRecord], backoff: Backoff, startAttempts: Int,
    now: Duration
  ) {
    self.replicas = replicas
    self.room = room.map { max(0, $0) }
    self.freeing = max(0, freeing)
    self.reclaimable = max(self.freeing, reclaimable)
    self.unit = unit
    self.load = load
    self.crashes = crashes
    self.surplusCrashes = surplusCrashes
    self.backoff = backoff
    self.startAttempts = startAttempts
    self.now = now
  }

  mutating func learnPlaces(_ sets: [ReplicaSet?]) {
    for entity in sets.compactMap({ $0 }).flatMap(\.entities) { places[entity.launch] = entity.places }
  }

  mutating func removeEnded() {
    plan.steps += replicas.filter(\.state.isOver).map { .remove(id: $0.id) }
  }

  /// Whether a config can get traffic: all its replicas are ready, or at least the least number, and there is no place
  /// for another one, or another one has failed too often to wait for it.
  func isReady(_ set: ReplicaSet) -> Bool {
    set.entities.allSatisfy { entity in
      let ready = replicas.count { $0.launch == entity.launch && $0.state == .ready }
      if ready >= entity.count { return true }
      guard ready >= entity.least, standing(entity.launch).count == ready else { return false }
      if let room, room < entity.places { return true }
      guard let crash = surplusCrashes[entity.launch], crash.retryAt(backoff) > now else { return false }
      return crash.isPermanent || crash.count >= startAttempts
    }
  }

  /// Returns the replicas of a launch that serve or are about to.
  private func standing(_ launch: String) -> [Replica] {
    replicas.filter { $0.launch == launch && ($0.state == .ready || $0.state.isComing) }
  }

  /// Plans the steady state: the desired replicas of each entity, and no others.
  mutating func hold(_ entities: [EntityReplicas]) {
    let wanted = Dictionary(entities.map { ($0.launch, $0.count) }, uniquingKeysWith: +)
    let least = Dictionary(entities.map { ($0.launch, $0.least) }, uniquingKeysWith: +)
    for launch in Set(replicas.map(\.launch)).sorted() { shrink(launch, to: wanted[launch] ?? 0) }
    // The first replica of each launch before a further one of any, and those that follow the load last.
    for launch in wanted.keys.sorted() where standing(launch).isEmpty {
      grow(launch, to: min(1, wanted[launch] ?? 0))
    }
    for launch in wanted.keys.sorted() {
      grow(launch, from: max(1, standing(launch).count), to: least[launch] ?? 0)
    }
    for launch in wanted.keys.sorted() {
      growSurplus(launch, beyond: max(1, least[launch] ?? 0), to: wanted[launch] ?? 0)
    }
  }

  /// Plans an update: the target's replicas come up beside the serving ones, and room is made if there is none.
  mutating func update(serving: ReplicaSet?, target: ReplicaSet) {
    let wanted = Dictionary(target.entities.map { ($0.launch, $0.count) }, uniquingKeysWith: +)
    let kept = Dictionary((serving?.entities ?? []).map { ($0.launch, $0.count) }, uniquingKeysWith: +)
    var least = Dictionary(target.entities.map { ($0.launch, $0.least) }, uniquingKeysWith: +)
    for entity in serving?.entities ?? [] {
      if let own = least[entity.launch] { least[entity.launch] = max(own, entity.least) }
    }
    // Replicas that belong to neither are in the way of both.
    for launch in Set(replicas.map(\.launch)).sorted() where wanted[launch] == nil && kept[launch] == nil {
      shrink(launch, to: 0)
    }
    let asked = wanted.map { (launch: $0.key, count: max($0.value, kept[$0.key] ?? 0)) }.sorted {
      $0.launch < $1.launch
    }
    let toCome = asked.reduce(0) { $0 + max(0, $1.count - standing($1.launch).count) * places[$1.launch, default: 1] }
    let roomAtFirst = room
    for (launch, _) in asked { grow(launch, to: least[launch] ?? 0) }
    let old = replicas.filter {
      wanted[$0.launch] == nil && $0.places > 0 && ($0.state == .ready || $0.state.isComing)
    }
    let short = placesShort
    let possible = reclaimable + old.reduce(0) { $0 + $1.places }
    if short > possible, let entity = target.entities.first(where: { plan.withoutRoom.contains($0.launch) }) {
      return fail(target, entity, short: short - possible, isFirst: serving == nil)
    }
    makeRoom(short - freeing, from: old)
    let blocked = plan.withoutRoom
    for (launch, count) in asked where blocked.isEmpty {
      growSurplus(launch, beyond: least[launch] ?? 0, to: count)
    }
    // The serving config is repaired only with the room that the target leaves, back-off or not: more would be in the
    // way.
    room = roomAtFirst.map { max(0, $0 - toCome) }
    let keptLeast = Dictionary((serving?.entities ?? []).map { ($0.launch, $0.least) }, uniquingKeysWith: +)
    for launch in kept.keys.sorted() where wanted[launch] == nil && blocked.isEmpty {
      grow(launch, to: keptLeast[launch] ?? 0)
      growSurplus(launch, beyond: keptLeast[launch] ?? 0, to: kept[launch] ?? 0)
    }
    plan.withoutRoom = blocked
  }

  /// The number of places missing for launches without room, beyond the free ones and those of ending replicas.
  private var placesShort: Int {
    let wanted = plan.withoutRoom.reduce(0) { $0 + places[$1, default: 1] }
    guard wanted > 0 else { return 0 }
    return wanted - (room ?? 0) - replicas.reduce(0) { $0 + ($1.state.isLeaving ? $1.places : 0) }
  }

  /// Declares the target failed: the machine could not hold it even without this endpoint's other replicas, so the
  /// serving config is not sacrificed.
  ///
  /// - Parameter isFirst: whether no config serves yet.
  private mutating func fail(_ target: ReplicaSet, _ entity: EntityReplicas, short: Int, isFirst: Bool) {
    plan = ReplicaPlan()
    removeEnded()
    var cause =
      "not enough resources on this machine: \(short) more \(unit.name(short)) \(short == 1 ? "is" : "are") needed"
    if !isFirst { cause += ", even with the replicas of the current config stopped" }
    plan.steps.append(.declareFailed(version: target.version, entity: entity.entity, cause: cause))
  }

  /// Ends as many old replicas as are in the way of the new ones, those that do not serve first.
  private mutating func makeRoom(_ short: Int, from old: [Replica]) {
    var missing = short
    for replica in old.sorted(by: endsBefore) where missing > 0 {
      end(replica)
      missing -= replica.places
    }
  }

  /// Starts replicas up to the number.
  ///
  /// - Parameters:
  ///   - present: how many there are; nil for those that serve or are about to.
  ///   - isSurplus: whether the missing ones are beyond the least number.
  private mutating func grow(_ launch: String, from present: Int? = nil, to count: Int, isSurplus: Bool = false) {
    let missing = count - (present ?? standing(launch).count)
    guard missing > 0 else { return }
    let failures = [crashes[launch], isSurplus ? surplusCrashes[launch] : nil]
    if let retryAt = failures.compactMap({ $0?.retryAt(backoff) }).max(), retryAt > now {
      plan.lookAgainAt = min(plan.lookAgainAt ?? .seconds(Int64.max), retryAt)
      return
    }
    let each = places[launch, default: 1]
    for _ in 0..<missing {
      if let room, room < each {
        plan.withoutRoom.append(launch)
      } else {
        room = room.map { $0 - each }
        plan.steps.append(.start(launch: launch))
      }
    }
  }

  /// Starts replicas beyond the least number, of which those up to `least` are starting or cannot.
  private mutating func growSurplus(_ launch: String, beyond least: Int, to count: Int) {
    grow(launch, from: max(least, standing(launch).count), to: count, isSurplus: true)
  }

  /// Ends surplus replicas.
  private mutating func shrink(_ launch: String, to count: Int) {
    let present = standing(launch)
    guard present.count > count else { return }
    for replica in present.sorted(by: endsBefore).prefix(present.count - count) { end(replica) }
  }

  /// Whether a replica ends before another one if not both do: those that do not serve yet first, then those with the
  /// fewest requests.
  private func endsBefore(_ one: Replica, _ other: Replica) -> Bool {
    func rank(_ replica: Replica) -> (Int, Int, String) {
      (replica.state == .ready ? 1 : 0, load[replica.id] ?? 0, replica.id)
    }
    return rank(one) < rank(other)
  }

  private mutating func end(_ replica: Replica) {
    plan.steps.append(replica.state == .ready ? .drain(id: replica.id) : .stop(id: replica.id))
  }
}
