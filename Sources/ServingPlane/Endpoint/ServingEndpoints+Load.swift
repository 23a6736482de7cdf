import Gateway
import Telemetry

/// What an endpoint is doing now, as far as the plane knows without asking its replicas.
struct EndpointLoad: Sendable {
  let id: String
  let name: String
  /// In the words of `setpoint top`.
  let state: String
  /// Why a replica last failed; nil if none did since one was ready.
  var problem: String?
  let replicasReady: Int
  let replicasDesired: Int
  /// Requests that wait for a replica, and those that are at one.
  let queued: Int
  let inFlight: Int
}

extension ServingEndpoints {
  /// The load of the endpoints, by name.
  func loads(where isVisible: @Sendable (String) -> Bool) -> [EndpointLoad] {
    machines.values.filter { isVisible($0.record.name) }.sorted { $0.record.name < $1.record.name }.map {
      endpointLoad($0)
    }
  }

  private func endpointLoad(_ machine: EndpointMachine) -> EndpointLoad {
    let active = machine.record.active
    let entities = (active ?? machine.record.update.target)?.entities ?? []
    var launches: Set<String> = []
    var (ready, desired) = (0, 0)
    // Entities with the same launch share their replicas.
    for entity in entities where launches.insert(entity.launch.key).inserted {
      ready += machine.readyCount(entity)
      guard machine.sleep(of: entity) == nil else { continue }
      desired += active == nil ? machine.scale.targetCount(of: entity) : machine.scale.activeCount(of: entity)
    }
    let snapshot = gateway.admission(of: machine.record.id)?.snapshot
    return EndpointLoad(
      id: machine.record.id, name: machine.record.name, state: state(of: machine),
      problem: failure(of: machine) ?? entities.compactMap { machine.lastFailure($0) }.first, replicasReady: ready,
      replicasDesired: desired, queued: snapshot?.waiting ?? 0, inFlight: snapshot?.inFlight ?? 0)
  }

  private func failure(of machine: EndpointMachine) -> String? {
    guard case .failed(_, _, let reason) = machine.record.update else { return nil }
    return reason
  }

  private func state(of machine: EndpointMachine) -> String {
    if failure(of: machine) != nil { return "failed" }
    guard machine.isReady else { return "not ready" }
    if machine.record.update.target != nil { return "updating" }
    let entities = machine.record.active?.entities ?? []
    return entities.allSatisfy { machine.sleep(of: $0) != nil } ? "scaled to zero" : "ready"
  }

  /// The versions of the newest config: the one that is being deployed, or failed to be, or else the active one.
  ///
  /// - Throws: if no endpoint has the name.
  func newestVersions(of name: String) throws(APIError) -> Set<RecordedLines.Version> {
    let record = try machine(name).record
    let entities = (record.update.config ?? record.active)?.entities ?? []
    return Set(entities.map { RecordedLines.Version(model: $0.launch.model, version: String($0.launch.version)) })
  }
}
