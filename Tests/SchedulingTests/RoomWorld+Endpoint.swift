import Scheduling

extension RoomWorld {
  /// An endpoint with at most one request at a time, as a plane has it: what serves, what is being deployed, and
  /// whether it sleeps.
  struct Endpoint {
    enum Request: Hashable {
      case waiting
      case at(String)
    }

    let name: String
    /// Whether it scales to zero.
    let scales: Bool
    /// How many replicas it has at most while it is awake.
    let count: Int
    /// How many it has at least. If those are fewer, the load decides.
    let least: Int
    /// How many replicas the load needs.
    var needed: Int
    /// How many it must end for another endpoint.
    var sheds = 0
    var serving: Int?
    var target: Int? = 1
    var isAsleep = false
    var isWaking = false
    var replicas: [Replica] = []
    var use = RoomUse()
    var crashes: [String: CrashRecord] = [:]
    var request: Request?
    var idleSince: Duration = .zero
    var servingSince: Duration?
    var wokenAt: Duration?

    init(name: String, scales: Bool, count: Int, least: Int) {
      self.name = name
      self.scales = scales
      self.count = count
      self.least = least
      needed = count
    }

    func launch(_ version: Int) -> String { "\(name)\(version)" }

    var servingSet: ReplicaSet? { makeSet(serving, count: isAsleep ? 0 : isWaking ? 1 : awakeCount) }

    var targetSet: ReplicaSet? { makeSet(target, count: needed) }

    private var awakeCount: Int {
      guard sheds > 0, let serving else { return needed }
      return max(least, min(needed, standing(serving)) - sheds)
    }

    private func makeSet(_ version: Int?, count: Int) -> ReplicaSet? {
      version.map { version in
        ReplicaSet(
          version: version,
          entities: [EntityReplicas(entity: "main", launch: launch(version), count: count, least: least)])
      }
    }

    func standing(_ version: Int) -> Int {
      replicas.count { $0.launch == launch(version) && ($0.state == .ready || $0.state.isComing) }
    }

    /// Whether it serves, or would if its replica ran.
    var isAwake: Bool { serving != nil && !isAsleep && !isWaking }

    var ready: Replica? {
      serving.flatMap { version in replicas.first { $0.launch == launch(version) && $0.state == .ready } }
    }

    /// The requests at its replicas.
    var load: [String: Int] {
      if case .at(let id)? = request { [id: 1] } else { [:] }
    }

    func isBackingOff(_ backoff: Backoff, now: Duration) -> Bool {
      serving.flatMap { crashes[launch($0)] }.map { $0.retryAt(backoff) > now } ?? false
    }

    func room(now: Duration) -> EndpointRoom {
      let launches = Set([serving, target].compactMap { $0.map(launch) })
      let mayYield = scales && isAwake && target == nil
      return use.endpoint(
        name, replicas: replicas.filter { !$0.state.isOver },
        scaling: RoomUse.Scaling(
          launches: scales ? launches : [], yielding: mayYield ? launches : [], isComplete: scales,
          least: least < count ? Dictionary(launches.map { ($0, least) }, uniquingKeysWith: max) : [:]),
        isUpdating: target != nil, idleFor: request == nil ? now - idleSince : nil, servingSince: servingSince,
        wokenAt: wokenAt)
    }
  }
}
