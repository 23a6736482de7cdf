import Endpoints
import Gateway
import Scheduling

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
          address: record.address, capacity: capacity(of: record.launch, routing.plane), models: record.models ?? []))
    }
    gateway.publish(routing, of: id, announcing: announced)
  }

  /// Tells the gateway how far the replica has come that requests wait for, and how long a start takes.
  func reportStart(of id: String) {
    let machine = machines[id]
    let coming = replicas.of(id).filter { machine?.replicas[$0.id]?.state.isComing == true }
    let begun = coming.map(\.created).min()
    gateway.admission(of: id)?.setStartPhase(
      machine?.startPhase, lasts: replicas.lastStart(of: id),
      begunAgo: begun.map { .milliseconds(max(0, wallClock() &- $0)) })
  }

  /// The number of requests that a replica of this launch gets at once.
  func capacity(of launch: LaunchConfig, _ plane: PlaneArguments) -> Int {
    settings.endpointDefaults.overridden(by: plane).concurrency ?? capacities[launch.key]
      ?? EngineBatch.size(entrypoint: "", environment: launch.environment)
  }

  /// Reads what ``capacity(of:_:)`` needs of the versions of an endpoint: those that its routing names, and those whose
  /// number of replicas follows the load.
  func prepare(_ machine: EndpointMachine) async {
    let routing = machine.routing
    if isCapacityOfEngine(routing.plane) { await learn(routing.targets.compactMap { replicas[$0.replica]?.launch }) }
    for config in machine.configs { await prepare(config) }
  }

  /// The same for a config.
  func prepare(_ config: PlaneConfig) async {
    guard isCapacityOfEngine(config.plane) else { return }
    await learn(config.entities.filter(\.followsLoad).map(\.launch))
  }

  private func learn(_ launches: [LaunchConfig]) async {
    for launch in launches where capacities[launch.key] == nil {
      // A version that could not be read now is read again later.
      guard let entrypoint = await version(of: launch)?.entrypoint else { continue }
      capacities[launch.key] = EngineBatch.size(entrypoint: entrypoint, environment: launch.environment)
    }
  }

  /// Whether neither the settings of an endpoint nor the plane's options say how many requests a replica gets at once.
  private func isCapacityOfEngine(_ plane: PlaneArguments) -> Bool {
    settings.endpointDefaults.overridden(by: plane).concurrency == nil
  }
}
