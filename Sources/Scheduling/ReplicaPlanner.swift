/// One served entity of a config, as far as its replicas go.
package struct EntityReplicas: Hashable, Sendable {
  /// The served entity's name.
  package let entity: String
  /// Its launch; see ``Replica``.
  package let launch: String
  /// How many replicas it should have.
  package let count: Int
  /// The places of the machine that one of them takes: its accelerators, none for one that runs on the CPU.
  package let places: Int

  package init(entity: String, launch: String, count: Int, places: Int = 1) {
    self.entity = entity
    self.launch = launch
    self.count = max(0, count)
    self.places = max(0, places)
  }
}

/// The replicas that a config version asks for.
package struct ReplicaSet: Hashable, Sendable {
  /// The config version.
  package let version: Int
  package let entities: [EntityReplicas]

  package init(version: Int, entities: [EntityReplicas]) {
    self.version = version
    self.entities = entities
  }
}

/// One thing to do. Each is safe to do twice.
package enum ReplicaStep: Hashable, Sendable {
  /// Create a replica of the launch and start it.
  case start(launch: String)
  /// No new requests for it; stop it when it has none left or its time is up.
  case drain(id: String)
  /// Stop it now: it never served.
  case stop(id: String)
  /// Forget an ended replica.
  case remove(id: String)
  /// Every replica of the target is ready: route by the target, which becomes what is served.
  case switchTraffic(version: Int)
  /// Give the target up: its entity does not start, for this cause. What is served stays.
  case declareFailed(version: Int, entity: String, cause: String)
}

/// What to do now, and when to check again if nothing happens before.
package struct ReplicaPlan: Hashable, Sendable {
  package var steps: [ReplicaStep] = []
  /// The end of a back-off that a start waits for.
  package var lookAgainAt: Duration?
  /// Launches that should start and cannot, for want of room on the machine.
  package var withoutRoom: [String] = []

  package init() {}
}

/// Decides which replicas of one endpoint start and stop: a pure function of what is asked for and what is there. Nothing
/// else writes a number of replicas.
///
/// A version switch starts the new replicas beside the old ones, waits until all of them are ready, switches the traffic at
/// once and drains the old. Where the machine cannot hold both, as many of the old as are in the way are drained first. When
/// a new replica does not come up, the target is declared failed and what is served is restored. Crash loops back off.
package struct ReplicaPlanner: Hashable, Sendable {
  /// The wait between starts of a launch that fails.
  package var backoff: Backoff
  /// How many failures of a launch an update accepts before it is declared failed; a permanent one counts as all of them.
  package var startAttempts: Int

  package init(
    backoff: Backoff = Backoff(first: .seconds(5), cap: .seconds(300)), startAttempts: Int = 2
  ) {
    self.backoff = backoff
    self.startAttempts = max(1, startAttempts)
  }

  /// The plan of this moment.
  /// - Parameters:
  ///   - serving: the config that traffic goes by; nil before the first one.
  ///   - target: the config of an update under way; nil when there is none. To cancel an update, leave it out.
  ///   - room: how many places of the machine are free, beyond those that are held; nil for no limit.
  ///   - freeing: how many more are held by replicas of others that are on their way out.
  ///   - crashes: the failures of each launch. Forget a launch's record when a config that names it is accepted, so that
  ///     a config sent again gets new tries.
  package func plan(
    serving: ReplicaSet?, target: ReplicaSet?, replicas: [Replica], room: Int?, freeing: Int = 0,
    crashes: [String: CrashRecord], now: Duration
  ) -> ReplicaPlan {
    var round = PlanningRound(
      replicas: replicas, room: room, freeing: freeing, crashes: crashes, backoff: backoff, now: now)
    round.learnPlaces([serving, target])
    round.removeEnded()
    if let target, let failure = failure(of: target, serving: serving, replicas: replicas, crashes: crashes) {
      round.plan.steps.append(
        .declareFailed(version: target.version, entity: failure.entity, cause: failure.cause))
      // The next pass, without the target, restores what is served.
      return round.plan
    }
    if let target, round.allReady(target) {
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

  /// The target's entity that will not start, and why. Launches that already serve crash and back off like any other; they
  /// do not fail an update, since going back would not help them.
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

/// One pass of the planner: what is left to give out, and what has been decided.
private struct PlanningRound {
  var plan = ReplicaPlan()
  let replicas: [Replica]
  var room: Int?
  let freeing: Int
  let crashes: [String: CrashRecord]
  let backoff: Backoff
  let now: Duration
  /// The places that one replica of a launch takes.
  private var places: [String: Int] = [:]

  init(
    replicas: [Replica], room: Int?, freeing: Int, crashes: [String: CrashRecord], backoff: Backoff, now: Duration
  ) {
    self.replicas = replicas
    self.room = room.map { max(0, $0) }
    self.freeing = max(0, freeing)
    self.crashes = crashes
    self.backoff = backoff
    self.now = now
  }

  mutating func learnPlaces(_ sets: [ReplicaSet?]) {
    for entity in sets.compactMap({ $0 }).flatMap(\.entities) { places[entity.launch] = entity.places }
  }

  mutating func removeEnded() {
    plan.steps += replicas.filter(\.state.isOver).map { .remove(id: $0.id) }
  }

  func allReady(_ set: ReplicaSet) -> Bool {
    set.entities.allSatisfy { entity in
      replicas.count { $0.launch == entity.launch && $0.state == .ready } >= entity.count
    }
  }

  /// Replicas of a launch that serve or are about to.
  private func standing(_ launch: String) -> [Replica] {
    replicas.filter { $0.launch == launch && ($0.state == .ready || $0.state.isComing) }
  }

  /// Steady state: so many replicas for each entity, and none besides.
  mutating func hold(_ entities: [EntityReplicas]) {
    let wanted = Dictionary(entities.map { ($0.launch, $0.count) }, uniquingKeysWith: +)
    for launch in Set(replicas.map(\.launch)).sorted() { shrink(launch, to: wanted[launch] ?? 0) }
    for launch in wanted.keys.sorted() { grow(launch, to: wanted[launch] ?? 0) }
  }

  /// An update: the target's replicas come up beside what is served, and room is made where there is none.
  mutating func update(serving: ReplicaSet?, target: ReplicaSet) {
    let wanted = Dictionary(target.entities.map { ($0.launch, $0.count) }, uniquingKeysWith: +)
    let kept = Dictionary((serving?.entities ?? []).map { ($0.launch, $0.count) }, uniquingKeysWith: +)
    // What belongs to neither is in the way of both.
    for launch in Set(replicas.map(\.launch)).sorted() where wanted[launch] == nil && kept[launch] == nil {
      shrink(launch, to: 0)
    }
    let asked = wanted.map { (launch: $0.key, count: max($0.value, kept[$0.key] ?? 0)) }.sorted {
      $0.launch < $1.launch
    }
    let toCome = asked.reduce(0) { $0 + max(0, $1.count - standing($1.launch).count) * places[$1.launch, default: 1] }
    let roomAtFirst = room
    for (launch, count) in asked { grow(launch, to: count) }
    let old = replicas.filter {
      wanted[$0.launch] == nil && $0.places > 0 && ($0.state == .ready || $0.state.isComing)
    }
    let short = placesShort
    if short > freeing + old.reduce(0, { $0 + $1.places }),
      let entity = target.entities.first(where: { plan.withoutRoom.contains($0.launch) })
    {
      return fail(target, entity, short: short - freeing - old.reduce(0) { $0 + $1.places })
    }
    makeRoom(short - freeing, from: old)
    // What is served is repaired only with what the target leaves over, back-off or not: it would be in the way again.
    room = roomAtFirst.map { max(0, $0 - toCome) }
    let blocked = plan.withoutRoom
    for launch in kept.keys.sorted() where wanted[launch] == nil && blocked.isEmpty {
      grow(launch, to: kept[launch] ?? 0)
    }
    plan.withoutRoom = blocked
  }

  /// The places that are missing for what found no room, beyond the free ones and those of replicas on their way out.
  private var placesShort: Int {
    let wanted = plan.withoutRoom.reduce(0) { $0 + places[$1, default: 1] }
    guard wanted > 0 else { return 0 }
    return wanted - (room ?? 0) - replicas.reduce(0) { $0 + ($1.state.isLeaving ? $1.places : 0) }
  }

  /// The machine cannot hold the target even with everything of this endpoint off it: what is served is not sacrificed.
  private mutating func fail(_ target: ReplicaSet, _ entity: EntityReplicas, short: Int) {
    plan = ReplicaPlan()
    removeEnded()
    let cause = """
      not enough resources on this machine: \(short) more \(short == 1 ? "GPU is" : "GPUs are") needed, even with \
      the replicas of the current config stopped
      """
    plan.steps.append(.declareFailed(version: target.version, entity: entity.entity, cause: cause))
  }

  /// Drains as many of the old replicas as stand in the way of the new, those first that serve nobody.
  private mutating func makeRoom(_ short: Int, from old: [Replica]) {
    var missing = short
    for replica in old.sorted(by: { ($0.state == .ready ? 1 : 0, $0.id) < ($1.state == .ready ? 1 : 0, $1.id) })
    where missing > 0 {
      end(replica)
      missing -= replica.places
    }
  }

  private mutating func grow(_ launch: String, to count: Int) {
    let missing = count - standing(launch).count
    guard missing > 0 else { return }
    if let record = crashes[launch], record.retryAt(backoff) > now {
      plan.lookAgainAt = min(plan.lookAgainAt ?? .seconds(Int64.max), record.retryAt(backoff))
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

  /// Ends what is too much, those first that do not serve yet.
  private mutating func shrink(_ launch: String, to count: Int) {
    let present = standing(launch)
    guard present.count > count else { return }
    let order = present.sorted { ($0.state == .ready ? 1 : 0, $0.id) < ($1.state == .ready ? 1 : 0, $1.id) }
    for replica in order.prefix(present.count - count) { end(replica) }
  }

  private mutating func end(_ replica: Replica) {
    plan.steps.append(replica.state == .ready ? .drain(id: replica.id) : .stop(id: replica.id))
  }
}
