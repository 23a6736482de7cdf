import Scheduling

// The machine's places: which endpoint gets them next, and which gives up its own.
extension ServingEndpoints {
  var machineRoom: MachineRoom { MachineRoom(accelerators: backend.accelerators, slots: settings.slots) }

  /// How the places are shared now; nil if there is no bound.
  var roomPlan: RoomPlan? {
    guard let free = machineRoom.free(beside: replicas) else { return nil }
    let endpoints = machines.values.map { machine -> EndpointRoom in
      // Its machine learns of the end of a replica only after this.
      var room = machine.room(load(of: machine.record.id)) { replicas[$0]?.ended == nil }
      // What seems idle may have requests from the previous plane, and no replica ends before those do.
      if previousPlane != nil {
        room.yields = 0
        room.surplus = 0
      }
      return room
    }
    // Replicas of deleted endpoints, and others that are drained without belonging to one.
    let freeing = replicas.living.filter { machines[$0.endpoint]?.replicas[$0.id] == nil }
    return RoomPlanner(swapEvery: settings.swapEvery).plan(
      endpoints, free: free, freeing: freeing.reduce(0) { $0 + machineRoom.places(of: $1) }, now: clock.now - origin)
  }

  /// Why no replica of an endpoint's sleeping entities can ever start, by the entity's name: the places that could become
  /// free at all are not enough. Entities for which they are, are omitted.
  func lackOfRoom(_ machine: EndpointMachine) -> [String: String] {
    guard !machine.record.sleep.isEmpty, let share = roomPlan?.share(of: machine.record.id) else { return [:] }
    let most = machine.replicas.values.reduce(share.room + share.reclaimable) { $0 + $1.places }
    let holders = roomHolders(beside: machine).map { MessageView.holdersMark + $0 }
    var lacks: [String: String] = [:]
    for entity in machine.record.active?.entities ?? [] where machine.sleep(of: entity) != nil {
      let needed = machineRoom.places(for: entity.workloadType)
      guard needed > most else { continue }
      lacks[entity.name] =
        "no replica can start: it needs \(machineRoom.unit.counted(needed)), of which at most \(most) can become free"
        + (holders ?? "")
    }
    return lacks
  }

  /// Lets endpoints that waited for places start replicas if places are free now.
  func useFreeRoom() async {
    for id in waitingForRoom { await act(on: id) { $0.tick($1) } }
  }

  /// Lets endpoints give up their places for those that wait.
  func makeRoom() async {
    guard !waitingForRoom.isEmpty, let plan = roomPlan else { return }
    for id in plan.givingUp.union(plan.shedding.keys).sorted() { await act(on: id) { $0.tick($1) } }
  }

  /// How long requests may continue at a replica that is drained. Asked again at each tick, so that the replica ends
  /// sooner once its places are needed.
  func drainTime(of replica: String, in endpoint: String) -> Duration {
    guard let launch = replicas[replica]?.launch.key, machines[endpoint]?.keepsServing(launch) == true,
      waitingForRoom.isEmpty
    else { return settings.timing.drainDeadline }
    return max(settings.timing.surplusDrainDeadline, settings.timing.drainDeadline)
  }

  /// The endpoints that wait for places.
  private var waitingForRoom: [String] {
    machines.filter { $0.value.roomUse.waitingSince != nil }.keys.sorted()
  }
}
