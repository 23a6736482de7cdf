import Scheduling

/// How many replicas each served entity of an endpoint has while it is awake: a fixed number, or one that follows the
/// load. A value without a clock; it is not stored, so after a restart of the plane the existing replicas count.
struct EndpointScale: Hashable, Sendable {
  /// The facts on which a decision is based.
  struct Situation {
    /// The config that answers requests.
    let active: PlaneConfig?
    /// The config that is being deployed.
    let target: PlaneConfig?
    /// The launches that are scaled to zero or being woken.
    let sleeping: Set<String>
    let load: RequestLoad
    /// The number of replicas of each launch that serve or are about to.
    let standing: [String: Int]
    let now: Duration
    /// How many places of surplus replicas the active config must give up.
    var sheds = 0
    /// The number of places that a replica of a workload type needs.
    var places: (String) -> Int = { _ in 1 }
  }

  private let policy: ScalePolicy
  /// The most replicas of an entity on this plane; nil for as many as its config allows. A config that an earlier plane
  /// accepted may allow more.
  private let maximum: Int?
  /// The launches of the active config that follow the load and are awake.
  private var active: [String: ReplicaScale] = [:]
  /// The same for the config that is being deployed.
  private var target: [String: ReplicaScale] = [:]

  init(policy: ScalePolicy, maximum: Int? = nil) {
    self.policy = policy
    self.maximum = maximum
  }

  /// Follows the load.
  ///
  /// An entity of the active config has the requests that wait for it or are at its replicas. One of a config that is
  /// being deployed has its share of all requests, or of those for which the active config has its replicas: what
  /// replaces them can take as much as they can.
  mutating func update(in situation: Situation) {
    var requests = situation.load.requests
    active = next(active, of: situation.active, sheds: situation.sheds, in: situation) { requests[$0.name] ?? 0 }
    for entity in situation.active?.entities ?? [] {
      let launch = entity.launch.key
      guard let scale = active[launch], scale.count > entity.leastReplicas,
        let capacity = situation.load.capacities[launch]
      else { continue }
      // More than a million requests are as good as all.
      requests[entity.name] = max(requests[entity.name] ?? 0, (scale.count - 1) * min(capacity, 1 << 20) + 1)
    }
    let total = requests.values.reduce(0, +)
    target = next(target, of: situation.target, sheds: 0, in: situation) { (total * $0.traffic + 99) / 100 }
  }

  /// Notes that the config that was being deployed is active now.
  mutating func activate() {
    let kept = active.filter { target[$0.key] != nil }
    active = target.merging(kept) { $0.count < $1.count ? $1 : $0 }
    target = [:]
  }

  /// Notes that no config is being deployed any more.
  mutating func abandon() { target = [:] }

  /// The number of replicas of an entity of the active config.
  func activeCount(of entity: PlaneEntity) -> Int { count(active, of: entity) }

  /// The number of replicas of an entity of the config that is being deployed.
  func targetCount(of entity: PlaneEntity) -> Int { count(target, of: entity) }

  /// The most replicas of an entity.
  func most(of entity: PlaneEntity) -> Int {
    max(entity.leastReplicas, min(entity.mostReplicas, maximum ?? entity.mostReplicas))
  }

  /// The most replicas that the load of an entity of the active config has needed of late, if those are fewer than it
  /// has.
  func lately(_ entity: PlaneEntity) -> Int? {
    entity.followsLoad ? active[entity.launch.key]?.lull?.needed : nil
  }

  private func count(_ scales: [String: ReplicaScale], of entity: PlaneEntity) -> Int {
    guard entity.followsLoad, let scale = scales[entity.launch.key] else { return entity.leastReplicas }
    return min(max(scale.count, entity.leastReplicas), most(of: entity))
  }

  private func next(
    _ scales: [String: ReplicaScale], of config: PlaneConfig?, sheds: Int, in situation: Situation,
    requests: (PlaneEntity) -> Int
  ) -> [String: ReplicaScale] {
    var new: [String: ReplicaScale] = [:]
    var left = sheds
    for entity in config?.entities ?? [] where entity.followsLoad {
      let launch = entity.launch.key
      guard !situation.sleeping.contains(launch) else { continue }
      let standing = situation.standing[launch] ?? 0
      // Until it is known how many requests a replica takes, nothing ends.
      guard let capacity = situation.load.capacities[launch] else {
        let count = min(max(standing, entity.leastReplicas), most(of: entity))
        new[launch] = scales[launch] ?? ReplicaScale(count: count)
        continue
      }
      let each = situation.places(entity.workloadType)
      let surplus = max(0, standing - entity.leastReplicas)
      let shed = each > 0 ? min(surplus, (left + each - 1) / each) : 0
      left = max(0, left - shed * each)
      new[launch] = policy.update(
        scales[launch], within: entity.leastReplicas...most(of: entity),
        in: ScalePolicy.Situation(
          requests: requests(entity), capacity: capacity, standing: standing, sheds: shed),
        now: situation.now)
    }
    return new
  }
}
