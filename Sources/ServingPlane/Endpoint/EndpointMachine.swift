import Endpoints
import Scheduling

/// One endpoint of the plane: its configs, its replicas, and the next actions. A value without a clock, disk or task:
/// it takes events and returns actions, which the shell performs in order.
///
/// ``Scheduling/ReplicaPlanner`` alone decides how many replicas there are; this machine executes its steps.
struct EndpointMachine: Sendable {
  private(set) var record: EndpointRecord
  private(set) var replicas: [String: Replica] = [:]
  /// When to check again even if nothing happens: the end of a back-off.
  private(set) var lookAgainAt: Duration?
  /// The machine's places that are the endpoint's own, and those that it waits for.
  private(set) var roomUse = RoomUse()
  var crashes: [String: CrashRecord] = [:]
  /// The failures of replicas that a launch had beyond its least number, for the load.
  private(set) var surplusCrashes: [String: CrashRecord] = [:]
  private var readySince: [String: Duration] = [:]
  /// When a replica of each launch last became ready: earlier failures are resolved.
  private(set) var lastWell: [String: Duration] = [:]
  /// Why replicas were told to stop, by ID.
  private(set) var stopReasons: [String: String] = [:]
  private var published = Routing()
  private(set) var sleepPolicy = SleepPolicy()
  /// How many replicas the served entities have while they are awake.
  private(set) var scale: EndpointScale
  /// Why requests for a launch that is scaled to zero are refused: its last start has failed, and its back-off lasts.
  private(set) var startFailure: String?
  /// The model files that an update waits for.
  var downloads = LaunchDownloads()
  let planner: ReplicaPlanner
  /// How long the endpoint must be idle before it is scaled to zero, unless the config says otherwise.
  private let idleAfter: Duration

  init(
    _ record: EndpointRecord, planner: ReplicaPlanner = ReplicaPlanner(), scaling: ScalePolicy = ScalePolicy(),
    maximumReplicas: Int? = nil, idleAfter: Duration = PlaneSettings().idleAfter
  ) {
    self.record = record
    self.planner = planner
    scale = EndpointScale(policy: scaling, maximum: maximumReplicas)
    self.idleAfter = idleAfter
  }

  // MARK: Events

  /// Accepts a config. Its version must be ``EndpointRecord/nextVersion``.
  ///
  /// - Throws: ``APIError`` (409) during another update.
  mutating func put(_ config: PlaneConfig, _ context: EventContext) throws(APIError) -> [Action] {
    guard record.update.target == nil else { throw .updating(record.name) }
    record.update = .inProgress(config)
    record.nextVersion = config.version + 1
    record.updated = context.wall
    // A user may resend a failed config; what serves keeps its record, so that a crash loop still backs off.
    let serving = Set((record.active?.entities ?? []).map(\.launch.key))
    crashes = crashes.filter { serving.contains($0.key) }
    surplusCrashes = surplusCrashes.filter { serving.contains($0.key) }
    downloads = LaunchDownloads()
    // A version that has not served yet must be proven; a change of settings or traffic alone wakes nothing.
    if !config.entities.allSatisfy({ serving.contains($0.launch.key) }) {
      for entity in config.entities { record.sleep[entity.launch.key] = nil }
    }
    return [.save] + settle(context)
  }

  /// Adds and removes tags; this creates no config version.
  mutating func changeTags(add: [String: String], delete: [String], _ context: EventContext) -> [Action] {
    for key in delete { record.tags[key] = nil }
    record.tags.merge(add) { $1 }
    record.updated = context.wall
    return [.save]
  }

  /// Replaces the settings beside the config; this creates no config version.
  mutating func changeSettings(_ settings: EndpointSettings, _ context: EventContext) {
    record.settings = settings
    record.updated = context.wall
  }

  /// Replaces the permissions on the endpoint.
  mutating func setAccess(_ grants: [EndpointGrant]) { record.settings.access = grants }

  /// Adds a replica that was found alive after a restart of the plane.
  mutating func adopt(_ replica: Replica, _ context: EventContext) {
    replicas[replica.id] = replica
    if replica.state == .ready { readySince[replica.id] = context.now }
  }

  /// Records a replica's progress. Unknown replicas are ignored, and so is late progress of one that is leaving.
  mutating func replica(_ id: String, became state: ReplicaState, _ context: EventContext) -> [Action] {
    guard var replica = replicas[id] else { return [] }
    if replica.state.isLeaving && !state.isOver && state != .stopping { return [] }
    replica.state = state
    replicas[id] = replica
    if state == .ready {
      readySince[id] = context.now
      lastWell[replica.launch] = context.now
    }
    return settle(context)
  }

  /// Records that a replica ended by itself.
  ///
  /// - Parameter chance: a number in 0..<1; spreads the restarts.
  mutating func replica(_ id: String, failed failure: ReplicaFailure, chance: Double, _ context: EventContext)
    -> [Action]
  {
    guard let replica = replicas[id] else { return [] }
    // A replica that fails after it was told to stop is simply gone.
    guard !replica.state.isLeaving else { return self.replica(id, became: .stopped, context) }
    let readyFor = readySince[id].map { context.now - $0 }
    func crash(after earlier: CrashRecord?) -> CrashRecord {
      CrashRecord(
        after: earlier, cause: failure.description, isPermanent: readyFor == nil && !failure.isWorthRepeating,
        readyFor: readyFor, chance: chance, now: context.now)
    }
    if isSurplus(replica) {
      surplusCrashes[replica.launch] = crash(after: surplusCrashes[replica.launch])
    } else {
      crashes[replica.launch] = crash(after: crashes[replica.launch])
    }
    return self.replica(id, became: .failed(cause: failure.description), context)
  }

  /// Reacts to elapsed time, to freed places, or to another endpoint's need of them. Replicas that were told to stop and
  /// still run are told again.
  mutating func tick(_ context: EventContext) -> [Action] {
    let again: [Action] = replicas.values.sorted { $0.id < $1.id }.compactMap { replica in
      switch replica.state {
      case .draining: .drain(id: replica.id)
      case .stopping: .stop(id: replica.id)
      case .pending, .starting, .loading, .warming, .ready, .stopped, .failed: nil
      }
    }
    return settle(context) + again
  }

  /// Whether a check is due: for elapsed time, for missing places, for a replica that is leaving, or because the number
  /// of replicas changes with the requests.
  func isDue(now: Duration, load: RequestLoad = RequestLoad()) -> Bool {
    if lookAgainAt.map({ $0 <= now }) == true || roomUse.waitingSince != nil { return true }
    if replicas.values.contains(where: \.state.isLeaving) { return true }
    var next = self
    if next.updateSleep(now: now, load) { return true }
    next.scale.update(in: scaleSituation(now: now, load))
    return next.scale != scale
  }

  // MARK: Deciding

  private mutating func settle(_ context: EventContext) -> [Action] {
    let pending = beginDownloads(context)
    let hasChanged = updateSleep(now: context.now, context.load, givesUp: context.givesUp)
    updateScale(context)
    var actions: [Action] = hasChanged ? [.save] : []
    actions += pending.launches.map { .download($0) }
    var stops: [Action] = []
    var room = context.room
    var withoutRoom: [String] = []
    // Each round performs at most one switch of the config, of which there are at most two: the bound is only a
    // safeguard.
    for _ in 0..<4 {
      let plan = planner.plan(
        serving: activeSet(context), target: targetSet(context),
        replicas: replicas.values.sorted { $0.id < $1.id }, room: room, freeing: context.freeing,
        reclaimable: context.reclaimable, unit: context.unit, load: context.load.inFlight, crashes: crashes,
        surplusCrashes: surplusCrashes, now: context.now)
      lookAgainAt = [plan.lookAgainAt, pending.lookAgainAt].compactMap(\.self).min()
      withoutRoom = plan.withoutRoom
      var turned = false
      for step in plan.steps {
        switch step {
        case .start(let launch):
          actions += start(launch, context, &room)
        case .drain(let id):
          forgetFailures(before: id, now: context.now)
          stopReasons[id] = stopReason(of: id, context)
          replicas[id]?.state = .draining
          stops.append(.drain(id: id))
        case .stop(let id):
          stopReasons[id] = stopReason(of: id, context)
          replicas[id]?.state = .stopping
          stops.append(.stop(id: id))
        case .remove(let id):
          replicas[id] = nil
          readySince[id] = nil
          stopReasons[id] = nil
        case .switchTraffic:
          guard let target = record.update.target else { continue }
          record.active = target
          record.update = .none
          let mayScale = target.launchesScalingToZero
          record.sleep = record.sleep.filter { mayScale.contains($0.key) }
          scale.activate()
          sleepPolicy.begin(now: context.now)
          turned = true
        case .declareFailed(_, let entity, let cause):
          guard let target = record.update.target else { continue }
          record.update = .failed(target, entity: entity, reason: cause)
          scale.abandon()
          turned = true
        }
      }
      guard turned else { break }
      record.updated = context.wall
      if !actions.contains(.save) { actions.append(.save) }
    }
    roomUse.note(
      withoutRoom, serving: activeSet(context), target: targetSet(context), replicas: Array(replicas.values),
      now: context.now)
    noteStartFailure(now: context.now)
    if routing != published {
      published = routing
      actions.append(.route)
    }
    return actions + stops
  }

  /// Forgets a launch's failures before a replica that was ready for long enough and did not fail.
  private mutating func forgetFailures(before id: String, now: Duration) {
    guard let launch = replicas[id]?.launch, let since = readySince[id], now - since >= CrashRecord.stableAfter else {
      return
    }
    if let crash = crashes[launch], crash.last <= since { crashes[launch] = nil }
    if let crash = surplusCrashes[launch], crash.last <= since { surplusCrashes[launch] = nil }
  }

  private mutating func start(_ key: String, _ context: EventContext, _ room: inout Int?) -> [Action] {
    for config in [record.update.target, record.active].compactMap({ $0 }) {
      guard let entity = config.entities.first(where: { $0.launch.key == key }) else { continue }
      let id = context.newID()
      let places = context.places(entity.workloadType)
      room = room.map { $0 - places }
      replicas[id] = Replica(id: id, launch: key, state: .pending, places: places)
      return [.start(id: id, launch: entity.launch, configVersion: config.version)]
    }
    return []
  }

  private func activeSet(_ context: EventContext) -> ReplicaSet? {
    replicaSet(record.active, context, count: scale.activeCount(of:))
  }

  private func targetSet(_ context: EventContext) -> ReplicaSet? {
    replicaSet(startableTarget(context), context, count: scale.targetCount(of:))
  }

  private func replicaSet(
    _ config: PlaneConfig?, _ context: EventContext, count awakeCount: (PlaneEntity) -> Int
  ) -> ReplicaSet? {
    config.map { config in
      let mayScale = config.launchesScalingToZero
      var waking: Set<String> = []
      let entities = config.entities.map { entity in
        let launch = entity.launch.key
        var count = awakeCount(entity)
        if mayScale.contains(launch), let state = record.sleep[launch] {
          // One, even if several entities share it.
          count = state == .waking && waking.insert(launch).inserted ? 1 : 0
        }
        return EntityReplicas(
          entity: entity.name, launch: launch, count: count, least: entity.leastReplicas,
          places: context.places(entity.workloadType))
      }
      return ReplicaSet(version: Int(config.version), entities: entities)
    }
  }

  // MARK: Scaling

  private mutating func updateScale(_ context: EventContext) {
    var situation = scaleSituation(now: context.now, context.load)
    situation.sheds = context.sheds
    situation.places = context.places
    scale.update(in: situation)
  }

  /// Puts launches of the active config to sleep, and wakes them. Returns whether the record has changed.
  private mutating func updateSleep(now: Duration, _ load: RequestLoad, givesUp: Bool = false) -> Bool {
    guard let active = record.active, !record.sleep.isEmpty || active.entities.contains(where: \.scaleToZero) else {
      return false
    }
    let states = replicas.values
    let situation = SleepPolicy.Situation(
      config: active, idleAfter: active.plane.idleAfter ?? idleAfter, isUpdating: isUpdating,
      givesUp: givesUp, load: load, ready: Set(states.filter { $0.state == .ready }.map(\.launch)),
      standing: Set(states.filter { $0.state == .ready || $0.state.isComing }.map(\.launch)),
      withoutRoom: Set(roomUse.withoutRoom),
      retryAt: crashes.mapValues { $0.retryAt(planner.backoff) }, now: now)
    let sleep = sleepPolicy.update(record.sleep, in: situation)
    guard sleep != record.sleep else { return false }
    record.sleep = sleep
    return true
  }

  /// Determines whether requests are refused because what they need has failed to start. Nobody is refused while a
  /// replica is starting.
  private mutating func noteStartFailure(now: Duration) {
    startFailure = nil
    guard let active = record.active, !replicas.values.contains(where: \.state.isComing) else { return }
    for entity in active.entities where sleep(of: entity) == .asleep {
      guard let crash = crashes[entity.launch.key] else { continue }
      let retryAt = crash.retryAt(planner.backoff)
      guard retryAt > now else { continue }
      startFailure = startFailure ?? "its last start failed (\(entity.name): \(MessageView.withoutOutput(crash.cause)))"
      lookAgainAt = lookAgainAt.map { min($0, retryAt) } ?? retryAt
    }
  }
}
