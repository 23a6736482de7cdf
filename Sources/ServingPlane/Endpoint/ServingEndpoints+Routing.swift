import Gateway

// Reports to the gateway: the replicas of an endpoint, and how many requests each takes at once.
extension ServingEndpoints {
  /// Tells the gateway what has changed in an endpoint's routing. At once: routings are published in the order in which
  /// they were decided.
  func route(_ id: String) {
    guard let routing = machines[id]?.routing else { return }
    var announced: [UpstreamReplica] = []
    for target in gateway.announced(by: routing, of: id) {
      guard let record = replicas[target.replica] else { continue }
      announced.append(
        UpstreamReplica(
          id: target.replica, entity: target.entity, version: routing.version(of: target.entity).map(String.init),
          address: record.address, capacity: capacity(of: record.launch, routing), models: record.models ?? []))
    }
    gateway.publish(routing, of: id, announcing: announced)
  }

  /// The number of requests that a replica of this launch gets at once.
  private func capacity(of launch: LaunchConfig, _ routing: Routing) -> Int {
    settings.endpointDefaults.overridden(by: routing.plane).concurrency ?? capacities[launch.key]
      ?? EngineBatch.size(entrypoint: "", environment: launch.environment)
  }

  /// Reads what ``route(_:)`` needs of the versions that a routing names.
  func prepare(_ routing: Routing) async {
    guard settings.endpointDefaults.overridden(by: routing.plane).concurrency == nil else { return }
    for target in routing.targets {
      guard let launch = replicas[target.replica]?.launch, capacities[launch.key] == nil,
        // A version that could not be read now is read again later.
        let entrypoint = await version(of: launch)?.entrypoint
      else { continue }
      capacities[launch.key] = EngineBatch.size(entrypoint: entrypoint, environment: launch.environment)
    }
  }
}
