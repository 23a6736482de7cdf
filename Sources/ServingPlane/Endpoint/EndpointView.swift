import CanonicalJSON
import Endpoints
import Scheduling
import ServingAPI

/// The API's view of an endpoint (serving-api.md E2, E3).
struct EndpointView {
  let machine: EndpointMachine
  let accelerators: Accelerators
  /// How much of an entity's model has arrived; nil if it is not being downloaded.
  var download: (PlaneEntity) -> DownloadProgress? = { _ in nil }
  /// The phases of the replicas' starts, by the replica's ID.
  var starts: [String: StartTimes] = [:]
  /// Why no replica of a sleeping entity can ever start, by the entity's name.
  var lackOfRoom: [String: String] = [:]

  private var record: EndpointRecord { machine.record }

  /// The detailed object.
  var detailed: WireEndpoint {
    var endpoint = outline
    endpoint.permissionLevel = "CAN_MANAGE"
    endpoint.routeOptimized = false
    endpoint.members["email_notifications"] = record.settings.notifications
    endpoint.members["telemetry_config"] = record.settings.telemetry
    if let active = record.active { endpoint.config = config(active, state: activeState) }
    // Kept after a failure: no other part of the API can say why a first deployment failed.
    switch record.update {
    case .none: break
    case .inProgress(let target): endpoint.pendingConfig = config(target, state: pendingState)
    case .failed(let target, let entity, let reason):
      endpoint.pendingConfig = config(target) { failedState($0, culprit: entity, reason: reason) }
    }
    return endpoint
  }

  /// A list item, whose config only names the served entities' models. Of the settings it has the gateway's.
  var summary: WireEndpoint {
    var endpoint = outline
    if let active = record.active {
      var config = WireConfig()
      config.configVersion = active.version
      config.servedEntities = active.entities.map {
        WireServedEntity(members: [
          "name": .string($0.name), "entity_name": .string($0.entityName),
          "entity_version": .string(String($0.entityVersion)),
        ])
      }
      endpoint.config = config
    }
    return endpoint
  }

  private var outline: WireEndpoint {
    var endpoint = WireEndpoint()
    endpoint.name = record.name
    endpoint.id = record.id
    endpoint.creator = record.creator
    endpoint.description = record.description
    endpoint.creationTimestamp = record.created
    endpoint.lastUpdatedTimestamp = record.updated
    endpoint.task = (record.active ?? record.update.target)?.entities.first?.task
    endpoint.tags = WireTag.list(record.tags)
    endpoint.members["ai_gateway"] = record.settings.gateway
    var state = WireState(ready: machine.isReady ? .ready : .notReady, configUpdate: updateState)
    state[text: "suspend"] = "NOT_SUSPENDED"
    endpoint.state = state
    return endpoint
  }

  private var updateState: UpdateState {
    switch record.update {
    case .none: .notUpdating
    case .inProgress: .inProgress
    case .failed: .failed
    }
  }

  private func config(_ config: PlaneConfig, state: (PlaneEntity) -> WireDeploymentState) -> WireConfig {
    var wire = WireConfig()
    wire.configVersion = config.version
    wire.startTime = config.startTime
    let entities = config.entities.map { entity in self.entity(entity, state: state(entity)) }
    wire.servedEntities = entities
    wire.servedModels = zip(config.entities, entities).map { entity, wire in
      var model = wire
      model.members["entity_name"] = nil
      model.members["entity_version"] = nil
      model[text: "model_name"] = entity.entityName
      model[text: "model_version"] = String(entity.entityVersion)
      return model
    }
    wire.trafficConfig = WireTrafficConfig(
      routes: config.entities.map { WireRoute.mirrored(servedEntityName: $0.name, trafficPercentage: $0.traffic) })
    return wire
  }

  private func entity(_ entity: PlaneEntity, state: WireDeploymentState) -> WireServedEntity {
    var wire = WireServedEntity()
    wire.name = entity.name
    wire.entityName = entity.entityName
    wire.entityVersion = String(entity.entityVersion)
    wire.type = "UC_MODEL"
    wire.workloadType = entity.workloadType
    wire.workloadSize = entity.workloadSize ?? ""
    wire.minProvisionedConcurrency = entity.minConcurrency.map(Int64.init)
    wire.maxProvisionedConcurrency = entity.maxConcurrency.map(Int64.init)
    wire.scaleToZeroEnabled = entity.scaleToZero
    if !entity.environment.isEmpty { wire.environmentVars = entity.environment }
    wire.creator = record.creator
    wire.creationTimestamp = entity.created
    wire.state = state
    return wire
  }

  // MARK: Deployment states

  private func activeState(_ entity: PlaneEntity) -> WireDeploymentState {
    if let sleep = machine.sleep(of: entity) { return asleepState(entity, sleep) }
    let ready = machine.readyCount(entity)
    let wanted = machine.scale.activeCount(of: entity)
    guard ready < wanted else { return state(DeploymentState.ready, scaleWords(entity, count: wanted), entity) }
    var words = ["\(ready) of \(wanted) replicas are ready"] + scaleWords(entity)
    if let progress = download(entity) { words.append(progress.description) }
    if ready >= entity.leastReplicas, waitsForRoom(entity) { words.append(EndpointMachine.waitingForRoom) }
    if let failure = machine.lastFailure(entity) ?? machine.lastSurplusFailure(entity) {
      words.append("the last replica failed: \(failure)")
    }
    // More replicas for the load are no recovery.
    return state(ready < entity.leastReplicas ? DeploymentState.recovering : DeploymentState.ready, words, entity)
  }

  /// What is said of an entity whose number of replicas follows the load.
  ///
  /// - Parameter count: the number of its replicas; nil if it was already given.
  private func scaleWords(_ entity: PlaneEntity, count: Int? = nil) -> [String] {
    guard entity.followsLoad else { return [] }
    var words: [String] = []
    if let count { words.append(count == 1 ? "1 replica is ready" : "\(count) replicas are ready") }
    words.append("the number follows the load, from \(entity.leastReplicas) to \(machine.scale.most(of: entity))")
    if let needed = machine.scale.lately(entity) {
      words.append("at most \(needed) \(needed == 1 ? "was" : "were") needed recently")
    }
    return words
  }

  /// Healthy, unless the last start failed.
  private func asleepState(_ entity: PlaneEntity, _ sleep: SleepState) -> WireDeploymentState {
    let words = ["Scaled to zero", lackOfRoom[entity.name] ?? wakeWords(entity, sleep)]
    guard let failure = machine.lastFailure(entity) else { return state(DeploymentState.ready, words, entity) }
    return state(DeploymentState.recovering, words + ["the last start failed: \(failure)"], entity)
  }

  private func wakeWords(_ entity: PlaneEntity, _ sleep: SleepState) -> String {
    guard sleep == .waking else { return "the next request starts a replica" }
    let phase = waitsForRoom(entity) ? EndpointMachine.waitingForRoom : startPhase(entity)
    return "a request is starting a replica" + (phase.map { ": \($0)" } ?? "")
  }

  private func waitsForRoom(_ entity: PlaneEntity) -> Bool {
    machine.roomUse.withoutRoom.contains(entity.launch.key)
  }

  private func startPhase(_ entity: PlaneEntity) -> String? {
    if let progress = download(entity) { return progress.description }
    guard let furthest = machine.furthestStart(entity) else { return nil }
    let words =
      switch furthest.phase {
      case .starting: "vLLM is starting"
      case .loading: "vLLM is loading the model"
      case .warming: "vLLM is warming up"
      }
    // Not how long it has lasted: a message that changes all the time looks like progress.
    guard let start = starts[furthest.replica], start.current?.phase == furthest.phase, !start.text.isEmpty else {
      return words
    }
    return "\(words) (\(start.text))"
  }

  private func pendingState(_ entity: PlaneEntity) -> WireDeploymentState {
    let ready = machine.readyCount(entity)
    let wanted = machine.scale.targetCount(of: entity)
    guard ready < wanted else { return state(DeploymentState.ready, [], entity) }
    var words = ["\(ready) of \(wanted) replicas are ready"]
    if waitsForRoom(entity) {
      words.append(EndpointMachine.waitingForRoom)
    } else if let phase = startPhase(entity) {
      words.append(phase)
    }
    if let failure = machine.lastFailure(entity) ?? machine.lastSurplusFailure(entity) {
      words.append("retrying after: \(failure)")
    }
    return state(DeploymentState.creating, words, entity)
  }

  private func failedState(_ entity: PlaneEntity, culprit: String, reason: String) -> WireDeploymentState {
    entity.name == culprit
      ? state(DeploymentState.failed, [reason], entity)
      : state(DeploymentState.aborted, ["stopped because \(culprit) failed"], entity)
  }

  private func state(_ word: String, _ words: [String], _ entity: PlaneEntity) -> WireDeploymentState {
    let all = words + [accelerators.remark(for: entity.workloadType)].compactMap { $0 }
    return WireDeploymentState(deployment: word, message: all.joined(separator: "; "))
  }
}
