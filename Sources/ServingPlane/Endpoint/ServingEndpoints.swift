import CanonicalJSON
import Endpoints
import FoundationEssentials
import Gateway
import Logging
import NIOCore
import Scheduling
import ServingAPI

/// All endpoints of a plane: performs their machines' decisions, and answers API calls.
///
/// A decision is recorded before it is acted on, so a plane that is killed between the two finds either the decision or
/// its result at its next start. Waiting for the store's disk happens off the actor (``BlockingWork``); therefore every
/// change goes through ``changes``, and reads bypass it.
///
/// One actor, because a decision depends on an endpoint, its replicas and the places of the whole machine at the same
/// time. Each has its own type: ``EndpointMachine``, ``ReplicaBook``, ``GatewayRoutes``, ``StoreWriter``.
actor ServingEndpoints {
  let store: EndpointStore
  let models: any ModelSource
  let downloads = ModelDownloads()
  let backend: any ReplicaBackend
  let secrets: SecretFolder
  let supervisor: ReplicaSupervisor
  /// The directory in which the gateway looks up endpoints.
  nonisolated let table: EndpointTable
  let settings: PlaneConfiguration
  let probes: ReplicaProbes
  let wallClock: @Sendable () -> Int64
  let log: Logger

  /// Serializes every call, report and check that changes something.
  let changes = ChangeQueue()
  let startLimiter: StartLimiter
  let writer: StoreWriter
  /// When the reserve is next refilled.
  private var nextFill = Duration.zero
  let clock = ContinuousClock()
  let origin = ContinuousClock.now
  var machines: [String: EndpointMachine] = [:]
  var ids: [String: String] = [:]
  /// The names of deleted endpoints whose replicas have not all ended, by the endpoint's ID; for the log.
  var deletedNames: [String: String] = [:]
  var gateway: GatewayRoutes
  var replicas = ReplicaBook()
  /// Endpoints whose record cannot be read, by name.
  var damaged: [String: StoreContents.Damage] = [:]
  var isStopping = false
  /// Whether another plane manages the endpoints now; this one no longer touches them.
  var isReleased = false
  /// The replicas on record, until ``resume()`` has processed them.
  private var found: [ReplicaRecord] = []
  /// Replicas whose record cannot be read, by ID; also until then.
  private var damagedReplicas: [String] = []
  /// Whether the replicas on record have been processed. Before that, nothing may start: it may run already.
  private var isResumed = false
  /// The plane that this one has replaced. It may still have requests at any replica.
  var previousPlane: PreviousPlane?
  /// A signal that one or more requests wait that no replica can take.
  nonisolated let demand: AsyncStream<Void>
  let demandSignal: AsyncStream<Void>.Continuation
  /// Reads what an ended replica has written, before it is removed.
  var collectLast: (@Sendable (CollectedReplica) async -> Void)?
  /// Capacities by launch key.
  var capacities: [String: Int] = [:]

  init(
    store: EndpointStore, models: any ModelSource, backend: any ReplicaBackend, probes: ReplicaProbes,
    settings: PlaneConfiguration, eventLoop: any EventLoop, wallClock: @escaping @Sendable () -> Int64, log: Logger
  ) {
    self.store = store
    self.models = models
    self.backend = backend
    secrets = SecretFolder(path: settings.secretsPath)
    supervisor = ReplicaSupervisor()
    let table = EndpointTable()
    self.table = table
    self.probes = probes
    self.settings = settings
    startLimiter = StartLimiter(burst: settings.startBurst, spacing: settings.startSpacing)
    writer = StoreWriter(
      store: store, reserve: DiskReserve(path: settings.reservePath, outputs: settings.replicasPath))
    gateway = GatewayRoutes(
      table: table, defaults: settings.endpointDefaults, heldBytes: settings.heldBytes, eventLoop: eventLoop)
    (demand, demandSignal) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    self.wallClock = wallClock
    self.log = log
  }

  func makeMachine(_ record: EndpointRecord) -> EndpointMachine {
    EndpointMachine(
      record, planner: settings.planner, scaling: ScalePolicy(scaleDownAfter: settings.scaleDownAfter),
      maximumReplicas: maximumReplicas, idleAfter: settings.endpointDefaults.idleAfter)
  }

  // MARK: The plane's life

  /// Reads the store. Changes nothing.
  func load() async throws {
    try await changes.run {
      let contents = try await BlockingWork.brief.run { [store] in try store.contents() }
      damaged = contents.damagedEndpoints
      note(contents)
      for record in contents.endpoints { install(makeMachine(record)) }
      found = contents.replicas
      damagedReplicas = contents.damagedReplicas.keys.sorted()
    }
  }

  /// Adopts the replicas that still run and ends those that no endpoint needs.
  ///
  /// - Parameter previousPlane: the plane that this one has replaced: no replica ends before its requests do.
  func resume(after previousPlane: PreviousPlane? = nil) async {
    self.previousPlane = previousPlane
    await changes.run {
      await forgetDamagedReplicas()
      let adoption = ReplicaAdoption(backend: backend, records: found, sparesUnwanted: previousPlane != nil)
      found = []
      for finding in await adoption.findings(wanted: wantedLaunches) { await settle(finding) }
      isResumed = true
      // Those that keep their places for good first: the others would only start to give theirs up.
      let kept = machines.keys.filter { machines[$0]?.scalesToZero == false }
      for id in kept.sorted() { await act(on: id) { $0.tick($1) } }
      for id in machines.keys.sorted() where !kept.contains(id) { await act(on: id) { $0.tick($1) } }
    }
  }

  /// Notes that the plane that this one has replaced is gone, so that this one knows of every request.
  func forgetPreviousPlane() { previousPlane = nil }

  /// Logs what cannot be read; it does not keep anything else from being served.
  private func note(_ contents: StoreContents) {
    for remark in contents.remarks { log.error("the store is damaged", metadata: ["what": "\(remark)"]) }
    for (name, damage) in contents.damagedEndpoints {
      log.error(
        "an endpoint cannot be read from the store and is skipped; create it again, or restore the store from a backup",
        metadata: ["endpoint": "\(name)", "error": "\(damage.reason)"])
    }
    for (id, reason) in contents.damagedReplicas {
      log.error("the record of a replica is damaged", metadata: ["replica": "\(id)", "error": "\(reason)"])
    }
  }

  /// Forgets damaged records of replicas. The backend ends those that still run, like everything that is on no record.
  private func forgetDamagedReplicas() async {
    for id in damagedReplicas {
      await backend.removeLog(of: id, nil)
      try? await BlockingWork.brief.run { [store] in try store.deleteReplica(id) }
    }
    damagedReplicas = []
  }

  /// Wakes the endpoints whose requests wait for a replica. Called after each ``demand``.
  func meetDemand() async {
    await changes.run {
      guard isResumed else { return }
      for id in machines.keys.sorted() { await check(id) { !$0.awaited.isEmpty } }
      await makeRoom()
    }
  }

  /// Lets an endpoint act if that is due.
  private func check(_ id: String, if condition: (RequestLoad) -> Bool = { _ in true }) async {
    let load = load(of: id)
    guard condition(load), machines[id]?.isDue(now: clock.now - origin, load: load) == true else { return }
    await act(on: id) { $0.tick($1) }
  }

  /// Checks what waits for time or places, what is idle, and replicas that were told to stop. Called periodically.
  func tick() async {
    await changes.run {
      guard isResumed, !isStopping else { return }
      let now = clock.now - origin
      for id in machines.keys.sorted() { await check(id) }
      await makeRoom()
      for record in replicas.living where machines[record.endpoint] == nil {
        supervisor.stop(record.id, .drain(settings.deletionGrace))
      }
      guard now >= nextFill else { return }
      nextFill = now + .seconds(30)
      await writer.fillReserve()
    }
  }

  /// Runs `body` while nothing changes. If it returns true, the endpoints belong to another plane from then on.
  func holdStill(_ body: @Sendable () async -> Bool) async -> Bool {
    // The next plane could not find a replica that is just being started.
    let end = clock.now + .seconds(3)
    while clock.now < end, replicas.living.contains(where: { !$0.isStarted }) {
      try? await Task.sleep(for: .milliseconds(20))
    }
    return await changes.run {
      guard !isStopping, await body() else { return false }
      isStopping = true
      isReleased = true
      downloads.stop()
      return true
    }
  }

  /// Refuses the requests that no replica can take. After a takeover, this plane does not learn of new replicas.
  func refuseUnserved() {
    for id in machines.keys {
      gateway.admission(of: id)?.setUnavailable(
        reason: "another process has taken over the serving plane and is starting its replicas; retry later")
    }
  }

  /// Accepts no more changes and queries; waiting requests are refused, those at replicas continue.
  func refuseQueries() async {
    isStopping = true
    downloads.stop()
    // After the change in progress, so that a replica it starts is stopped too.
    await changes.run {
      for record in replicas.living { gateway.drain(record.id, of: record.endpoint) }
      gateway.close()
    }
  }

  /// Stops every replica; endpoints and configs are kept. The supervisor returns when the last replica has ended.
  func stop() async {
    await refuseQueries()
    for record in replicas.living { supervisor.stop(record.id, .now) }
    supervisor.finish()
  }

  /// The number of replicas that have not ended.
  var livingReplicas: Int { replicas.living.count }

  /// Ends all replicas at once.
  func killReplicas() async {
    let started = replicas.living.filter(\.isStarted)
    await withDiscardingTaskGroup { [backend] tasks in
      for record in started { tasks.addTask { await backend.end(record) } }
    }
  }

  // MARK: Acting

  func act(on id: String, _ event: (inout EndpointMachine, EndpointMachine.EventContext) -> [EndpointMachine.Action])
    async
  {
    guard var machine = machines[id], !isStopping else { return }
    let actions = event(&machine, context(for: machine))
    if actions.contains(.save) {
      do { try await writer.save(machine.record) } catch {
        log.error(
          "the endpoint could not be saved",
          metadata: ["endpoint": "\(machine.record.name)", "error": "\(error)"])
      }
    }
    await prepare(machine)
    // Only now, so that nothing is reported that a killed plane would not know.
    machines[id] = machine
    await perform(actions, for: id)
  }

  /// To be called without a suspension after the endpoint's machine was replaced: what is reported as ready can be
  /// queried.
  func perform(_ actions: [EndpointMachine.Action], for id: String) async {
    if actions.contains(.route) { route(id) }
    for action in actions {
      switch action {
      case .save, .route: continue
      case .download(let launch): download(launch, for: id)
      case .start(let replica, let launch, let version): await start(replica, launch, version, for: id)
      case .drain(let replica):
        gateway.drain(replica, of: id)
        supervisor.stop(replica, .drain(drainTime(of: replica, in: id)))
      case .stop(let replica): supervisor.stop(replica, .now)
      }
    }
    gateway.admission(of: id)?.setStartPhase(machines[id]?.startPhase)
    // After the route: what has been deployed can be requested before it is no longer announced.
    gateway.admission(of: id)?.setDeploying(machines[id]?.deploying ?? [])
  }
}
