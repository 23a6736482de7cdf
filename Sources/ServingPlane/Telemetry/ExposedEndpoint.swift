import Gateway
import Scheduling

/// The state of an endpoint at one moment, for metrics.
struct ExposedEndpoint: Sendable {
  /// A served entity of the active config.
  struct Entity: Hashable, Sendable {
    let name: String
    let version: String
    /// How many requests its ready replicas take at once.
    let capacity: Int
  }

  /// What living replicas are counted by.
  struct ReplicaKind: Hashable, Sendable {
    let version: String
    /// `starting`, `loading weights`, `ready`, `draining`, …
    let phase: String
  }

  let id: String
  let name: String
  let isReady: Bool
  /// Whether all of it is scaled to zero.
  let isSleeping: Bool
  let isUpdating: Bool
  /// Requests that wait, and requests at replicas.
  let waiting: Int
  let inFlight: Int
  let replicas: [ReplicaKind: Int]
  let entities: [Entity]
}

extension ServingEndpoints {
  /// All endpoints, by name.
  var endpointFigures: [ExposedEndpoint] {
    machines.values.map { figures($0) }.sorted { $0.name < $1.name }
  }

  /// One endpoint.
  func figures(of name: String) throws(APIError) -> ExposedEndpoint { figures(try machine(name)) }

  /// The bytes of the bodies of requests that wait.
  var heldBytes: Int { gateway.held }

  /// The versions that requests may still be counted for, by the endpoint's name: those of its configs, and of replicas
  /// on record.
  var countedVersions: [String: Set<String>] {
    var versions = deletedNames.reduce(into: [String: Set<String>]()) { versions, deleted in
      versions[deleted.value] = Set(replicas.of(deleted.key).map { String($0.launch.version) })
    }
    for (id, machine) in machines {
      let served = machine.configs.flatMap(\.entities).map { String($0.entityVersion) }
      versions[machine.record.name, default: []].formUnion(served)
      versions[machine.record.name]?.formUnion(replicas.of(id).map { String($0.launch.version) })
    }
    return versions
  }

  private func figures(_ machine: EndpointMachine) -> ExposedEndpoint {
    let record = machine.record
    let load = gateway.admission(of: record.id)?.snapshot
    let active = record.active?.entities ?? []
    let living = replicas.of(record.id).filter { $0.ended == nil }
    return ExposedEndpoint(
      id: record.id, name: record.name, isReady: machine.isReady,
      isSleeping: !active.isEmpty && active.allSatisfy { machine.sleep(of: $0) == .asleep },
      isUpdating: record.update.target != nil, waiting: load?.waiting ?? 0, inFlight: load?.inFlight ?? 0,
      replicas: living.reduce(into: [:]) { counts, replica in
        let kind = ExposedEndpoint.ReplicaKind(
          version: String(replica.launch.version), phase: replica.phase(machine.replicas[replica.id]?.state).name)
        counts[kind, default: 0] += 1
      },
      entities: active.map { entity in
        ExposedEndpoint.Entity(
          name: entity.name, version: String(entity.entityVersion),
          capacity: machine.readyCount(entity) * capacity(of: entity.launch, machine.routing.plane))
      })
  }
}
