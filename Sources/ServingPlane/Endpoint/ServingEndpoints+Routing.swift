import Gateway

// Reports to the gateway: the replicas of an endpoint, and how many requests each takes at once.
extension ServingEndpoints {
  /// Tells the gateway what has changed in an endpoint's routing.
  func route(_ id: String) async {
    guard let routing = machines[id]?.routing else { return }
    var announced: [UpstreamReplica] = []
    for target in gateway.announced(by: routing, of: id) {
      guard let record = replicas[target.replica] else { continue }
      announced.append(
        UpstreamReplica(
          id: target.replica, entity: target.entity, version: routing.version(of: target.entity).map(String.init),
          address: record.address, capacity: await capacity(of: record.launch), models: record.models ?? []))
    }
    gateway.publish(routing, of: id, announcing: announced)
  }

  /// The number of requests that a replica of this launch gets at once.
  private func capacity(of launch: LaunchConfig) async -> Int {
    if let fixed = settings.requestsPerReplica { return fixed }
    if let known = capacities[launch.key] { return known }
    let entrypoint = await version(of: launch)?.entrypoint
    let capacity = EngineBatch.size(entrypoint: entrypoint ?? "", environment: launch.environment)
    // A version that could not be read now is read again later.
    if entrypoint != nil { capacities[launch.key] = capacity }
    return capacity
  }
}
