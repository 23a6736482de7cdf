import Endpoints
import FoundationEssentials
import Gateway
import Logging
import Scheduling

// The lives of replicas: how they start, what they report, and how they are found after a restart of the plane.
extension ServingEndpoints {
  func start(_ id: String, _ launch: LaunchConfig, _ configVersion: Int64, for endpoint: String) async {
    let found = await version(of: launch)
    let placement = await backend.place(id, launch, found, beside: replicas.living)
    let record = ReplicaRecord(
      id: id, endpoint: endpoint, launch: launch, configVersion: configVersion, placement: placement,
      created: wallClock())
    await keep(record)
    log.info("replica starting", metadata: facts(of: record).merging(["port": "\(record.port)"]) { $1 })
    let start = { @Sendable [models, backend] () async throws(ReplicaFailure) -> any RunningReplica in
      let model = try await BlockingWork.brief.run { () throws(ReplicaFailure) -> ReplicaModel in
        do throws(ModelError) {
          let adapters = try launch.loadedAdapters { name, number throws(ModelError) in
            try models.version(name, number)
          }
          return ReplicaModel(version: try models.version(launch.model, launch.version), adapters: adapters)
        } catch {
          throw ReplicaFailure(error.description, isWorthRepeating: error.code == .missing)
        }
      }
      return try await backend.start(record, model)
    }
    run(record, found, .start(start))
  }

  /// Supervises a replica's life.
  private func run(_ record: ReplicaRecord, _ version: ModelVersion?, _ beginning: ReplicaLifecycle.Beginning) {
    let id = record.id
    let admission = gateway.admission(of: record.endpoint)
    supervisor.start(
      ReplicaLifecycle(
        record: record, beginning: beginning, fetch: fetch(record.launch), backend: backend,
        task: version?.task ?? "llm/v1/chat", program: settings.interpreter ?? "python",
        engine: version.map { EngineName.of($0.entrypoint) } ?? EngineName.vLLM, timing: settings.timing,
        probe: probes.probe(record.address, timing: settings.timing), signal: supervisor.signal(for: id),
        startLimiter: startLimiter,
        untilDrained: { [previousPlane] in
          await admission?.drained(id)
          await previousPlane?.untilGone()
        }, cutOff: { admission?.cutOff(id) },
        trouble: supervisor.trouble(for: id), recovered: { admission?.replicaRecovered(id) },
        report: { await self.replica(id, tells: $0) }))
  }

  /// The version of a launch; nil if it no longer exists.
  func version(of launch: LaunchConfig) async -> ModelVersion? {
    await BlockingWork.brief.run { [models] in try? models.version(launch.model, launch.version) }
  }

  // MARK: Reports

  private func replica(_ id: String, tells report: ReplicaReport) async {
    // Its requests are breaking now; their callers get the reason without waiting for a change.
    if case .failing(let cause) = report { return await explain(cause, of: id) }
    await changes.run { await take(report, of: id) }
  }

  private func take(_ report: ReplicaReport, of id: String) async {
    guard !isReleased, var record = replicas[id] else { return }
    switch report {
    case .started(let handle):
      record.handle = handle
      record.isStarted = true
      await keep(record)
      await act(on: record.endpoint) { $0.replica(id, became: .starting, $1) }
    case .phase(let phase):
      record.note(phase, at: wallClock())
      await keep(record)
      await act(on: record.endpoint) { $0.replica(id, became: phase.state, $1) }
    case .ready(let models):
      if !record.wasReady {
        let duration = max(0, wallClock() - record.created)
        record.startedIn = duration
        if let name = machines[record.endpoint]?.record.name { starts.succeeded(name, after: duration) }
      }
      record.wasReady = true
      record.models = models
      await keep(record)
      await act(on: record.endpoint) { $0.replica(id, became: .ready, $1) }
      if let start = record.start {
        let times: Logger.Metadata = ["after": "\(start.totalText)", "phases": "\(start.text)"]
        log.info("replica ready", metadata: facts(of: record).merging(times) { $1 })
      }
    case .changed(let handle):
      guard handle != record.handle else { return }
      record.handle = handle
      await keep(record)
    case .stopping:
      await act(on: record.endpoint) { $0.replica(id, became: .stopping, $1) }
    case .failing: break
    case .over(let failure):
      if let failure {
        let redaction = await redaction(of: record.launch)
        record.failure = failure.redacted(redaction)
        if !record.wasReady, let name = machines[record.endpoint]?.record.name { starts.failed(name) }
      }
      record.ended = wallClock()
      await finish(record)
    }
  }

  /// Tells the gateway why a replica's requests break off.
  private func explain(_ cause: ReplicaFailure, of id: String) async {
    guard let record = replicas[id], let admission = gateway.admission(of: record.endpoint) else { return }
    let redaction = await redaction(of: record.launch)
    admission.exitReasons.note(id, cause: cause.redacted(redaction).explanation)
  }

  /// The values that an engine's output must not reveal.
  func redaction(of launch: LaunchConfig) async -> Redaction {
    await BlockingWork.brief.run { [secrets, models] in
      let version = try? models.version(launch.model, launch.version)
      let command = version.flatMap {
        try? LaunchCommand(entrypoint: $0.entrypoint, port: 1, environment: launch.environment)
      }
      // An entrypoint may set variables too.
      return secrets.redaction(of: launch.environment, command?.assignments ?? [:])
    }
  }

  /// A text of a replica's engine without the secrets of its environment; empty if those are no longer known.
  func redacted(_ text: String, of replica: String) async -> String {
    guard let launch = replicas[replica]?.launch else { return "" }
    let redaction = await redaction(of: launch)
    return redaction.applied(to: text)
  }

  private func finish(_ record: ReplicaRecord) async {
    let id = record.id
    supervisor.forget(id)
    gateway.admission(of: record.endpoint)?.replicaGone(id)
    let about = facts(of: record)
    if let failure = record.failure {
      log.warning("replica failed", metadata: about.merging(["cause": "\(failure)"]) { $1 })
    } else {
      let why: Logger.Metadata = record.stopReason.map { ["why": "\($0)"] } ?? [:]
      log.info("replica stopped", metadata: about.merging(why) { $1 })
    }
    guard machines[record.endpoint] != nil else {
      await forget(record)
      if replicas.of(record.endpoint).isEmpty { forgetEndpoint(record.endpoint) }
      return await useFreeRoom()
    }
    await keep(record)
    await prune(record.endpoint)
    await act(on: record.endpoint) { machine, context in
      guard let failure = record.failure else { return machine.replica(id, became: .stopped, context) }
      return machine.replica(id, failed: failure, chance: Double.random(in: 0..<1), context)
    }
    await useFreeRoom()
  }

  // MARK: Adoption

  func settle(_ finding: ReplicaAdoption.Finding) async {
    switch finding {
    case .past(let record): replicas[record.id] = record
    case .adopt(let record, let replica):
      await keep(record)
      let state: ReplicaState = record.wasReady ? .ready : record.startPhase.state
      let context = context(for: machines[record.endpoint])
      let places = machineRoom.places(of: record)
      machines[record.endpoint]?.adopt(
        Replica(id: record.id, launch: record.launch.key, state: state, places: places), context)
      run(record, await version(of: record.launch), .adoption(replica))
      log.info("replica adopted", metadata: facts(of: record))
    case .leaving(var record, let replica):
      record.stopReason = EndpointMachine.unused
      await keep(record)
      run(record, await version(of: record.launch), .adoption(replica))
      supervisor.stop(record.id, .drain(settings.timing.drainDeadline))
      log.info("draining a replica without an endpoint", metadata: ["replica": "\(record.id)"])
    case .lost(var record):
      record.failure = ReplicaFailure(
        "it exited while the serving plane was not running", isWorthRepeating: true, code: StartFailure.Code.lost)
      record.ended = wallClock()
      await keep(record)
      log.warning("replica no longer running", metadata: facts(of: record))
    case .swept(let record):
      await forget(record)
      log.info("stopped a replica without an endpoint", metadata: ["replica": "\(record.id)"])
    case .orphans(let count):
      log.info("stopped processes without a replica", metadata: ["count": "\(count)"])
    }
  }

  /// The launches that each endpoint needs, by the endpoint's ID.
  var wantedLaunches: [String: Set<LaunchConfig>] {
    machines.mapValues { machine in
      let configs = [machine.record.active, machine.record.update.target].compactMap { $0 }
      return Set(configs.flatMap(\.entities).map(\.launch))
    }
  }
}
