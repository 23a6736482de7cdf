import Scheduling

// What an endpoint has and needs of the machine's places.
extension EndpointMachine {
  /// What the machine's planner needs to know.
  ///
  /// - Parameter isLiving: whether the replica with this ID still holds its places.
  func room(_ load: RequestLoad, isLiving: (String) -> Bool) -> EndpointRoom {
    // A config whose files are being downloaded has no replicas, and decides nothing yet.
    let deployed = isUpdating ? configs : [record.active].compactMap { $0 }
    var scaling = RoomUse.Scaling()
    for config in deployed {
      scaling.launches.formUnion(config.launchesScalingToZero)
      for entity in config.entities where entity.followsLoad {
        let launch = entity.launch.key
        scaling.least[launch] = max(scaling.least[launch] ?? 0, entity.leastReplicas)
      }
    }
    scaling.isComplete = Self.scalesToZero(deployed)
    if !isUpdating { scaling.yielding = scaling.launches.filter { record.sleep[$0] == nil } }
    return roomUse.endpoint(
      record.id, replicas: replicas.values.filter { isLiving($0.id) }, scaling: scaling, isUpdating: isUpdating,
      idleFor: load.awaited.isEmpty ? load.idleFor : nil, servingSince: sleepPolicy.awakeSince,
      wokenAt: sleepPolicy.wokenAt)
  }

  /// Whether all its replicas may be stopped while it is idle.
  var scalesToZero: Bool { Self.scalesToZero(configs) }

  private static func scalesToZero(_ configs: [PlaneConfig]) -> Bool {
    configs.allSatisfy { $0.entities.allSatisfy(\.scaleToZero) }
  }

  /// The config that answers requests, and the one that is being deployed.
  var configs: [PlaneConfig] { [record.active, record.update.target].compactMap { $0 } }
}
