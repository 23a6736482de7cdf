import Gateway
import Logging
import Scheduling

// Recording and removing endpoints and replicas.
extension ServingEndpoints {
  func install(_ machine: EndpointMachine) {
    let record = machine.record
    machines[record.id] = machine
    ids[record.name] = record.id
    gateway.add(
      record, machine.routing, deploying: machine.deploying, demand: { [demandSignal] in _ = demandSignal.yield() },
      trouble: { [supervisor] in supervisor.check($0) },
      redact: { [weak self] text, replica in await self?.redacted(text, of: replica) ?? "" })
  }

  func keep(_ record: ReplicaRecord) async {
    replicas[record.id] = record
    do { try await writer.save(record) } catch {
      log.error("the replica could not be saved", metadata: ["replica": "\(record.id)", "error": "\(error)"])
    }
  }

  /// Removes an ended replica from the records, and its output from the disk.
  func forget(_ record: ReplicaRecord) async {
    if let collectLast, let replica = collected(record) { await collectLast(replica) }
    replicas[record.id] = nil
    await backend.removeLog(of: record.id, record.handle)
    do { try await writer.deleteReplica(record.id) } catch {
      log.error(
        "the replica's record could not be removed", metadata: ["replica": "\(record.id)", "error": "\(error)"])
    }
  }

  /// Keeps only the output of the last few ended replicas.
  func prune(_ endpoint: String) async {
    for record in replicas.surplus(of: endpoint, keeping: settings.keptOutputs) { await forget(record) }
  }

  /// The current time and the endpoint's share of the machine, for its machine.
  ///
  /// - Parameter config: one that it is about to accept.
  func context(
    for machine: EndpointMachine?, deploying config: PlaneConfig? = nil
  ) -> EndpointMachine.EventContext {
    let share = roomPlan?.share(of: machine?.record.id ?? "")
    return EndpointMachine.EventContext(
      now: clock.now - origin, wall: wallClock(), room: share?.room, freeing: share?.freeing ?? 0,
      reclaimable: share?.reclaimable ?? 0, givesUp: share?.givesUp ?? false, sheds: share?.sheds ?? 0,
      load: machine.map { load(of: $0.record.id, deploying: config) } ?? RequestLoad(),
      places: machineRoom.places(for:), unit: machineRoom.unit, isRemote: models.isRemote, newID: Self.randomHex)
  }

  /// The requests of an endpoint, and how many of them a replica takes.
  func load(of id: String, deploying config: PlaneConfig? = nil) -> RequestLoad {
    guard let snapshot = gateway.admission(of: id)?.snapshot else { return RequestLoad() }
    var load = RequestLoad(
      idleFor: snapshot.idleFor, awaited: snapshot.awaited, requests: snapshot.requests,
      inFlight: snapshot.inFlightByReplica)
    for known in (machines[id]?.configs ?? []) + [config].compactMap(\.self) {
      for entity in known.entities where entity.followsLoad {
        load.capacities[entity.launch.key] = capacity(of: entity.launch, known.plane)
      }
    }
    return load
  }

  /// What the log says about a replica: its ID, and its endpoint's name. The name is unknown if the endpoint was deleted
  /// before the plane started; an endpoint's ID means nothing to a user.
  func facts(of record: ReplicaRecord) -> Logger.Metadata {
    var facts: Logger.Metadata = ["replica": "\(record.id)"]
    if let name = machines[record.endpoint]?.record.name ?? deletedNames[record.endpoint] {
      facts["endpoint"] = "\(name)"
    }
    return facts
  }

  /// Forgets a deleted endpoint whose last replica has ended.
  func forgetEndpoint(_ id: String) {
    deletedNames[id] = nil
    gateway.forget(id)
  }

  /// 16 hex digits.
  static func randomHex() -> String {
    let digits = String(UInt64.random(in: .min ... .max), radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
