import CanonicalJSON
import Endpoints
import FoundationEssentials
import Gateway
import Logging
import NIOCore
import Scheduling
import ServingAPI

/// All endpoints of a plane: performs what their machines decide, and answers the API.
///
/// What is written down is written before it is acted on, so a plane that is killed between two steps finds on its next start
/// either what was decided or what was done. The store's disk is waited for off the actor (``BlockingWork``); every change
/// therefore goes through ``changes``, and the look-ups go past it.
actor ServingEndpoints {
  let store: EndpointStore
  let models: ModelDirectory
  let launcher: ReplicaLauncher
  let supervisor: ReplicaSupervisor
  /// Where the gateway looks endpoints up.
  nonisolated let table: EndpointTable
  let settings: PlaneConfiguration
  private let probes: ReplicaProbes
  private let eventLoop: any EventLoop
  let wallClock: @Sendable () -> Int64
  let log: Logger

  /// Every call, report and look that changes something, one after the other.
  let changes = ChangeQueue()
  private let pace: StartPace
  /// For when the disk is full.
  let reserve: DiskReserve
  /// When the reserve is looked after again.
  private var nextFill = Duration.zero
  private let clock = ContinuousClock()
  private let origin = ContinuousClock.now
  var machines: [String: EndpointMachine] = [:]
  var ids: [String: String] = [:]
  var admissions: [String: EndpointAdmission] = [:]
  var routings: [String: Routing] = [:]
  var records: [String: ReplicaRecord] = [:]
  /// Endpoints whose record cannot be read, by name.
  var damaged: [String: StoreContents.Damage] = [:]
  var isStopping = false
  /// Another plane looks after the endpoints by now; nothing of them is touched here any more.
  private var isReleased = false
  /// The replicas on record, until ``resume()`` has looked after them.
  private var found: [ReplicaRecord] = []
  /// Replicas whose record cannot be read, by id; until then, too.
  private var damagedReplicas: [String] = []
  /// The plane whose place this one has taken. It may still have requests at any replica.
  private var predecessor: Predecessor?
  /// By the launch's key.
  private var capacities: [String: Int] = [:]

  init(
    store: EndpointStore, models: ModelDirectory, launcher: ReplicaLauncher, probes: ReplicaProbes,
    settings: PlaneConfiguration, eventLoop: any EventLoop, wallClock: @escaping @Sendable () -> Int64, log: Logger
  ) {
    self.store = store
    self.models = models
    self.launcher = launcher
    supervisor = ReplicaSupervisor()
    table = EndpointTable()
    self.probes = probes
    self.settings = settings
    pace = StartPace(burst: settings.startBurst, spacing: settings.startSpacing)
    reserve = DiskReserve(path: settings.reservePath, outputs: settings.replicasPath)
    self.eventLoop = eventLoop
    self.wallClock = wallClock
    self.log = log
  }

  // MARK: The plane's life

  /// Reads what was written down. Nothing is touched.
  func load() async throws {
    try await changes.run {
      let contents = try await BlockingWork.brief.run { [store] in try store.contents() }
      damaged = contents.damagedEndpoints
      note(contents)
      for record in contents.endpoints { install(EndpointMachine(record, planner: settings.planner)) }
      found = contents.replicas
      damagedReplicas = contents.damagedReplicas.keys.sorted()
    }
  }

  /// Adopts the replicas that still run and ends those that nobody wants any more.
  ///
  /// - Parameter predecessor: the plane whose place this one has taken: no replica ends before its requests do.
  func resume(after predecessor: Predecessor? = nil) async {
    self.predecessor = predecessor
    await changes.run {
      await forgetDamagedReplicas()
      let adoption = ReplicaAdoption(
        planeID: store.planeID, records: found, sparesUnwanted: predecessor != nil
      ) { [settings] in
        settings.temporaryDirectory(of: $0)
      }
      found = []
      for finding in await adoption.findings(wanted: wantedLaunches) { await settle(finding) }
      for id in machines.keys.sorted() { await act(on: id) { $0.look($1) } }
    }
  }

  /// What cannot be read is named, and keeps nothing else from being served.
  private func note(_ contents: StoreContents) {
    for remark in contents.remarks { log.error("the store is damaged", metadata: ["what": "\(remark)"]) }
    for (name, damage) in contents.damagedEndpoints {
      log.error(
        "an endpoint cannot be read from the store and is left out; create it again, or restore the store from a backup",
        metadata: ["endpoint": "\(name)", "error": "\(damage.reason)"])
    }
    for (id, reason) in contents.damagedReplicas {
      log.error("the record of a replica is damaged", metadata: ["replica": "\(id)", "error": "\(reason)"])
    }
  }

  /// Their processes are found by their mark and ended, as those of no replica are.
  private func forgetDamagedReplicas() async {
    for id in damagedReplicas {
      try? await BlockingWork.brief.run { [store, settings] in
        try? FileManager.default.removeItem(atPath: settings.replicasPath + "/" + id)
        try store.deleteReplica(id)
      }
    }
    damagedReplicas = []
  }

  /// Looks at what waits for time or room, and at what was told to go. Called every now and then.
  func look() async {
    await changes.run {
      guard !isStopping else { return }
      let now = clock.now - origin
      for (id, machine) in machines where machine.isDue(now: now) { await act(on: id) { $0.look($1) } }
      for (id, record) in records where record.ended == nil && machines[record.endpoint] == nil {
        supervisor.stop(id, .drain(settings.deletionGrace))
      }
      guard now >= nextFill else { return }
      nextFill = now + .seconds(30)
      await BlockingWork.brief.run { [reserve] in reserve.fill() }
    }
  }

  /// Runs `body` while nothing changes. Where it answers true the endpoints are another plane's from then on.
  func holdStill(_ body: @Sendable () async -> Bool) async -> Bool {
    // A replica that is being started this very moment has no process on record yet.
    let end = clock.now + .seconds(3)
    while clock.now < end, records.values.contains(where: { $0.ended == nil && $0.process == nil }) {
      try? await Task.sleep(for: .milliseconds(20))
    }
    return await changes.run {
      guard !isStopping, await body() else { return false }
      isStopping = true
      isReleased = true
      return true
    }
  }

  /// Takes no more changes and no more queries; those that wait for a place are refused, those at replicas go on.
  func refuseQueries() async {
    isStopping = true
    // After the change that is under way, so that a replica it starts is stopped too.
    await changes.run {
      for (id, record) in records where record.ended == nil { admissions[record.endpoint]?.replicaDraining(id) }
      for admission in admissions.values { admission.close() }
    }
  }

  /// Stops every replica; endpoints and configs stay as they are. The supervisor returns when the last one is over.
  func stop() async {
    await refuseQueries()
    for (id, record) in records where record.ended == nil { supervisor.stop(id, .now) }
    supervisor.finish()
  }

  /// How many replicas are not over.
  var livingReplicas: Int { records.values.count { $0.ended == nil } }

  /// Ends the processes of all replicas at once.
  func killReplicas() async {
    let groups = records.values.filter { $0.ended == nil }.compactMap { record in
      record.process.map {
        ReplicaGroup(
          mark: ReplicaMark(plane: store.planeID, replica: record.id), leader: $0,
          workingDirectory: record.workingDirectory)
      }
    }
    await withDiscardingTaskGroup { tasks in
      for group in groups { tasks.addTask { _ = await group.end(rounds: 2) } }
    }
  }

  // MARK: What replicas tell

  private func replica(_ id: String, tells report: ReplicaReport) async {
    // Its requests are breaking now, and their callers are told why; no change is waited for.
    if case .failing(let cause) = report { return await explain(cause, of: id) }
    await changes.run { await take(report, of: id) }
  }

  private func take(_ report: ReplicaReport, of id: String) async {
    guard !isReleased, var record = records[id] else { return }
    switch report {
    case .started(let identity):
      record.process = identity
      await keep(record)
      await act(on: record.endpoint) { $0.replica(id, became: .starting, $1) }
    case .loading:
      await act(on: record.endpoint) { $0.replica(id, became: .loading, $1) }
    case .ready:
      record.wasReady = true
      await keep(record)
      await act(on: record.endpoint) { $0.replica(id, became: .ready, $1) }
    case .sharedMemory(let files):
      guard files != record.sharedMemory else { return }
      record.sharedMemory = files
      await keep(record)
    case .stopping:
      await act(on: record.endpoint) { $0.replica(id, became: .stopping, $1) }
    case .failing: break
    case .over(let failure):
      if let failure {
        let redaction = await redaction(of: record.launch)
        record.failure = failure.redacted(redaction)
      }
      record.ended = wallClock()
      await finish(record)
    }
  }

  /// Tells the gateway why a replica's requests break off.
  private func explain(_ cause: ReplicaFailure, of id: String) async {
    guard let record = records[id], let admission = admissions[record.endpoint] else { return }
    let redaction = await redaction(of: record.launch)
    admission.endings.note(id, cause: cause.redacted(redaction).explanation)
  }

  /// What no words of an engine may repeat.
  func redaction(of launch: LaunchConfig) async -> Redaction {
    let secrets = launcher.secrets
    return await BlockingWork.brief.run { secrets.redaction(of: launch.environment) }
  }

  private func finish(_ record: ReplicaRecord) async {
    let id = record.id
    supervisor.forget(id)
    admissions[record.endpoint]?.replicaGone(id)
    let about: Logger.Metadata = ["endpoint": "\(nameOf(record))", "replica": "\(id)"]
    if let failure = record.failure {
      log.warning("replica failed", metadata: about.merging(["cause": "\(failure)"]) { $1 })
    } else {
      log.info("replica stopped", metadata: about)
    }
    guard machines[record.endpoint] != nil else {
      await forget(record)
      if !records.values.contains(where: { $0.endpoint == record.endpoint }) { admissions[record.endpoint] = nil }
      return
    }
    await keep(record)
    await prune(record.endpoint)
    await act(on: record.endpoint) { machine, moment in
      guard let failure = record.failure else { return machine.replica(id, became: .stopped, moment) }
      return machine.replica(id, failed: failure, chance: Double.random(in: 0..<1), moment)
    }
  }

  // MARK: Acting

  func act(on id: String, _ event: (inout EndpointMachine, EndpointMachine.Moment) -> [EndpointMachine.Action]) async {
    guard var machine = machines[id], !isStopping else { return }
    let actions = event(&machine, moment(for: machine))
    if actions.contains(.save) {
      do { try await write(machine.record) } catch {
        log.error(
          "the endpoint could not be written down",
          metadata: ["endpoint": "\(machine.record.name)", "error": "\(error)"])
      }
    }
    // Only now, so that nobody is told what a killed plane would not know any more.
    machines[id] = machine
    await perform(actions, for: id)
  }

  func perform(_ actions: [EndpointMachine.Action], for id: String) async {
    for action in actions {
      switch action {
      case .save: continue
      case .route: await route(id)
      case .start(let replica, let launch, let version): await start(replica, launch, version, for: id)
      case .drain(let replica):
        admissions[id]?.replicaDraining(replica)
        supervisor.stop(replica, .drain(settings.timing.drainDeadline))
      case .stop(let replica): supervisor.stop(replica, .now)
      }
    }
  }

  /// Tells the gateway what has changed: first who can answer now, then who gets nothing new.
  private func route(_ id: String) async {
    guard let machine = machines[id], let admission = admissions[id] else { return }
    let old = routings[id] ?? Routing()
    let new = machine.routing
    routings[id] = new
    let versions = Dictionary(new.shares.map { ($0.entity, $0.version) }, uniquingKeysWith: { $1 })
    for target in new.targets where !old.targets.contains(target) || old.shares != new.shares {
      guard let record = records[target.replica] else { continue }
      admission.replicaReady(
        UpstreamReplica(
          id: target.replica, entity: target.entity, version: versions[target.entity].map(String.init),
          address: .tcp(host: "127.0.0.1", port: record.port),
          capacity: await capacity(of: record.launch)))
    }
    if new.shares != old.shares { admission.setTraffic(new.shares.map { ($0.entity, $0.weight) }) }
    admission.setUnavailable(reason: new.unavailable)
    let remaining = Set(new.targets.map(\.replica))
    for target in old.targets where !remaining.contains(target.replica) { admission.replicaDraining(target.replica) }
  }

  /// How many requests at once a replica of this launch is given.
  private func capacity(of launch: LaunchConfig) async -> Int {
    if let fixed = settings.requestsPerReplica { return fixed }
    if let known = capacities[launch.key] { return known }
    let entrypoint = await version(of: launch)?.entrypoint
    let capacity = EngineBatch.size(entrypoint: entrypoint ?? "", environment: launch.environment)
    // A version that could not be read now is asked again.
    if entrypoint != nil { capacities[launch.key] = capacity }
    return capacity
  }

  private func start(_ id: String, _ launch: LaunchConfig, _ configVersion: Int64, for endpoint: String) async {
    let alive = records.values.filter { $0.ended == nil }
    let taken = Set(alive.map(\.port))
    let devices = launcher.accelerators.devices(for: launch.workloadType, inUse: alive.flatMap(\.devices))
    let directory = settings.replicasPath + "/" + id
    let found = await version(of: launch)
    let record = ReplicaRecord(
      id: id, endpoint: endpoint, launch: launch, configVersion: configVersion,
      port: ReplicaPort.free(besides: taken, from: Int.random(in: ReplicaPort.range)) ?? 0,
      devices: devices ?? [], directory: directory, temporary: settings.temporaryDirectory(of: id),
      workingDirectory: found?.artifacts ?? directory,
      created: wallClock())
    await keep(record)
    log.info(
      "replica starting", metadata: ["endpoint": "\(nameOf(record))", "replica": "\(id)", "port": "\(record.port)"])
    let mark = ReplicaMark(plane: store.planeID, replica: id)
    run(record, found) { [models, launcher] () throws(ReplicaFailure) in
      guard record.port != 0 else { throw ReplicaFailure("no port is free for the replica", isWorthRepeating: true) }
      guard devices != nil else {
        throw ReplicaFailure("too few GPUs are free for a replica of \(launch.workloadType)", isWorthRepeating: true)
      }
      let version: ModelVersion
      do throws(ModelError) {
        version = try models.version(launch.model, launch.version)
      } catch {
        throw ReplicaFailure(error.description, isWorthRepeating: error.code == .missing)
      }
      let prepared = try launcher.prepare(record, version: version, mark: mark)
      return try launcher.start(prepared, record: record)
    }
  }

  /// Puts a replica's life under supervision.
  private func run(
    _ record: ReplicaRecord, _ version: ModelVersion?,
    start: (@Sendable () throws(ReplicaFailure) -> ProcessTable.Identity)?
  ) {
    let id = record.id
    let admission = admissions[record.endpoint]
    supervisor.start(
      ReplicaLife(
        record: record, start: start, mark: ReplicaMark(plane: store.planeID, replica: id),
        task: version?.task ?? "llm/v1/chat", program: launcher.python ?? "python", timing: settings.timing,
        probe: probes.probe(port: record.port, timing: settings.timing), signal: supervisor.signal(for: id),
        pace: pace,
        untilDrained: { [predecessor] in
          await admission?.drained(id)
          await predecessor?.untilGone()
        }, cutOff: { admission?.cutOff(id) },
        report: { await self.replica(id, tells: $0) }))
  }

  /// Nil where it is not there any more.
  private func version(of launch: LaunchConfig) async -> ModelVersion? {
    await BlockingWork.brief.run { [models] in try? models.version(launch.model, launch.version) }
  }

  // MARK: Adoption

  private func settle(_ finding: ReplicaAdoption.Finding) async {
    switch finding {
    case .past(let record): records[record.id] = record
    case .adopt(let record):
      await keep(record)
      let state: ReplicaState = record.wasReady ? .ready : .starting
      let moment = moment(for: machines[record.endpoint])
      machines[record.endpoint]?.adopt(
        Replica(id: record.id, launch: record.launch.key, state: state, places: record.devices.count), moment)
      run(record, await version(of: record.launch), start: nil)
      log.info("replica adopted", metadata: ["endpoint": "\(nameOf(record))", "replica": "\(record.id)"])
    case .leaving(let record):
      await keep(record)
      run(record, await version(of: record.launch), start: nil)
      supervisor.stop(record.id, .drain(settings.timing.drainDeadline))
      log.info("replica of no endpoint is drained", metadata: ["replica": "\(record.id)"])
    case .lost(var record):
      record.failure = ReplicaFailure("it ended while the serving plane was away", isWorthRepeating: true)
      record.ended = wallClock()
      await keep(record)
      log.warning("replica gone", metadata: ["endpoint": "\(nameOf(record))", "replica": "\(record.id)"])
    case .swept(let record):
      await forget(record)
      log.info("replica of no endpoint ended", metadata: ["replica": "\(record.id)"])
    case .orphans(let count):
      log.info("processes of no replica ended", metadata: ["count": "\(count)"])
    }
  }

  /// The launches that an endpoint has a use for, by the endpoint's id.
  private var wantedLaunches: [String: Set<LaunchConfig>] {
    machines.mapValues { machine in
      let configs = [machine.record.active, machine.record.update.target].compactMap { $0 }
      return Set(configs.flatMap(\.entities).map(\.launch))
    }
  }

  // MARK: Bookkeeping

  func install(_ machine: EndpointMachine) {
    let record = machine.record
    let admission = EndpointAdmission(policy: settings.admission, eventLoop: eventLoop)
    machines[record.id] = machine
    ids[record.name] = record.id
    admissions[record.id] = admission
    admission.setUnavailable(reason: machine.routing.unavailable)
    table.insert(QueryableEndpoint(name: record.name, created: record.created / 1000, admission: admission))
  }

  func write(_ record: EndpointRecord) async throws {
    try await BlockingWork.brief.run { [store, reserve] in try reserve.write(to: store) { try $0.save(record) } }
  }

  private func keep(_ record: ReplicaRecord) async {
    records[record.id] = record
    do {
      try await BlockingWork.brief.run { [store, reserve] in try reserve.write(to: store) { try $0.save(record) } }
    } catch {
      log.error("the replica could not be written down", metadata: ["replica": "\(record.id)", "error": "\(error)"])
    }
  }

  /// Removes a replica that is over from the records, and its output from the disk.
  func forget(_ record: ReplicaRecord) async {
    records[record.id] = nil
    do {
      try await BlockingWork.brief.run { [store, reserve] in
        try? FileManager.default.removeItem(atPath: record.directory)
        try reserve.write(to: store) { try $0.deleteReplica(record.id) }
      }
    } catch {
      log.error("the replica could not be forgotten", metadata: ["replica": "\(record.id)", "error": "\(error)"])
    }
  }

  /// Keeps the output of the last replicas that are over, and no more.
  private func prune(_ endpoint: String) async {
    let over = records.values.filter { $0.endpoint == endpoint && $0.ended != nil }
      .sorted { ($0.ended ?? 0, $0.id) > ($1.ended ?? 0, $1.id) }
    for record in over.dropFirst(settings.keptOutputs) { await forget(record) }
  }

  /// What an endpoint's machine is told of now and of the GPUs.
  func moment(for machine: EndpointMachine?) -> EndpointMachine.Moment {
    let accelerators = launcher.accelerators
    let alive = records.values.filter { $0.ended == nil }
    let used = Set(alive.flatMap(\.devices)).count
    let others = alive.filter { record in
      record.endpoint != machine?.record.id
        && machines[record.endpoint]?.replicas[record.id]?.state.isLeaving ?? true
    }
    return EndpointMachine.Moment(
      now: clock.now - origin, wall: wallClock(),
      room: accelerators.gpus.isEmpty ? nil : max(0, accelerators.gpus.count - used),
      freeing: Set(others.flatMap(\.devices)).count, places: accelerators.places, newID: Self.randomHex)
  }

  private func nameOf(_ record: ReplicaRecord) -> String { machines[record.endpoint]?.record.name ?? record.endpoint }

  /// 16 hex digits.
  static func randomHex() -> String {
    let digits = String(UInt64.random(in: .min ... .max), radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
