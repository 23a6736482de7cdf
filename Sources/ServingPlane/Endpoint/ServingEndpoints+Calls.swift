import CanonicalJSON
import Endpoints
import Gateway
import HTTPSupport
import Logging
import Scheduling
import ServingAPI

// The API's calls about endpoints. A call is refused before it changes anything.
extension ServingEndpoints {
  /// - Parameter principal: who requests it; nil for the plane's owner.
  func create(_ request: WireCreateRequest, by principal: HTTPSupport.Principal?) async throws(APIError) -> WireEndpoint
  {
    let held = Self.versions(in: request.config)
    models.hold(held)
    defer { models.release(held) }
    let refusals = await lookUp(request.config)
    return try await changes.run { () async throws(APIError) in try await make(request, refusals, by: principal) }
  }

  private func make(
    _ request: WireCreateRequest, _ refusals: [ModelVersionID: ModelError], by principal: HTTPSupport.Principal?
  ) async throws(APIError) -> WireEndpoint {
    let name = try newName(request)
    let now = wallClock()
    let id = Self.randomHex() + Self.randomHex()
    var config: PlaneConfig?
    if let wire = request.config {
      config = try await read(wire, refusals, configVersion: 1, now: now, of: nil, by: principal)
    }
    let tags = try Self.tags(request.tags ?? [])
    var record = EndpointRecord(
      id: id, name: name, creator: creator(principal), created: now, updated: now,
      description: request.description ?? "", tags: tags)
    record.settings = try Self.settings(request, of: record)
    record.settings.access = ownGrants(principal)
    var machine = makeMachine(record)
    let actions = try config.map { config throws(APIError) in try machine.put(config, context(for: machine)) } ?? []
    if let damage = damaged[name] {
      // Only now is its name free for the new one.
      do { try await BlockingWork.brief.run { [store] in try store.deleteEndpoint(damage.id) } } catch {
        throw storageError(error)
      }
      damaged[name] = nil
    }
    try await store(machine.record)
    install(machine)
    noteEnd(of: config, in: machine.record)
    await perform(actions, for: id)
    if machine.record.settings.telemetry != nil { reportTelemetryTables() }
    log.info("endpoint created", metadata: Self.about(name, principal?.name))
    return try get(name)
  }

  func get(_ name: String) throws(APIError) -> WireEndpoint {
    let machine = try machine(name)
    return EndpointView(
      machine: machine, accelerators: backend.accelerators,
      download: { [models] in models.progress($0.entityName, $0.entityVersion) },
      starts: replicas.starts(of: machine.record.id), lackOfRoom: lackOfRoom(machine)
    ).detailed
  }

  /// - Parameter isListed: whether to list an endpoint of a name.
  func list(where isListed: @Sendable (String) -> Bool) -> WireEndpointList {
    let views = machines.values.filter { isListed($0.record.name) }.sorted { $0.record.name < $1.record.name }
    return WireEndpointList(
      endpoints: views.map { EndpointView(machine: $0, accelerators: backend.accelerators).summary })
  }

  /// - Parameter principal: who requests it; nil for the plane's owner.
  func update(
    _ name: String, to wire: WireConfig, by principal: HTTPSupport.Principal?
  ) async throws(APIError) -> WireEndpoint {
    let held = Self.versions(in: wire)
    models.hold(held)
    defer { models.release(held) }
    let refusals = await lookUp(wire)
    return try await changes.run { () async throws(APIError) in
      try await change(name, to: wire, refusals, by: principal)
    }
  }

  private func change(
    _ name: String, to wire: WireConfig, _ refusals: [ModelVersionID: ModelError], by principal: HTTPSupport.Principal?
  ) async throws(APIError) -> WireEndpoint {
    try refuseWhileStopping()
    var machine = try machine(name)
    // Before anything else is checked: a config that cannot be accepted now needs no validation.
    if machine.record.update.target != nil { throw .updating(name) }
    let config = try await read(
      wire, refusals, configVersion: machine.record.nextVersion, now: wallClock(), of: machine.record, by: principal)
    await prepare(config)
    let actions = try machine.put(config, context(for: machine, deploying: config))
    try await store(machine.record)
    await prepare(machine)
    machines[machine.record.id] = machine
    noteEnd(of: config, in: machine.record)
    await perform(actions, for: machine.record.id)
    let about = Self.about(name, principal?.name).merging(["version": "\(config.version)"]) { $1 }
    log.info("config accepted", metadata: about)
    return try get(name)
  }

  func changeTags(_ name: String, _ patch: WireTagPatch) async throws(APIError) -> WireTags {
    let findings = patch.typeFindings()
    guard findings.isEmpty else { throw .invalid(findings.joined(separator: "; ")) }
    let added = try Self.tags(patch.addTags)
    return try await changes.run { () async throws(APIError) in
      var machine = try machine(name)
      let kept = machine.record.tags.keys.filter { !patch.deleteTags.contains($0) }
      try Self.refuseAlike(kept + added.keys)
      _ = machine.changeTags(add: added, delete: patch.deleteTags, context(for: machine))
      try await store(machine.record)
      machines[machine.record.id] = machine
      return WireTags(tags: WireTag.list(machine.record.tags))
    }
  }

  /// - Parameter principal: the name of who requests it, for the log.
  func delete(_ name: String, by principal: String?) async throws(APIError) {
    try await changes.run { () async throws(APIError) in try await remove(name, by: principal) }
  }

  private func remove(_ name: String, by principal: String?) async throws(APIError) {
    let machine = try machine(name)
    let id = machine.record.id
    do { try await writer.deleteEndpoint(id) } catch { throw storageError(error) }
    machines[id] = nil
    ids[name] = nil
    deletedNames[id] = name
    grants.remove(id)
    gateway.withdraw(machine.record)
    for record in replicas.of(id) {
      if record.ended == nil {
        gateway.drain(record.id, of: id)
        supervisor.stop(record.id, .drain(settings.deletionGrace))
      } else {
        await forget(record)
      }
    }
    // After the last replica stops taking requests, so that waiting requests are refused now.
    gateway.admission(of: id)?.setUnavailable(reason: "endpoint \(name) was deleted")
    if replicas.of(id).isEmpty { forgetEndpoint(id) }
    if machine.record.settings.telemetry != nil { reportTelemetryTables() }
    log.info("endpoint deleted", metadata: Self.about(name, principal))
  }

  /// What the log says about a change to an endpoint.
  static func about(_ name: String, _ principal: String?) -> Logger.Metadata {
    ["endpoint": "\(name)", "principal": "\(principal ?? "-")"]
  }

  /// The output of the replica that serves an entity, otherwise of the newest one.
  func logs(_ name: String, entity: String) async throws(APIError) -> WireLogs {
    try await logs(name, entity: entity) { machine in
      [machine.record.active, machine.record.update.config].compactMap { $0 }
    }
  }

  /// The start of an entity's replica: its output until it was ready, otherwise all of it. While a rollout is in
  /// progress, or after it failed, it is the new version's, which shows why it does not start.
  func buildLogs(_ name: String, entity: String) async throws(APIError) -> WireLogs {
    try await logs(name, entity: entity, untilReady: true) { machine in
      [machine.record.update.config, machine.record.active].compactMap { $0 }
    }
  }

  private func logs(
    _ name: String, entity: String, untilReady: Bool = false, order: (EndpointMachine) -> [PlaneConfig]
  ) async throws(APIError) -> WireLogs {
    let machine = try machine(name)
    guard let launch = order(machine).compactMap({ $0.entity(named: entity) }).first?.launch else {
      throw .missing("the endpoint \"\(name)\" has no served entity \"\(entity)\"")
    }
    let best = replicas.logged(launch, of: machine.record.id) { machine.replicas[$0]?.state == .ready }
    guard let best else { return WireLogs(logs: "") }
    let redaction = await redaction(of: launch)
    let log = await backend.log(of: best, untilReady && best.wasReady ? .start : .end)
    return WireLogs(logs: await BlockingWork.brief.run { redaction.applied(to: log) })
  }

  // MARK: Reading requests

  /// - Parameters:
  ///   - refusals: why versions of another machine's registry cannot be served; see ``lookUp(_:)``.
  ///   - record: the endpoint; nil if it does not exist yet.
  ///   - principal: who requests it; nil for the plane's owner.
  func read(
    _ wire: WireConfig, _ refusals: [ModelVersionID: ModelError], configVersion: Int64, now: Int64,
    of record: EndpointRecord?, by principal: HTTPSupport.Principal?
  ) async throws(APIError) -> PlaneConfig {
    let use = SecretUse(principal, of: record)
    let isAdministrator = principal.map { $0.rights.level == .admin } ?? true
    return try await BlockingWork.brief.run { [models, secrets, machineRoom, maximumReplicas] () throws(APIError) in
      let reader = ConfigReader(
        version: { model, number throws(ModelError) in
          if let refusal = refusals[ModelVersionID(model: model, number: number)] { throw refusal }
          return try models.version(model, number)
        },
        secrets: use, secretFinding: { secrets.finding(in: $0) }, machineFinding: machineRoom.finding,
        memoryFinding: MemoryCheck(accelerators: machineRoom.accelerators).finding, serving: record?.active,
        maximumReplicas: maximumReplicas, isAdministrator: isAdministrator)
      return try reader.read(wire, configVersion: configVersion, now: now)
    }
  }

  /// The most replicas that one config may request.
  var maximumReplicas: Int {
    settings.maximumReplicas ?? max(PlaneConfiguration.replicasWithoutGPUs, backend.accelerators.gpus.count)
  }

  func machine(_ name: String) throws(APIError) -> EndpointMachine {
    if let machine = ids[name].flatMap({ machines[$0] }) { return machine }
    guard let damage = damaged[name] else { throw .noEndpoint(name) }
    throw .missing(
      "endpoint \"\(name)\" no longer exists: its record in the plane's store is damaged (\(damage.reason)); create it "
        + "again")
  }

  private func newName(_ request: WireCreateRequest) throws(APIError) -> String {
    try refuseWhileStopping()
    let findings = request.typeFindings()
    guard findings.isEmpty else { throw .invalid(findings.joined(separator: "; ")) }
    for member in Self.unsupportedAtCreate {
      guard let value = request.members[member], !value.isNull else { continue }
      if value == .bool(false) || value == .object([:]) || value == .array([]) { continue }
      throw .invalid("\(member) is not supported by this serving plane yet; remove it")
    }
    guard let name = request.name, !name.isEmpty else { throw .invalid("name is missing") }
    if let finding = EndpointName.finding(name) { throw .invalid(finding) }
    if ids[name] != nil { throw .exists(name) }
    return name
  }

  private static let unsupportedAtCreate = [
    "budget_policy_id", "rate_limits", "route_optimized", "uc_system_metrics_export_state",
  ]

  func refuseWhileStopping() throws(APIError) { if isStopping { throw .shuttingDown() } }

  func store(_ record: EndpointRecord) async throws(APIError) {
    do { try await writer.save(record) } catch { throw storageError(error) }
  }

  private func storageError(_ error: any Error) -> APIError {
    log.error("the store could not be written", metadata: ["error": "\(error)"])
    return .internal("the plane's store could not be written: \(error)")
  }

  private static func tags(_ tags: [WireTag]) throws(APIError) -> [String: String] {
    guard tags.allSatisfy({ $0.key?.isEmpty == false }) else { throw .invalid("a tag has no key") }
    try refuseAlike(tags.compactMap(\.key))
    return WireTag.dictionary(tags)
  }

  /// Refuses keys that are equal, but not byte by byte: a dictionary keeps only one of them.
  private static func refuseAlike(_ keys: [String]) throws(APIError) {
    var former: [String: String] = [:]
    for key in keys {
      guard let other = former.updateValue(key, forKey: key), !other.utf8.elementsEqual(key.utf8) else { continue }
      throw .invalid("two tags have keys that differ only in their Unicode form: \"\(key)\"")
    }
  }
}
