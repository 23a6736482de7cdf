import CanonicalJSON
import FoundationEssentials
import Gateway
import Logging
import NIOCore
import Scheduling
import ServingAPI

/// All endpoints of a plane: performs what their machines decide, and answers the API.
///
/// What is written down is written before it is acted on, so a plane that is killed between two steps finds on its next start
/// either what was decided or what was done.
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
  private let wallClock: @Sendable () -> Int64
  private let log: Logger

  private let clock = ContinuousClock()
  private let origin = ContinuousClock.now
  private var machines: [String: EndpointMachine] = [:]
  private var ids: [String: String] = [:]
  private var admissions: [String: EndpointAdmission] = [:]
  private var routings: [String: Routing] = [:]
  private var records: [String: ReplicaRecord] = [:]
  private var isStopping = false

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
    self.eventLoop = eventLoop
    self.wallClock = wallClock
    self.log = log
  }

  // MARK: The plane's life

  /// Reads what was written down, adopts the replicas that still run and ends those that nobody wants any more.
  func resume() throws {
    for record in try store.endpoints() { install(EndpointMachine(record, planner: settings.planner)) }
    let adoption = ReplicaAdoption(planeID: store.planeID, records: try store.replicas())
    for finding in adoption.findings(wanted: wantedLaunches) { try settle(finding) }
    for id in machines.keys.sorted() { act(on: id) { $0.look($1) } }
  }

  /// Looks at what waits for time or room. Called every now and then.
  func look() {
    guard !isStopping else { return }
    let now = clock.now - origin
    for (id, machine) in machines
    where machine.lookAgainAt.map({ $0 <= now }) == true || !machine.withoutRoom.isEmpty {
      act(on: id) { $0.look($1) }
    }
  }

  /// Stops every replica; endpoints and configs stay as they are. The supervisor returns when the last one is over.
  func stop(within grace: Duration) {
    isStopping = true
    for (id, record) in records where record.ended == nil {
      admissions[record.endpoint]?.replicaDraining(id)
      supervisor.stop(id, .drain(grace))
    }
    supervisor.finish()
  }

  // MARK: The API

  func create(_ request: WireCreateRequest) throws(APIError) -> WireEndpoint {
    let name = try newName(request)
    let now = wallClock()
    let id = Self.randomHex() + Self.randomHex()
    let config = try request.config.map { wire throws(APIError) in
      try reader.read(wire, configVersion: 1, now: now)
    }
    let tags = try Self.tags(request.tags ?? [])
    let record = EndpointRecord(
      id: id, name: name, creator: settings.user, created: now, updated: now, description: request.description ?? "",
      tags: tags)
    var machine = EndpointMachine(record, planner: settings.planner)
    let actions = try config.map { config throws(APIError) in try machine.put(config, moment(for: machine)) } ?? []
    try write(machine.record)
    install(machine)
    perform(actions, for: id)
    log.info("endpoint created", metadata: ["endpoint": "\(name)"])
    return try get(name)
  }

  func get(_ name: String) throws(APIError) -> WireEndpoint {
    EndpointView(machine: try machine(name), accelerators: launcher.accelerators).detailed
  }

  func list() -> WireEndpointList {
    let views = machines.values.sorted { $0.record.name < $1.record.name }
    return WireEndpointList(
      endpoints: views.map { EndpointView(machine: $0, accelerators: launcher.accelerators).summary })
  }

  func update(_ name: String, to wire: WireConfig) throws(APIError) -> WireEndpoint {
    try refuseWhileStopping()
    var machine = try machine(name)
    // Before anything is looked at: a config that could not be taken anyway is not worth a judgement.
    if machine.record.update.target != nil { throw .updating(name) }
    let config = try reader.read(wire, configVersion: machine.record.nextVersion, now: wallClock())
    let actions = try machine.put(config, moment(for: machine))
    try write(machine.record)
    machines[machine.record.id] = machine
    perform(actions, for: machine.record.id)
    log.info("config accepted", metadata: ["endpoint": "\(name)", "version": "\(config.version)"])
    return try get(name)
  }

  func changeTags(_ name: String, _ patch: WireTagPatch) throws(APIError) -> WireTags {
    let findings = patch.typeFindings()
    guard findings.isEmpty else { throw .invalid(findings.joined(separator: "; ")) }
    var machine = try machine(name)
    _ = machine.changeTags(add: try Self.tags(patch.addTags), delete: patch.deleteTags, moment(for: machine))
    try write(machine.record)
    machines[machine.record.id] = machine
    return WireTags(tags: WireTag.list(machine.record.tags))
  }

  func delete(_ name: String) throws(APIError) {
    let machine = try machine(name)
    let id = machine.record.id
    do { try store.deleteEndpoint(id) } catch { throw storageError(error) }
    machines[id] = nil
    ids[name] = nil
    routings[id] = nil
    table.remove(name)
    admissions[id]?.setUnavailable(reason: "endpoint \(name) was deleted")
    for (replica, record) in records where record.endpoint == id {
      if record.ended == nil {
        admissions[id]?.replicaDraining(replica)
        supervisor.stop(replica, .drain(settings.deletionGrace))
      } else {
        forget(record)
      }
    }
    log.info("endpoint deleted", metadata: ["endpoint": "\(name)"])
  }

  /// The output of the replica that serves an entity, else of the newest one.
  func logs(_ name: String, entity: String) throws(APIError) -> WireLogs {
    try logs(name, entity: entity) { machine in
      [machine.record.active, machine.record.update.config].compactMap { $0 }
    }
  }

  /// The output of the newest replica that was started for an entity: here stands why a new version does not come up.
  func buildLogs(_ name: String, entity: String) throws(APIError) -> WireLogs {
    try logs(name, entity: entity) { machine in
      [machine.record.update.config, machine.record.active].compactMap { $0 }
    }
  }

  private func logs(
    _ name: String, entity: String, order: (EndpointMachine) -> [PlaneConfig]
  ) throws(APIError) -> WireLogs {
    let machine = try machine(name)
    guard let launch = order(machine).compactMap({ $0.entity(named: entity) }).first?.launch else {
      throw .missing("Endpoint '\(name)' has no served entity '\(entity)'.")
    }
    let replicas = records.values.filter { $0.endpoint == machine.record.id && $0.launch == launch }
    // The serving one first, then the newest.
    let best = replicas.max {
      (machine.replicas[$0.id]?.state == .ready ? 1 : 0, $0.created, $0.id)
        < (machine.replicas[$1.id]?.state == .ready ? 1 : 0, $1.created, $1.id)
    }
    return WireLogs(logs: best.map { OutputFile($0.outputPath).end() } ?? "")
  }

  // MARK: What replicas tell

  private func replica(_ id: String, tells report: ReplicaReport) {
    guard var record = records[id] else { return }
    switch report {
    case .started(let identity):
      record.process = identity
      keep(record)
      act(on: record.endpoint) { $0.replica(id, became: .starting, $1) }
    case .loading:
      act(on: record.endpoint) { $0.replica(id, became: .loading, $1) }
    case .ready:
      record.wasReady = true
      keep(record)
      act(on: record.endpoint) { $0.replica(id, became: .ready, $1) }
    case .sharedMemory(let files):
      guard files != record.sharedMemory else { return }
      record.sharedMemory = files
      keep(record)
    case .stopping:
      act(on: record.endpoint) { $0.replica(id, became: .stopping, $1) }
    case .over(let failure):
      record.failure = failure
      record.ended = wallClock()
      finish(record)
    }
  }

  private func finish(_ record: ReplicaRecord) {
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
      forget(record)
      if !records.values.contains(where: { $0.endpoint == record.endpoint }) { admissions[record.endpoint] = nil }
      return
    }
    keep(record)
    prune(record.endpoint)
    act(on: record.endpoint) { machine, moment in
      guard let failure = record.failure else { return machine.replica(id, became: .stopped, moment) }
      return machine.replica(id, failed: failure, chance: Double.random(in: 0..<1), moment)
    }
  }

  // MARK: Acting

  private func act(on id: String, _ event: (inout EndpointMachine, EndpointMachine.Moment) -> [EndpointMachine.Action])
  {
    guard var machine = machines[id], !isStopping else { return }
    let actions = event(&machine, moment(for: machine))
    machines[id] = machine
    if actions.contains(.save) {
      do { try store.save(machine.record) } catch {
        log.error(
          "the endpoint could not be written down",
          metadata: ["endpoint": "\(machine.record.name)", "error": "\(error)"])
      }
    }
    perform(actions, for: id)
  }

  private func perform(_ actions: [EndpointMachine.Action], for id: String) {
    for action in actions {
      switch action {
      case .save: continue
      case .route: route(id)
      case .start(let replica, let launch, let version): start(replica, launch, version, for: id)
      case .drain(let replica):
        admissions[id]?.replicaDraining(replica)
        supervisor.stop(replica, .drain(settings.timing.drainDeadline))
      case .stop(let replica): supervisor.stop(replica, .now)
      }
    }
  }

  /// Tells the gateway what has changed: first who can answer now, then who gets nothing new.
  private func route(_ id: String) {
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
          address: .tcp(host: "127.0.0.1", port: record.port), capacity: settings.requestsPerReplica))
    }
    if new.shares != old.shares { admission.setTraffic(new.shares.map { ($0.entity, $0.weight) }) }
    admission.setUnavailable(reason: new.unavailable)
    let remaining = Set(new.targets.map(\.replica))
    for target in old.targets where !remaining.contains(target.replica) { admission.replicaDraining(target.replica) }
  }

  private func start(_ id: String, _ launch: LaunchConfig, _ configVersion: Int64, for endpoint: String) {
    let alive = records.values.filter { $0.ended == nil }
    let taken = Set(alive.map(\.port))
    let directory = settings.replicasPath + "/" + id
    let artifacts = try? models.version(launch.model, launch.version).artifacts
    let record = ReplicaRecord(
      id: id, endpoint: endpoint, launch: launch, configVersion: configVersion,
      port: ReplicaPort.free(besides: taken, from: Int.random(in: ReplicaPort.range)) ?? 0,
      devices: launcher.accelerators.devices(for: launch.workloadType, inUse: alive.flatMap(\.devices)),
      directory: directory, temporary: settings.temporaryPath + "/sp-" + id, workingDirectory: artifacts ?? directory,
      created: wallClock())
    keep(record)
    log.info(
      "replica starting", metadata: ["endpoint": "\(nameOf(record))", "replica": "\(id)", "port": "\(record.port)"])
    let mark = ReplicaMark(plane: store.planeID, replica: id)
    run(record) { [models, launcher] () throws(ReplicaFailure) in
      guard record.port != 0 else { throw ReplicaFailure("no port is free for the replica", isWorthRepeating: true) }
      let version: ModelVersion
      do throws(ModelError) {
        version = try models.version(launch.model, launch.version)
      } catch {
        throw ReplicaFailure(error.description)
      }
      let prepared = try launcher.prepare(record, version: version, mark: mark)
      return try launcher.start(prepared, record: record)
    }
  }

  /// Puts a replica's life under supervision.
  private func run(
    _ record: ReplicaRecord, start: (@Sendable () throws(ReplicaFailure) -> ProcessTable.Identity)?
  ) {
    let id = record.id
    let admission = admissions[record.endpoint]
    let version = try? models.version(record.launch.model, record.launch.version)
    supervisor.start(
      ReplicaLife(
        record: record, start: start, mark: ReplicaMark(plane: store.planeID, replica: id),
        task: version?.task ?? "llm/v1/chat", program: launcher.python ?? "python", timing: settings.timing,
        probe: probes.probe(port: record.port, timing: settings.timing), signal: supervisor.signal(for: id),
        untilDrained: { await admission?.drained(id) }, cutOff: { admission?.cutOff(id) },
        report: { await self.replica(id, tells: $0) }))
  }

  // MARK: Adoption

  private func settle(_ finding: ReplicaAdoption.Finding) throws {
    switch finding {
    case .past(let record): records[record.id] = record
    case .adopt(let record):
      keep(record)
      let state: ReplicaState = record.wasReady ? .ready : .starting
      let moment = moment(for: machines[record.endpoint])
      machines[record.endpoint]?.adopt(
        Replica(id: record.id, launch: record.launch.key, state: state), moment)
      run(record, start: nil)
      log.info("replica adopted", metadata: ["endpoint": "\(nameOf(record))", "replica": "\(record.id)"])
    case .lost(var record):
      record.failure = ReplicaFailure("it ended while the serving plane was away", isWorthRepeating: true)
      record.ended = wallClock()
      keep(record)
      log.warning("replica gone", metadata: ["endpoint": "\(nameOf(record))", "replica": "\(record.id)"])
    case .swept(let record):
      forget(record)
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

  private func install(_ machine: EndpointMachine) {
    let record = machine.record
    let admission = EndpointAdmission(policy: settings.admission, eventLoop: eventLoop)
    machines[record.id] = machine
    ids[record.name] = record.id
    admissions[record.id] = admission
    admission.setUnavailable(reason: machine.routing.unavailable)
    table.insert(QueryableEndpoint(name: record.name, created: record.created / 1000, admission: admission))
  }

  private func keep(_ record: ReplicaRecord) {
    records[record.id] = record
    do { try store.save(record) } catch {
      log.error("the replica could not be written down", metadata: ["replica": "\(record.id)", "error": "\(error)"])
    }
  }

  /// Removes a replica that is over from the records, and its output from the disk.
  private func forget(_ record: ReplicaRecord) {
    records[record.id] = nil
    try? FileManager.default.removeItem(atPath: record.directory)
    do { try store.deleteReplica(record.id) } catch {
      log.error("the replica could not be forgotten", metadata: ["replica": "\(record.id)", "error": "\(error)"])
    }
  }

  /// Keeps the output of the last replicas that are over, and no more.
  private func prune(_ endpoint: String) {
    let over = records.values.filter { $0.endpoint == endpoint && $0.ended != nil }
      .sorted { ($0.ended ?? 0, $0.id) > ($1.ended ?? 0, $1.id) }
    for record in over.dropFirst(settings.keptOutputs) { forget(record) }
  }

  private func moment(for machine: EndpointMachine?) -> EndpointMachine.Moment {
    EndpointMachine.Moment(
      now: clock.now - origin, wall: wallClock(), room: room(for: machine), newID: Self.randomHex)
  }

  /// How many more replicas of an endpoint the GPUs can hold; no bound without GPUs.
  private func room(for machine: EndpointMachine?) -> Int? {
    let gpus = launcher.accelerators.gpus.count
    guard gpus > 0 else { return nil }
    let used = Set(records.values.filter { $0.ended == nil }.flatMap(\.devices)).count
    let entities = [machine?.record.active, machine?.record.update.config].compactMap { $0 }.flatMap(\.entities)
    let each = entities.map { min(gpus, Accelerators.gpuCount($0.workloadType)) }.max() ?? 1
    return max(0, gpus - used) / max(1, each)
  }

  private var reader: ConfigReader {
    ConfigReader(
      version: { [models] model, number throws(ModelError) in try models.version(model, number) },
      secretFinding: { [launcher] in launcher.secrets.finding(in: $0) })
  }

  private func machine(_ name: String) throws(APIError) -> EndpointMachine {
    guard let machine = ids[name].flatMap({ machines[$0] }) else { throw .noEndpoint(name) }
    return machine
  }

  private func newName(_ request: WireCreateRequest) throws(APIError) -> String {
    try refuseWhileStopping()
    let findings = request.typeFindings()
    guard findings.isEmpty else { throw .invalid(findings.joined(separator: "; ")) }
    for member in Self.unsupportedAtCreate {
      guard let value = request.members[member], !value.isNull else { continue }
      if value == .bool(false) || value == .object([:]) || value == .array([]) { continue }
      throw .invalid("\(member) is not supported by this serving plane yet; leave it out")
    }
    guard let name = request.name, !name.isEmpty else { throw .invalid("name is missing") }
    if let finding = EndpointName.finding(name) { throw .invalid(finding) }
    if ids[name] != nil { throw .exists(name) }
    return name
  }

  private static let unsupportedAtCreate = [
    "ai_gateway", "budget_policy_id", "email_notifications", "rate_limits", "route_optimized", "telemetry_config",
    "uc_system_metrics_export_state",
  ]

  private func refuseWhileStopping() throws(APIError) { if isStopping { throw .shuttingDown() } }

  private func write(_ record: EndpointRecord) throws(APIError) {
    do { try store.save(record) } catch { throw storageError(error) }
  }

  private func storageError(_ error: any Error) -> APIError {
    log.error("the store could not be written", metadata: ["error": "\(error)"])
    return .internal("The plane's store could not be written: \(error)")
  }

  private func nameOf(_ record: ReplicaRecord) -> String { machines[record.endpoint]?.record.name ?? record.endpoint }

  private static func tags(_ tags: [WireTag]) throws(APIError) -> [String: String] {
    guard tags.allSatisfy({ $0.key?.isEmpty == false }) else { throw .invalid("a tag has no key") }
    return WireTag.dictionary(tags)
  }

  /// 16 hex digits.
  private static func randomHex() -> String {
    let digits = String(UInt64.random(in: .min ... .max), radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
