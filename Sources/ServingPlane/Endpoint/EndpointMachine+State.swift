import Scheduling

// What can be read from a machine: where requests go, and what the API shows.
extension EndpointMachine {
  /// Where requests go now: only to the active config, and only to replicas that have generated a token.
  var routing: Routing {
    guard let active = record.active else {
      return Routing(unavailable: unavailableReason)
    }
    let names = Dictionary(active.entities.map { ($0.launch.key, $0.name) }, uniquingKeysWith: { one, _ in one })
    let targets = replicas.values.filter { $0.state == .ready }.sorted { $0.id < $1.id }.compactMap { replica in
      names[replica.launch].map { Routing.Target(replica: replica.id, entity: $0) }
    }
    return Routing(
      shares: active.entities.map {
        Routing.Share(entity: $0.name, weight: $0.traffic, model: $0.entityName, version: $0.entityVersion)
      }, targets: targets, unavailable: startFailure, plane: active.plane)
  }

  /// The served entities of the config that is being rolled out.
  var deploying: [String] { record.update.target?.entities.map(\.name) ?? [] }

  private var unavailableReason: String {
    switch record.update {
    case .none: "endpoint \(record.name) has no config yet"
    case .inProgress: "endpoint \(record.name) is not ready: its first config is being deployed"
    case .failed(_, let entity, let reason):
      "endpoint \(record.name) is not ready: its first config failed to deploy "
        + "(\(entity): \(MessageView.withoutOutput(reason)))"
    }
  }

  /// Whether every entity of the active config can answer requests, or will once there are any.
  var isReady: Bool {
    guard let active = record.active else { return false }
    return active.entities.allSatisfy { readyCount($0) > 0 || (sleep(of: $0) != nil && lastFailure($0) == nil) }
  }

  /// Whether an entity of the active config is scaled to zero or being woken; nil if it is awake.
  func sleep(of entity: PlaneEntity) -> SleepState? { record.sleep[entity.launch.key] }

  /// The phase of the replica that requests to the active config wait for; nil if none is starting. If the active config
  /// had to make room for an update, this is one of the update's replicas. What sleeps starts with the next request.
  var startPhase: String? {
    var launches = Set((record.active?.entities ?? []).map(\.launch.key))
    let isServing = replicas.values.contains { $0.state == .ready && launches.contains($0.launch) }
    if let target = record.update.target, record.active != nil, !isServing {
      launches.formUnion(target.entities.map(\.launch.key))
    }
    let coming = replicas.values.filter { launches.contains($0.launch) }.compactMap { StartPhase($0.state) }
    if let phase = coming.max() { return phase.rawValue }
    if roomUse.withoutRoom.contains(where: launches.contains) { return Self.waitingForRoom }
    return !isServing && launches.contains { record.sleep[$0] == .asleep } ? Self.scaledToZero : nil
  }

  /// What is said in place of a phase while no replica starts because no request needs one.
  static let scaledToZero = "scaled to zero"

  /// The phase of a start that has no place on the machine yet.
  static let waitingForRoom = "waiting for room"

  /// What the number of replicas depends on.
  func scaleSituation(now: Duration, _ load: RequestLoad) -> EndpointScale.Situation {
    var standing: [String: Int] = [:]
    for replica in replicas.values where replica.state == .ready || replica.state.isComing {
      standing[replica.launch, default: 0] += 1
    }
    return EndpointScale.Situation(
      active: record.active, target: record.update.target, sleeping: Set(record.sleep.keys), load: load,
      standing: standing, now: now)
  }

  /// Whether only the load needs a replica: its launch has its least number without it.
  func isSurplus(_ replica: Replica) -> Bool {
    let entities = configs.flatMap(\.entities).filter { $0.launch.key == replica.launch }
    guard let least = entities.map(\.leastReplicas).max() else { return false }
    let others = replicas.values.count { other in
      other.id != replica.id && other.launch == replica.launch && (other.state == .ready || other.state.isComing)
    }
    return others >= least
  }

  /// Whether a launch goes on serving: a replica of it that is drained is one that the load no longer needs.
  func keepsServing(_ launch: String) -> Bool {
    guard record.update.target == nil, let active = record.active else { return false }
    return active.entities.contains { $0.launch.key == launch && sleep(of: $0) == nil }
  }

  /// The number of an entity's replicas that can answer requests.
  func readyCount(_ entity: PlaneEntity) -> Int {
    replicas.values.count { $0.launch == entity.launch.key && $0.state == .ready }
  }

  /// The last failure of an entity's replicas; nil if there was none since one was last ready.
  func lastFailure(_ entity: PlaneEntity) -> String? { unresolved(crashes[entity.launch.key], of: entity) }

  /// The same for a replica beyond the least number, without which the entity is healthy.
  func lastSurplusFailure(_ entity: PlaneEntity) -> String? {
    unresolved(surplusCrashes[entity.launch.key], of: entity)
  }

  private func unresolved(_ crash: CrashRecord?, of entity: PlaneEntity) -> String? {
    guard let crash else { return nil }
    return lastWell[entity.launch.key].map { $0 > crash.last } ?? false ? nil : crash.cause
  }

  /// The entity's replica that is closest to ready among those that start, and its phase; nil if none starts.
  func furthestStart(_ entity: PlaneEntity) -> (replica: String, phase: StartPhase)? {
    let coming = replicas.values.compactMap { replica -> (replica: String, phase: StartPhase)? in
      guard replica.launch == entity.launch.key, let phase = StartPhase(replica.state) else { return nil }
      return (replica.id, phase)
    }
    return coming.max { ($0.phase, $1.replica) < ($1.phase, $0.replica) }
  }
}
