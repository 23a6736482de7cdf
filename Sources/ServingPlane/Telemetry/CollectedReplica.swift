import Scheduling
import Telemetry

/// A replica whose output and metrics are collected.
struct CollectedReplica: Hashable, Sendable {
  let record: ReplicaRecord
  /// What its rows are about.
  let resource: TelemetryResource
  /// Whether it serves.
  let isReady: Bool

  var id: String { record.id }
}

extension ServingEndpoints {
  /// The replicas on record, also the ended ones whose output is kept; none after a takeover, since they are then the
  /// other plane's.
  var collectedReplicas: [CollectedReplica] {
    isReleased ? [] : replicas.all.compactMap { collected($0) }
  }

  /// Nil if the name of its endpoint is no longer known.
  func collected(_ record: ReplicaRecord) -> CollectedReplica? {
    let machine = machines[record.endpoint]
    guard let endpoint = machine?.record.name ?? deletedNames[record.endpoint] else { return nil }
    // Entities with the same launch share their replicas.
    let entities = (machine?.configs ?? []).flatMap(\.entities).filter { $0.launch == record.launch }
    let resource = TelemetryResource(
      endpoint: endpoint, entity: entities.map(\.name).min(), model: record.launch.model,
      modelVersion: String(record.launch.version), replica: record.id)
    return CollectedReplica(
      record: record, resource: resource, isReady: machine?.replicas[record.id]?.state == .ready)
  }

  /// Has `body` read the rest of an ended replica's output before it is removed.
  func beforeRemoval(_ body: @escaping @Sendable (CollectedReplica) async -> Void) { collectLast = body }
}
