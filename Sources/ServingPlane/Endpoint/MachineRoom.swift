import Scheduling

/// The places of this machine for replicas: its GPUs, or the slots of a machine without any.
struct MachineRoom: Sendable {
  let accelerators: Accelerators
  /// How many replicas may run at once on a machine without GPUs; nil for any number.
  private let slots: Int?

  init(accelerators: Accelerators, slots: Int?) {
    self.accelerators = accelerators
    self.slots = accelerators.gpus.isEmpty ? slots : nil
  }

  /// The number of places; nil if there is no bound.
  var total: Int? { accelerators.gpus.isEmpty ? slots : accelerators.gpus.count }

  /// What a place is.
  var unit: RoomUnit { accelerators.gpus.isEmpty ? .slot : .gpu }

  /// The number of places that a replica of a workload type takes.
  func places(for workloadType: String) -> Int { slots == nil ? accelerators.places(for: workloadType) : 1 }

  /// The places that a replica on record holds.
  func places(of record: ReplicaRecord) -> Int { slots == nil ? record.devices.count : 1 }

  /// The number of places that no replica holds; nil if there is no bound.
  func free(beside replicas: ReplicaBook) -> Int? {
    total.map { max(0, $0 - (slots == nil ? replicas.devicesInUse : replicas.living.count)) }
  }

  /// Why this machine can never run a config; nil if it can.
  func finding(_ entities: [PlaneEntity]) -> String? {
    guard let slots else { return accelerators.finding(entities) }
    let needed = entities.reduce(0) { $0 + $1.leastReplicas }
    guard needed > slots else { return nil }
    let least = entities.contains(where: \.followsLoad) ? "its least number of" : "all its"
    return """
      the config needs \(unit.counted(needed)) for \(least) replicas; this serving plane has \(slots) \
      ("setpoint serve --slots")
      """
  }
}
