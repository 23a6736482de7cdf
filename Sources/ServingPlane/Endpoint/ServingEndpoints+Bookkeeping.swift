import Gateway
import Logging
import Scheduling

// Recording and removing endpoints and replicas.
extension ServingEndpoints {
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

  func keep(_ record: ReplicaRecord) async {
    records[record.id] = record
    do {
      try await BlockingWork.brief.run { [store, reserve] in try reserve.write(to: store) { try $0.save(record) } }
    } catch {
      log.error("the replica could not be saved", metadata: ["replica": "\(record.id)", "error": "\(error)"])
    }
  }

  /// Removes an ended replica from the records, and its output from the disk.
  func forget(_ record: ReplicaRecord) async {
    records[record.id] = nil
    await backend.removeLog(of: record.id, record.handle)
    do {
      try await BlockingWork.brief.run { [store, reserve] in
        try reserve.write(to: store) { try $0.deleteReplica(record.id) }
      }
    } catch {
      log.error(
        "the replica's record could not be removed", metadata: ["replica": "\(record.id)", "error": "\(error)"])
    }
  }

  /// Keeps only the output of the last few ended replicas.
  func prune(_ endpoint: String) async {
    let over = records.values.filter { $0.endpoint == endpoint && $0.ended != nil }
      .sorted { ($0.ended ?? 0, $0.id) > ($1.ended ?? 0, $1.id) }
    for record in over.dropFirst(settings.keptOutputs) { await forget(record) }
  }

  /// The current time and GPUs, for an endpoint's machine.
  func context(for machine: EndpointMachine?) -> EndpointMachine.EventContext {
    let accelerators = backend.accelerators
    let alive = records.values.filter { $0.ended == nil }
    let used = Set(alive.flatMap(\.devices)).count
    let others = alive.filter { record in
      record.endpoint != machine?.record.id
        && machines[record.endpoint]?.replicas[record.id]?.state.isLeaving ?? true
    }
    return EndpointMachine.EventContext(
      now: clock.now - origin, wall: wallClock(),
      room: accelerators.gpus.isEmpty ? nil : max(0, accelerators.gpus.count - used),
      freeing: Set(others.flatMap(\.devices)).count, places: accelerators.places, newID: Self.randomHex)
  }

  func nameOf(_ record: ReplicaRecord) -> String { machines[record.endpoint]?.record.name ?? record.endpoint }

  /// 16 hex digits.
  static func randomHex() -> String {
    let digits = String(UInt64.random(in: .min ... .max), radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
