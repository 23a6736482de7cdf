import Scheduling
import ServingAPI

// The replicas of an endpoint, which the serving API does not show: calls of the plane's own.
extension ServingEndpoints {
  /// The replicas on record, oldest first.
  func replicaList(_ name: String) throws(APIError) -> WireReplicaList {
    let machine = try machine(name)
    let records = replicas.of(machine.record.id).sorted { ($0.created, $0.id) < ($1.created, $1.id) }
    return WireReplicaList(replicas: records.map { Self.wire($0, machine) })
  }

  /// The events of the replicas on record, oldest first.
  func eventList(_ name: String) throws(APIError) -> WireReplicaEventList {
    let events = replicas.events(of: try machine(name).record.id)
    return WireReplicaEventList(
      events: events.map {
        WireReplicaEvent(at: $0.at, replica: $0.replica, phase: $0.phase, message: $0.message)
      })
  }

  private static func wire(_ record: ReplicaRecord, _ machine: EndpointMachine) -> WireReplica {
    let phase = record.phase(machine.replicas[record.id]?.state)
    var wire = WireReplica(id: record.id, phase: phase.name)
    wire.since = phase.since
    wire.entityName = record.launch.model
    wire.entityVersion = String(record.launch.version)
    wire.configVersion = record.configVersion
    wire.start = record.start?.entries.map {
      WireStartPhase(phase: $0.phase.rawValue, since: $0.since, milliseconds: $0.duration)
    }
    return wire
  }
}
