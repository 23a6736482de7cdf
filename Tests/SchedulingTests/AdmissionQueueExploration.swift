import Scheduling
import Testing

/// What is known about a small world from outside the queue: enough to say what the queue must do next.
private struct Facts: Hashable {
  var now = 0
  var arrived: UInt64 = 0
  var principals: [UInt64: String] = [:]
  var arrivals: [UInt64: Int] = [:]
  var bounces: [UInt64: Int] = [:]
  var waiting: Set<UInt64> = []
  var atReplica: [UInt64: String] = [:]
  var ended: Set<UInt64> = []
  /// The principals with waiting requests; the first has the next turn.
  var turns: [String] = []
  /// The replicas that take requests, and the ends of their pauses.
  var ready: [String: Int] = [:]

  func waiting(of principal: String) -> [UInt64] { waiting.filter { principals[$0] == principal }.sorted() }

  /// Whether a request waits that no replica can take.
  var isUnserved: Bool { !waiting.isEmpty && ready.isEmpty }

  /// Without the past, which has no effect on what follows: fewer states to visit.
  var open: Facts {
    var facts = self
    facts.ended = []
    facts.principals = principals.filter { !ended.contains($0.key) }
    facts.arrivals = arrivals.filter { !ended.contains($0.key) }
    facts.bounces = bounces.filter { !ended.contains($0.key) }
    return facts
  }

  mutating func wait(_ id: UInt64, _ principal: String) {
    waiting.insert(id)
    if !turns.contains(principal) { turns.append(principal) }
  }

  mutating func stopWaiting(_ id: UInt64) {
    waiting.remove(id)
    turns = turns.filter { !waiting(of: $0).isEmpty }
  }
}

private enum Event: Hashable {
  case arrive(String)
  case end(UInt64)
  case bounce(UInt64)
  case ready(String)
  case drain(String)
  case gone(String)
  case second
}

/// The facts, the queue under test, and what was wrong with it.
private struct World {
  static let policy = AdmissionPolicy(maxWaiting: 3, maxWait: .seconds(1), queueBytes: 20, maxAttempts: 2)
  static let bytes = 10
  let maxArrivals: UInt64
  let names: [String]
  var facts = Facts()
  var queue: AdmissionQueue
  var wrong: [String] = []
  /// Whether the last event asked for a replica.
  private var isWoken = false

  init(arrivals: UInt64, replicas: Int) {
    maxArrivals = arrivals
    names = (1...replicas).map { "r\($0)" }
    queue = AdmissionQueue(policy: Self.policy, now: .zero)
    _ = queue.setTraffic([("v1", 1)], now: .zero)
  }

  private var now: Duration { .seconds(facts.now) }

  /// All that can happen next.
  var events: [Event] {
    var events: [Event] = facts.arrived < maxArrivals ? [.arrive("a"), .arrive("b")] : []
    events += facts.waiting.sorted().map { .end($0) }
    for id in facts.atReplica.keys.sorted() { events += [.end(id), .bounce(id)] }
    for name in names { events += facts.ready[name] == nil ? [.ready(name)] : [.drain(name), .gone(name)] }
    return facts.now < 2 ? events + [.second] : events
  }

  mutating func perform(_ event: Event) {
    let wasUnserved = facts.isUnserved
    isWoken = false
    switch event {
    case .arrive(let principal):
      facts.arrived += 1
      let id = facts.arrived
      facts.principals[id] = principal
      facts.arrivals[id] = facts.now
      facts.wait(id, principal)
      obey(queue.arrive(id, principal: principal, draw: 0, bytes: Self.bytes, now: now))
      if facts.ready.isEmpty, !isWoken { wrong.append("\(id) does not ask for a replica") }
    case .end(let id):
      end(id)
      obey(queue.left(id, now: now))
    case .bounce(let id):
      guard let replica = facts.atReplica.removeValue(forKey: id), let principal = facts.principals[id] else { return }
      facts.bounces[id, default: 0] += 1
      if facts.ready[replica] != nil { facts.ready[replica] = facts.now + 1 }
      if facts.bounces[id, default: 0] < Self.policy.maxAttempts {
        facts.wait(id, principal)
        facts.turns.removeAll { $0 == principal }
        facts.turns.insert(principal, at: 0)
      }
      obey(queue.bounced(id, pause: .seconds(1), now: now))
    case .ready(let name):
      facts.ready[name] = 0
      obey(queue.replicaReady(name, entity: "v1", capacity: 1, now: now))
    case .drain(let name):
      facts.ready[name] = nil
      obey(queue.replicaDraining(name, now: now))
    case .gone(let name):
      facts.ready[name] = nil
      obey(queue.replicaGone(name, now: now))
    case .second:
      facts.now += 1
      obey(queue.tick(now: now))
    }
    if facts.isUnserved, !wasUnserved, !isWoken { wrong.append("a request waits, and no replica is asked for") }
    check()
  }

  private mutating func end(_ id: UInt64) {
    if !facts.ended.insert(id).inserted { wrong.append("\(id) ended twice") }
    facts.stopWaiting(id)
    facts.atReplica[id] = nil
  }

  private mutating func obey(_ actions: [AdmissionQueue.Action]) {
    for action in actions {
      switch action {
      case .dispatch(let id, let replica):
        let principal = facts.principals[id] ?? ""
        if !facts.waiting.contains(id) { wrong.append("\(id) is dispatched, but does not wait") }
        if facts.turns.first != principal { wrong.append("\(id) is dispatched before the turn of \(principal)") }
        if facts.waiting(of: principal).first != id { wrong.append("\(id) overtakes an earlier request") }
        if !isFree(replica) { wrong.append("\(id) is dispatched to \(replica), which has no place") }
        facts.turns.removeAll { $0 == principal }
        facts.turns.append(principal)
        facts.stopWaiting(id)
        facts.atReplica[id] = replica
      case .refuse(let id, let why):
        if case .queueFull = why { checkFairness(refusing: id) }
        end(id)
      case .wake: isWoken = true
      case .drained: break
      }
    }
  }

  /// Checks which request a full queue refuses: the one that has just arrived, or the newest one of a principal that has
  /// more.
  private mutating func checkFairness(refusing id: UInt64) {
    let (newcomer, refused) = (facts.principals[facts.arrived] ?? "", facts.principals[id] ?? "")
    let (own, others) = (facts.waiting(of: newcomer), facts.waiting(of: refused))
    if id != facts.arrived {
      if others.count <= own.count { wrong.append("\(id) makes way for a principal that has as many") }
      if others.last(where: { facts.bounces[$0] == nil }) != id { wrong.append("\(id) is not the newest") }
    } else if Self.bytes * (facts.waiting.count - 1) <= Self.policy.queueBytes {
      for principal in ["a", "b"] where principal != newcomer {
        let all = facts.waiting(of: principal)
        guard all.count > own.count, all.contains(where: { facts.bounces[$0] == nil }) else { continue }
        wrong.append("\(id) is refused, although \(principal) has more")
      }
    }
  }

  private func isFree(_ replica: String) -> Bool {
    guard let pause = facts.ready[replica] else { return false }
    return pause <= facts.now && !facts.atReplica.values.contains(replica)
  }

  private mutating func check() {
    if queue.waiting != facts.waiting.count { wrong.append("\(queue.waiting) wait, not \(facts.waiting.count)") }
    if queue.dispatched != facts.atReplica.count { wrong.append("the number of requests at replicas is wrong") }
    if !facts.waiting.isEmpty, names.contains(where: isFree) { wrong.append("a request waits beside a free place") }
    if queue.needsReplica != facts.isUnserved { wrong.append("a replica is needed, or not, wrongly") }
    let awaited = queue.awaited(now: now)
    if facts.isUnserved, awaited != ["v1"] { wrong.append("the needed replica is unknown") }
    if !facts.ready.isEmpty, !awaited.isEmpty { wrong.append("a replica is awaited although one serves") }
    if queue.waitingBytes != Self.bytes * facts.waiting.count { wrong.append("\(queue.waitingBytes) bytes are held") }
    // A request that a replica did not take is not refused for the bounds.
    let bounded = facts.waiting.count { facts.bounces[$0] == nil }
    if Self.bytes * bounded > Self.policy.queueBytes { wrong.append("too many bytes are held") }
    for id in facts.waiting where (facts.arrivals[id] ?? 0) + 1 <= facts.now { wrong.append("\(id) waits too long") }
  }

  /// Lets the time pass and all replicas finish: each request must have ended.
  func settled() -> World {
    var world = self
    world.facts.now += 100
    world.obey(world.queue.tick(now: .seconds(world.facts.now)))
    for id in world.facts.atReplica.keys.sorted() { world.perform(.end(id)) }
    if world.facts.ended.count != world.facts.principals.count { world.wrong.append("a request has not ended") }
    return world
  }
}

@Suite struct AdmissionQueueExploration {
  @Test(arguments: [(4, 1), (3, 2)] as [(UInt64, Int)])
  func `in every order of events, principals take turns, nobody waits beside a free place, and a wake follows need`(
    arrivals: UInt64, replicas: Int
  ) {
    var visited: Set<Facts> = []
    var frontier: [(world: World, trace: [Event])] = [(World(arrivals: arrivals, replicas: replicas), [])]
    while let (world, trace) = frontier.popLast() {
      for event in world.events {
        var next = world
        next.perform(event)
        let isNew = visited.insert(next.facts.open).inserted
        let wrong = isNew ? next.settled().wrong : next.wrong
        guard wrong.isEmpty else {
          Issue.record("\(wrong) after \(trace + [event])")
          return
        }
        if isNew { frontier.append((next, trace + [event])) }
      }
    }
    print("admission queue: \(visited.count) states with \(arrivals) requests and \(replicas) replicas")
    #expect(visited.count > 1000)
  }
}
