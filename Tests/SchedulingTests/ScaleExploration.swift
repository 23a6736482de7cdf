import Scheduling
import Testing

/// An endpoint whose number of replicas follows its load, each replica taking one request, and what was wrong with it.
private struct World {
  enum Event: Hashable {
    case arrive
    /// The request at a replica ends.
    case end(String)
    case ready(String)
    case gone(String)
    case minute
  }

  /// What tells two worlds apart. Times count only in relation to each other.
  struct Key: Hashable {
    let replicas: [String]
    let waiting: Int
    let count: Int
    let needed: Int?
    let age: Duration?
  }

  static let bounds = 1...3
  private static let policy = ScalePolicy(scaleDownAfter: .seconds(120))
  private static let planner = ReplicaPlanner()

  let slots: Int
  private(set) var scale: ReplicaScale?
  private(set) var wrong: [String] = []
  private(set) var events: [Event] = []
  private var replicas: [Replica] = []
  /// The replicas with a request.
  private var busy: Set<String> = []
  private var waiting = 0
  private var now = Duration.zero
  private var nextID = 0

  init(slots: Int) {
    self.slots = slots
    settle()
  }

  var key: Key {
    Key(
      replicas: replicas.map { "\($0.state) \(busy.contains($0.id))" }.sorted(), waiting: waiting,
      count: scale?.count ?? 0, needed: scale?.lull?.needed,
      age: scale?.lull.map { min(now - $0.since, .seconds(120)) })
  }

  /// All that can happen next.
  var possible: [Event] {
    var possible: [Event] = [.minute]
    if waiting < 4 { possible.append(.arrive) }
    for replica in replicas {
      if replica.state.isComing { possible.append(.ready(replica.id)) }
      if busy.contains(replica.id) {
        possible.append(.end(replica.id))
      } else if replica.state.isLeaving {
        possible.append(.gone(replica.id))
      }
    }
    return possible
  }

  mutating func perform(_ event: Event) {
    events.append(event)
    switch event {
    case .arrive: waiting += 1
    case .end(let id): busy.remove(id)
    case .ready(let id): move(id, to: .ready)
    case .gone(let id): move(id, to: .stopped)
    case .minute: now += .seconds(60)
    }
    settle()
    check()
  }

  private mutating func move(_ id: String, to state: ReplicaState) {
    guard let index = replicas.firstIndex(where: { $0.id == id }) else { return }
    replicas[index].state = state
  }

  private var ready: [Replica] { replicas.filter { $0.state == .ready } }
  private var standing: Int { replicas.count { $0.state == .ready || $0.state.isComing } }
  private var living: Int { replicas.count { !$0.state.isOver } }
  private var load: Int { waiting + ready.count { busy.contains($0.id) } }
  private var needed: Int { min(max(load, Self.bounds.lowerBound), Self.bounds.upperBound) }

  /// Does what the plane does, until nothing changes.
  private mutating func settle() {
    for _ in 0..<8 {
      for replica in ready where waiting > 0 && !busy.contains(replica.id) {
        busy.insert(replica.id)
        waiting -= 1
      }
      let new = Self.policy.update(
        scale, within: Self.bounds,
        in: ScalePolicy.Situation(requests: load, capacity: 1, standing: standing), now: now)
      scale = new
      let set = ReplicaSet(
        version: 1,
        entities: [EntityReplicas(entity: "main", launch: "one", count: new.count, least: Self.bounds.lowerBound)])
      let plan = Self.planner.plan(
        serving: set, target: nil, replicas: replicas, room: slots - living,
        load: Dictionary(busy.map { ($0, 1) }, uniquingKeysWith: +), crashes: [:], now: now)
      for step in plan.steps { obey(step) }
      if plan.steps.isEmpty { return }
    }
    wrong.append("the endpoint never comes to rest")
  }

  private mutating func obey(_ step: ReplicaStep) {
    switch step {
    case .start(let launch):
      replicas.append(Replica(id: "r\(nextID)", launch: launch, state: .starting))
      nextID += 1
    case .drain(let id):
      if busy.contains(id), ready.contains(where: { !busy.contains($0.id) }) {
        wrong.append("\(id) ends beside a replica without a request")
      }
      move(id, to: .draining)
      if standing < needed { wrong.append("\(id) ends although the load needs it") }
    case .stop(let id):
      move(id, to: .stopping)
      if standing < needed { wrong.append("\(id) ends although the load needs it") }
    case .remove(let id): replicas.removeAll { $0.id == id }
    case .switchTraffic, .declareFailed: wrong.append("there is no update")
    }
  }

  /// What must hold.
  private mutating func check() {
    let count = scale?.count ?? 0
    if !Self.bounds.contains(count) { wrong.append("\(count) replicas are out of bounds") }
    if standing > count { wrong.append("\(standing) replicas instead of \(count)") }
    if living > slots { wrong.append("\(living) replicas run in \(slots) slots") }
    if count < needed { wrong.append("\(count) replicas although the load needs \(needed)") }
    if standing < count, living < slots { wrong.append("a slot is free for one more replica") }
  }
}

/// Every order of arrivals, ends, starts and times for an endpoint whose number of replicas follows the load.
@Suite struct ScaleExploration {
  @Test(arguments: [1, 2, 3, 4])
  func `replicas follow the load within their bounds and the room, and none ends that the load needs`(slots: Int) {
    let first = World(slots: slots)
    var frontier = [first]
    var visited: Set<World.Key> = [first.key]
    var counts: Set<Int> = []
    while let world = frontier.popLast() {
      counts.insert(world.scale?.count ?? 0)
      for event in world.possible {
        var next = world
        next.perform(event)
        guard next.wrong.isEmpty else {
          Issue.record("\(next.wrong) after \(next.events)")
          return
        }
        if visited.insert(next.key).inserted { frontier.append(next) }
      }
    }
    #expect(counts == Set(World.bounds))
    print("scaling: \(visited.count) states with \(slots) slots")
  }
}
