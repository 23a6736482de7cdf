import Scheduling

/// One endpoint of the plane: its configs, its replicas, and what to do next. A value without clock, disk or task: an event
/// goes in, actions come out, and the shell performs them in their order.
///
/// How many replicas there are is decided by ``Scheduling/ReplicaPlanner`` alone; this machine carries its steps out.
struct EndpointMachine: Sendable {
  /// What the shell has to do.
  enum Action: Hashable, Sendable {
    /// Write the endpoint down.
    case save
    /// Send requests where ``EndpointMachine/routing`` says from now on. Stands before the stops that follow from it.
    case route
    /// Start a replica of the launch under this id.
    case start(id: String, launch: LaunchConfig, configVersion: Int64)
    /// Stop a replica once its requests are answered.
    case drain(id: String)
    /// Stop a replica at once.
    case stop(id: String)
  }

  /// What the machine is told along with every event.
  struct Moment {
    /// Since any fixed moment.
    let now: Duration
    /// Milliseconds since 1970.
    let wall: Int64
    /// GPUs of this machine that nobody has; nil on a machine without.
    let room: Int?
    /// GPUs that replicas of other endpoints have and are about to give back.
    var freeing = 0
    /// How many GPUs a replica of a workload type takes.
    var places: (String) -> Int = { _ in 1 }
    /// Makes the id of a new replica.
    let newID: () -> String
  }

  private(set) var record: EndpointRecord
  private(set) var replicas: [String: Replica] = [:]
  /// When to check again although nothing has happened: the end of a back-off.
  private(set) var lookAgainAt: Duration?
  /// Launches that wait for a free place on the machine.
  private(set) var withoutRoom: [String] = []
  private var crashes: [String: CrashRecord] = [:]
  private var readySince: [String: Duration] = [:]
  /// When a replica of each launch last became ready: what failed before has been overcome.
  private var lastWell: [String: Duration] = [:]
  private var published = Routing()
  private let planner: ReplicaPlanner

  init(_ record: EndpointRecord, planner: ReplicaPlanner = ReplicaPlanner()) {
    self.record = record
    self.planner = planner
  }

  // MARK: Events

  /// A config was accepted. Its version must be ``EndpointRecord/nextVersion``.
  ///
  /// - Throws: ``APIError`` (409) while another update runs.
  mutating func put(_ config: PlaneConfig, _ moment: Moment) throws(APIError) -> [Action] {
    guard record.update.target == nil else { throw .updating(record.name) }
    record.update = .inProgress(config)
    record.nextVersion = config.version + 1
    record.updated = moment.wall
    // A person may send again what failed; what serves keeps its record, so that a crash loop still backs off.
    let serving = Set((record.active?.entities ?? []).map(\.launch.key))
    crashes = crashes.filter { serving.contains($0.key) }
    return [.save] + settle(moment)
  }

  /// Tags are added and removed; no config version comes of it.
  mutating func changeTags(add: [String: String], delete: [String], _ moment: Moment) -> [Action] {
    for key in delete { record.tags[key] = nil }
    record.tags.merge(add) { $1 }
    record.updated = moment.wall
    return [.save]
  }

  /// A replica was found alive after the plane had been away.
  mutating func adopt(_ replica: Replica, _ moment: Moment) {
    replicas[replica.id] = replica
    if replica.state == .ready { readySince[replica.id] = moment.now }
  }

  /// A replica got further. Unknown ones are ignored, and so is what comes too late for one that is on its way out.
  mutating func replica(_ id: String, became state: ReplicaState, _ moment: Moment) -> [Action] {
    guard var replica = replicas[id] else { return [] }
    if replica.state.isLeaving && !state.isOver && state != .stopping { return [] }
    replica.state = state
    replicas[id] = replica
    if state == .ready {
      readySince[id] = moment.now
      lastWell[replica.launch] = moment.now
    }
    return settle(moment)
  }

  /// A replica is over for a reason of its own.
  /// - Parameter chance: from 0 up to 1; spreads the restarts.
  mutating func replica(_ id: String, failed failure: ReplicaFailure, chance: Double, _ moment: Moment) -> [Action] {
    guard let replica = replicas[id] else { return [] }
    // One that was told to go and fell over on the way is simply gone.
    guard !replica.state.isLeaving else { return self.replica(id, became: .stopped, moment) }
    let readyFor = readySince[id].map { moment.now - $0 }
    crashes[replica.launch] = CrashRecord(
      after: crashes[replica.launch], cause: failure.description,
      isPermanent: readyFor == nil && !failure.isWorthRepeating, readyFor: readyFor, chance: chance, now: moment.now)
    return self.replica(id, became: .failed(cause: failure.description), moment)
  }

  /// Time has passed, or there is room on the machine. What was told to go and is still there is told again.
  mutating func look(_ moment: Moment) -> [Action] {
    let again: [Action] = replicas.values.sorted { $0.id < $1.id }.compactMap { replica in
      switch replica.state {
      case .draining: .drain(id: replica.id)
      case .stopping: .stop(id: replica.id)
      case .pending, .starting, .loading, .ready, .stopped, .failed: nil
      }
    }
    return settle(moment) + again
  }

  /// Whether a look is due: for time that has passed, for want of room, or for a replica that is on its way out.
  func isDue(now: Duration) -> Bool {
    lookAgainAt.map { $0 <= now } == true || !withoutRoom.isEmpty || replicas.values.contains(where: \.state.isLeaving)
  }

  // MARK: Deciding

  private mutating func settle(_ moment: Moment) -> [Action] {
    var actions: [Action] = []
    var stops: [Action] = []
    var room = moment.room
    // Each round carries out at most one turn of the config, of which there are two at most: the bound is for safety only.
    for _ in 0..<4 {
      let plan = planner.plan(
        serving: replicaSet(record.active, moment), target: replicaSet(record.update.target, moment),
        replicas: replicas.values.sorted { $0.id < $1.id }, room: room, freeing: moment.freeing, crashes: crashes,
        now: moment.now)
      lookAgainAt = plan.lookAgainAt
      withoutRoom = plan.withoutRoom
      var turned = false
      for step in plan.steps {
        switch step {
        case .start(let launch):
          actions += start(launch, moment, &room)
        case .drain(let id):
          replicas[id]?.state = .draining
          stops.append(.drain(id: id))
        case .stop(let id):
          replicas[id]?.state = .stopping
          stops.append(.stop(id: id))
        case .remove(let id):
          replicas[id] = nil
          readySince[id] = nil
        case .switchTraffic:
          guard let target = record.update.target else { continue }
          record.active = target
          record.update = .none
          turned = true
        case .declareFailed(_, let entity, let cause):
          guard let target = record.update.target else { continue }
          record.update = .failed(target, entity: entity, reason: cause)
          turned = true
        }
      }
      guard turned else { break }
      record.updated = moment.wall
      if !actions.contains(.save) { actions.append(.save) }
    }
    if routing != published {
      published = routing
      actions.append(.route)
    }
    return actions + stops
  }

  private mutating func start(_ key: String, _ moment: Moment, _ room: inout Int?) -> [Action] {
    for config in [record.update.target, record.active].compactMap({ $0 }) {
      guard let entity = config.entities.first(where: { $0.launch.key == key }) else { continue }
      let id = moment.newID()
      let places = moment.places(entity.workloadType)
      room = room.map { $0 - places }
      replicas[id] = Replica(id: id, launch: key, state: .pending, places: places)
      return [.start(id: id, launch: entity.launch, configVersion: config.version)]
    }
    return []
  }

  private func replicaSet(_ config: PlaneConfig?, _ moment: Moment) -> ReplicaSet? {
    config.map { config in
      ReplicaSet(
        version: Int(config.version),
        entities: config.entities.map {
          EntityReplicas(
            entity: $0.name, launch: $0.launch.key, count: $0.replicas, places: moment.places($0.workloadType))
        })
    }
  }

  // MARK: What is

  /// Where requests go now: only by the active config, and only to replicas that have generated a token.
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
      }, targets: targets)
  }

  private var unavailableReason: String {
    switch record.update {
    case .none: "endpoint \(record.name) has no config yet"
    case .inProgress: "endpoint \(record.name) is not ready: its first config is being deployed"
    case .failed(_, let entity, let reason):
      "endpoint \(record.name) is not ready: its first config failed to deploy (\(entity): \(reason))"
    }
  }

  /// Whether every entity of the active config can answer.
  var isReady: Bool {
    guard let active = record.active else { return false }
    return active.entities.allSatisfy { readyCount($0) > 0 }
  }

  /// How many replicas of an entity can answer.
  func readyCount(_ entity: PlaneEntity) -> Int {
    replicas.values.count { $0.launch == entity.launch.key && $0.state == .ready }
  }

  /// The last failure of an entity's replicas; nil where there was none since it was last well.
  func lastFailure(_ entity: PlaneEntity) -> String? {
    guard let crash = crashes[entity.launch.key] else { return nil }
    return lastWell[entity.launch.key].map { $0 > crash.last } ?? false ? nil : crash.cause
  }

  /// The replica of an entity that is furthest on its way to ready.
  func furthestState(_ entity: PlaneEntity) -> ReplicaState? {
    let order: [ReplicaState] = [.loading, .starting, .pending]
    let states = replicas.values.filter { $0.launch == entity.launch.key }.map(\.state)
    return order.first { states.contains($0) }
  }
}
