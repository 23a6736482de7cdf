import Endpoints
import Gateway
import Scheduling
import ServingAPI

// What the plane itself knows of an endpoint, for a diagnosis.
extension ServingEndpoints {
  /// The evidence without what only the telemetry store knows.
  ///
  /// - Parameters:
  ///   - window: how far back failures go, in milliseconds.
  ///   - isManager: whether the caller may see what engines print.
  func evidence(_ name: String, window: Int64, isManager: Bool) throws(APIError) -> WireEvidence {
    let machine = try machine(name)
    let record = machine.record
    let now = wallClock()
    let records = replicas.of(record.id)
    var evidence = WireEvidence()
    evidence.name = name
    evidence.isReady = machine.isReady
    evidence.window = window
    evidence.usualStart = replicas.lastStart(of: record.id).map { Self.milliseconds($0) }
    evidence.update = Self.update(machine, now: now, isManager: isManager)
    let details = try get(name)
    evidence.entities =
      (record.active?.entities ?? []).map {
        entity($0, of: machine, isPending: false, details.config, records, isManager: isManager)
      }
      + newEntities(of: record).map {
        entity($0, of: machine, isPending: true, details.pendingConfig, records, isManager: isManager)
      }
    evidence.failures = records.filter { $0.failure != nil && now - ($0.ended ?? 0) <= window }
      .sorted { ($0.ended ?? 0, $0.id) > ($1.ended ?? 0, $1.id) }
      .compactMap { record in
        Self.failure(record, entity: Self.entity(of: record, in: machine), now: now, isManager: isManager)
      }
    evidence.settings = limits(of: record)
    if let snapshot = gateway.admission(of: record.id)?.snapshot {
      var load = WireEvidenceLoad()
      load.waiting = Int64(snapshot.waiting)
      load.inFlight = Int64(snapshot.inFlight)
      load.idleFor = snapshot.idleFor.map { Self.milliseconds($0) }
      evidence.load = load
    }
    evidence.room = room
    return evidence
  }

  /// The entities of the config that is being rolled out or has failed, without those that serve already.
  private func newEntities(of record: EndpointRecord) -> [PlaneEntity] {
    let serving = Set((record.active?.entities ?? []).map(\.launch.key))
    return (record.update.config?.entities ?? []).filter { !serving.contains($0.launch.key) }
  }

  private static func update(_ machine: EndpointMachine, now: Int64, isManager: Bool) -> WireEvidenceUpdate? {
    var update = WireEvidenceUpdate()
    switch machine.record.update {
    case .none: return nil
    case .inProgress(let target):
      update.hasFailed = false
      update.version = target.version
      update.runningFor = max(0, now - target.startTime)
    case .failed(let target, let entity, let reason):
      update.hasFailed = true
      update.version = target.version
      update.entity = entity
      update.reason = isManager ? reason : MessageView.withoutOutput(reason)
    }
    return update
  }

  private func entity(
    _ entity: PlaneEntity, of machine: EndpointMachine, isPending: Bool, _ config: WireConfig?,
    _ records: [ReplicaRecord], isManager: Bool
  ) -> WireEvidenceEntity {
    let key = entity.launch.key
    let scale = machine.scale
    var wire = WireEvidenceEntity()
    wire.name = entity.name
    wire.model = entity.entityName
    wire.version = String(entity.entityVersion)
    wire.share = Int64(entity.traffic)
    wire.isPending = isPending
    wire.wanted = Int64(isPending ? scale.targetCount(of: entity) : scale.activeCount(of: entity))
    wire.ready = Int64(machine.readyCount(entity))
    wire.starting = Int64(machine.replicas.values.count { $0.launch == key && $0.state.isComing })
    if !isPending { wire.sleep = machine.sleep(of: entity)?.rawValue }
    wire.isWaitingForRoom = machine.roomUse.withoutRoom.contains(key)
    wire.download = models.progress(entity.entityName, entity.entityVersion)?.description
    if let furthest = machine.furthestStart(entity) {
      wire.startPhase = furthest.phase.rawValue
      let since = replicas[furthest.replica]?.start?.current?.since
      wire.startingFor = since.map { max(0, wallClock() - $0) }
    }
    wire.failure = failure(of: entity, machine, isPending: isPending, records, isManager: isManager)
    let state = config?.servedEntities?.first { $0.name == entity.name }?.state
    wire.state = state?.deployment
    wire.message = isManager ? state?.message : nil
    return wire
  }

  /// Why the entity's last replica failed; nil if one was ready since.
  private func failure(
    of entity: PlaneEntity, _ machine: EndpointMachine, isPending: Bool, _ records: [ReplicaRecord], isManager: Bool
  ) -> WireEvidenceFailure? {
    var words = machine.lastFailure(entity) ?? machine.lastSurplusFailure(entity)
    // All that is left after a restart of the plane.
    if words == nil, isPending, case .failed(_, entity.name, let reason) = machine.record.update { words = reason }
    guard let words else { return nil }
    let ended = records.filter { $0.launch == entity.launch && $0.failure != nil }
    let last = ended.max { ($0.ended ?? 0, $0.id) < ($1.ended ?? 0, $1.id) }
    var wire = WireEvidenceFailure()
    if let last, let failure = last.failure, words.contains(failure.explanation),
      let known = Self.failure(last, entity: entity.name, now: wallClock(), isManager: isManager)
    {
      wire = known
    } else {
      wire.entity = entity.name
      wire.explanation = isManager ? words : MessageView.withoutOutput(words)
    }
    let key = entity.launch.key
    if let crash = machine.crashes[key] ?? machine.surplusCrashes[key] {
      wire.count = Int64(crash.count)
      wire.isPermanent = crash.isPermanent
      let wait = crash.retryAt(machine.planner.backoff) - (clock.now - origin)
      // A config whose rollout has failed is not started again.
      let isOver = isPending && machine.record.update.target == nil
      if wait > .zero, !isOver { wire.retryIn = Self.milliseconds(wait) }
    }
    return wire
  }

  private static func failure(
    _ record: ReplicaRecord, entity: String?, now: Int64, isManager: Bool
  ) -> WireEvidenceFailure? {
    guard let failure = record.failure else { return nil }
    var wire = WireEvidenceFailure()
    wire.entity = entity
    wire.replica = record.id
    wire.code = failure.code
    wire.explanation = failure.explanation
    wire.line = isManager ? failure.line : nil
    wire.wasReady = record.wasReady
    wire.ago = record.ended.map { max(0, now - $0) }
    return wire
  }

  private static func entity(of record: ReplicaRecord, in machine: EndpointMachine) -> String? {
    machine.configs.flatMap(\.entities).first { $0.launch == record.launch }?.name
  }

  private func limits(of record: EndpointRecord) -> WireEvidenceSettings {
    let own = (record.active ?? record.update.config)?.plane
    let plane = own.map { settings.endpointDefaults.overridden(by: $0) } ?? settings.endpointDefaults
    var wire = WireEvidenceSettings()
    wire.queueLength = Int64(plane.admission.maxWaiting)
    wire.queueWait = Self.milliseconds(plane.admission.maxWait)
    wire.concurrency = plane.concurrency.map { Int64($0) }
    wire.idleAfter = Self.milliseconds(plane.idleAfter)
    wire.rateLimits = Int64(record.settings.querySettings.rateLimits.count)
    return wire
  }

  private var room: WireEvidenceRoom? {
    guard let total = machineRoom.total, let free = machineRoom.free(beside: replicas) else { return nil }
    var room = WireEvidenceRoom()
    room.total = Int64(total)
    room.free = Int64(free)
    room.unit =
      switch machineRoom.unit {
      case .gpu: "GPU"
      case .slot: "slot"
      }
    return room
  }

  private static func milliseconds(_ duration: Duration) -> Int64 {
    let (seconds, attoseconds) = duration.components
    let (whole, isTooLarge) = seconds.multipliedReportingOverflow(by: 1000)
    return isTooLarge ? .max / 2 : whole + attoseconds / 1_000_000_000_000_000
  }
}
