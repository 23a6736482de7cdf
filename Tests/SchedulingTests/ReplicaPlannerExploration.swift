import Scheduling
import Testing

/// A small world around the planner: a machine with a few places, one update, launches that work or fail, and crashes.
private struct World: Hashable {
  var serving: ReplicaSet?
  var target: ReplicaSet?
  var replicas: [Replica] = []
  var places: Int?
  /// Whether the target's launch becomes ready.
  var newWorks: Bool
  var crashesLeft: Int
  var failures: [String: Int] = [:]
  var nextID = 0
  var verdict: String?

  var room: Int? { places.map { $0 - replicas.count { !$0.state.isOver } } }

  var records: [String: CrashRecord] {
    failures.mapValues { count in
      var record: CrashRecord?
      for _ in 0..<count {
        record = CrashRecord(after: record, cause: "bad", isPermanent: false, readyFor: nil, chance: 0, now: .zero)
      }
      return record
    }.compactMapValues { $0 }
  }

  func ready(_ launch: String) -> Int { replicas.count { $0.launch == launch && $0.state == .ready } }

  /// Executes the planner's steps at once, with all waits over; returns what was wrong with them.
  mutating func obey(_ planner: ReplicaPlanner) -> [String] {
    let plan = planner.plan(
      serving: serving, target: target, replicas: replicas, room: room, crashes: records, now: .seconds(1_000_000))
    var wrong: [String] = []
    let places = places
    for step in plan.steps {
      switch step {
      case .start(let launch):
        replicas.append(Replica(id: "r\(nextID)", launch: launch, state: .starting))
        nextID += 1
      case .drain(let id): wrong += move(id, from: { $0 == .ready }, to: .draining)
      case .stop(let id): wrong += move(id, from: { $0.isComing }, to: .stopping)
      case .remove(let id):
        if !replicas.contains(where: { $0.id == id && $0.state.isOver }) { wrong.append("removed the living \(id)") }
        replicas.removeAll { $0.id == id }
      case .switchTraffic(let version):
        guard let next = target, next.version == version else { return ["switched to nothing"] }
        for entity in next.entities where ready(entity.launch) < entity.count { wrong.append("switched too early") }
        serving = next
        target = nil
        verdict = "switched"
      case .declareFailed:
        let asked = target?.entities.reduce(0) { $0 + $1.count } ?? 0
        if newWorks, crashesLeft == 3, places.map({ $0 >= asked }) ?? true { wrong.append("failed what works") }
        target = nil
        verdict = "failed"
      }
    }
    if let places, replicas.count(where: { !$0.state.isOver }) > places { wrong.append("more replicas than places") }
    return wrong
  }

  private mutating func move(_ id: String, from: (ReplicaState) -> Bool, to state: ReplicaState) -> [String] {
    guard let index = replicas.firstIndex(where: { $0.id == id }), from(replicas[index].state) else {
      return ["moved \(id), which is not there or in another state"]
    }
    replicas[index].state = state
    return []
  }

  /// What may happen to a replica next. `faults` adds the crash of a working one.
  func successors(faults: Bool) -> [World] {
    var worlds: [World] = []
    for index in replicas.indices {
      var next = self
      switch replicas[index].state {
      case .starting, .loading, .warming, .pending:
        if replicas[index].launch == "new" && !newWorks {
          next.replicas[index].state = .failed(cause: "bad")
          next.failures["new", default: 0] += 1
        } else {
          next.replicas[index].state = .ready
        }
        worlds.append(next)
      case .draining, .stopping:
        next.replicas[index].state = .stopped
        worlds.append(next)
      case .ready:
        guard faults, crashesLeft > 0 else { continue }
        next.crashesLeft -= 1
        next.failures[replicas[index].launch, default: 0] += 1
        next.replicas[index].state = .failed(cause: "crash")
        worlds.append(next)
      case .stopped, .failed: continue
      }
    }
    return worlds
  }

  /// Names do not matter, only the replicas' states: fewer worlds to visit.
  var canonical: World {
    var world = self
    world.replicas = replicas.sorted { ("\($0.launch) \($0.state)", $0.id) < ("\($1.launch) \($1.state)", $1.id) }
      .enumerated().map { Replica(id: "r\($0.offset)", launch: $0.element.launch, state: $0.element.state) }
    world.nextID = replicas.count
    world.failures = failures.mapValues { min($0, 4) }
    return world
  }
}

@Suite struct ReplicaPlannerExploration {
  private static let planner = ReplicaPlanner(startAttempts: 2)

  /// Continues without faults, with the first possible order of events; returns the rounds it took, or nil.
  private func settle(_ start: World) -> World? {
    var world = start
    for _ in 0..<200 {
      let before = world
      _ = world.obey(Self.planner)
      if let next = world.successors(faults: false).first { world = next } else if world == before { return world }
    }
    return nil
  }

  @Test(arguments: [(1, 1), (1, 2), (2, 1), (2, 2)], [nil, 1, 2, 3, 4])
  func `from every reachable state, an update ends within bounds and serves the right version`(
    counts: (old: Int, new: Int), places: Int?
  ) {
    var visited: Set<World> = []
    for newWorks in [true, false] {
      let old = ReplicaSet(version: 1, entities: [EntityReplicas(entity: "a", launch: "old", count: counts.old)])
      let new = ReplicaSet(version: 2, entities: [EntityReplicas(entity: "b", launch: "new", count: counts.new)])
      if let places, places < counts.old { continue }
      var start = World(serving: old, target: new, places: places, newWorks: newWorks, crashesLeft: 3)
      start.replicas = (0..<counts.old).map { Replica(id: "r\($0)", launch: "old", state: .ready) }
      start.nextID = counts.old
      var frontier = [start]
      while let world = frontier.popLast() {
        guard visited.insert(world.canonical).inserted else { continue }
        var planned = world
        let wrong = planned.obey(Self.planner)
        #expect(wrong.isEmpty, "\(wrong) in \(world)")
        let surge = places.map { $0 >= counts.old + counts.new } ?? true
        if surge, world.crashesLeft == 3, planned.target != nil || planned.verdict == "failed" {
          #expect(planned.ready("old") == counts.old, "the old version must keep serving: \(planned)")
        }
        frontier += planned.successors(faults: true)
        check(end: settle(planned), of: planned, counts: counts, places: places)
      }
    }
    print(
      "replica planner, \(counts.old) to \(counts.new) on \(places.map(String.init) ?? "any") places:", visited.count)
  }

  private func check(end: World?, of world: World, counts: (old: Int, new: Int), places: Int?) {
    guard let end else {
      Issue.record("never settles: \(world)")
      return
    }
    #expect(end.target == nil, "an update without end: \(world)")
    let fits = places.map { $0 >= counts.new } ?? true
    if world.crashesLeft == 3 { #expect(end.verdict == (world.newWorks && fits ? "switched" : "failed"), "\(world)") }
    let served = end.serving?.version == 2 ? ("new", counts.new) : ("old", counts.old)
    #expect(end.ready(served.0) == served.1 && end.replicas.count == served.1, "ends as \(end), from \(world)")
  }
}
