import Gateway

// Reports to the gateway: the replicas of an endpoint, and how many requests each takes at once.
extension ServingEndpoints {
  /// Tells the gateway what has changed: first the replicas that can answer now, then those that get no new requests.
  func route(_ id: String) async {
    guard let machine = machines[id], let admission = admissions[id] else { return }
    let old = routings[id] ?? Routing()
    let new = machine.routing
    routings[id] = new
    let versions = Dictionary(new.shares.map { ($0.entity, $0.version) }, uniquingKeysWith: { $1 })
    for target in new.targets where !old.targets.contains(target) || old.shares != new.shares {
      guard let record = records[target.replica] else { continue }
      admission.replicaReady(
        UpstreamReplica(
          id: target.replica, entity: target.entity, version: versions[target.entity].map(String.init),
          address: record.address,
          capacity: await capacity(of: record.launch), models: record.models ?? []))
    }
    if new.shares != old.shares { admission.setTraffic(new.shares.map { ($0.entity, $0.weight) }) }
    admission.setUnavailable(reason: new.unavailable)
    let remaining = Set(new.targets.map(\.replica))
    for target in old.targets where !remaining.contains(target.replica) { admission.replicaDraining(target.replica) }
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
