import Scheduling
import Testing

/// A small generator with a seed, so that a failing run can be reproduced.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

/// The queue under test and the simplest possible record of what happened to each request.
private struct Ledger {
  static let entities = ["v1", "v2"]
  var queue: AdmissionQueue
  var now: Duration = .zero
  var next: UInt64 = 1
  var waiting: [UInt64] = []
  var atReplica: [UInt64: String] = [:]
  var pinned: [UInt64: String] = [:]
  var bouncedOnce: Set<UInt64> = []
  var ended: Set<UInt64> = []
  var replicas: [String: (entity: String, capacity: Int, draining: Bool)] = [:]
  var weights = ["v1": 70, "v2": 30]
  var violations: [String] = []

  init(_ policy: AdmissionPolicy) {
    queue = AdmissionQueue(policy: policy, now: .zero)
    _ = queue.setTraffic([("v1", 70), ("v2", 30)], now: .zero)
  }

  mutating func end(_ id: UInt64) {
    if !ended.insert(id).inserted { violations.append("\(id) ended twice") }
    waiting.removeAll { $0 == id }
    atReplica[id] = nil
  }

  mutating func apply(_ actions: [AdmissionQueue.Action]) {
    for action in actions {
      switch action {
      case .dispatch(let id, let replica):
        if ended.contains(id) { violations.append("\(id) dispatched after its end") }
        if atReplica[id] != nil { violations.append("\(id) dispatched twice") }
        if replicas[replica]?.draining != false { violations.append("\(id) sent to \(replica), which takes nothing") }
        if let pin = pinned[id], replicas[replica]?.entity != pin { violations.append("\(id) missed its entity") }
        waiting.removeAll { $0 == id }
        atReplica[id] = replica
      case .refuse(let id, _): end(id)
      case .wake, .drained: break
      }
    }
    check()
  }

  mutating func check() {
    if queue.waiting != waiting.count { violations.append("waiting \(queue.waiting), ledger \(waiting.count)") }
    if queue.dispatched != atReplica.count { violations.append("slots \(queue.dispatched), ledger \(atReplica.count)") }
    if queue.waiting > queue.policy.maxWaiting + bouncedOnce.count { violations.append("queue too long") }
    for (id, replica) in replicas {
      let load = atReplica.values.count { $0 == id }
      if queue.load(of: id) != load {
        violations.append("\(id) has \(load), the queue says \(queue.load(of: id) ?? -1)")
      }
      if load > replica.capacity { violations.append("\(id) is over its capacity") }
    }
    let idle = waiting.isEmpty && atReplica.isEmpty
    if (queue.idleSince != nil) != idle { violations.append("idle is \(!idle) wrongly") }
  }

  /// After a tick far in the future nothing is paused: a request that still waits must not have a free place.
  mutating func checkNobodyIsForgotten() {
    let free = Set(
      replicas.filter { id, r in !r.draining && atReplica.values.count { $0 == id } < r.capacity }.map(\.value.entity))
    for id in waiting {
      if let pin = pinned[id], free.contains(pin) { violations.append("\(id) waits beside a free place in \(pin)") }
    }
    let serving = Set(
      replicas.values.filter { !$0.draining && $0.capacity > 0 && weights[$0.entity] != 0 }.map(\.entity))
    if !serving.isEmpty, free.isSuperset(of: serving), waiting.contains(where: { pinned[$0] == nil }) {
      violations.append("a request waits while every entity has a free place")
    }
    if queue.nextTick == nil, !waiting.isEmpty { violations.append("no tick is due for the waiting requests") }
  }

  /// One of the events, with the numbers that the caller drew.
  mutating func event(_ kind: Int, _ pick: Int, _ draw: Double) {
    now += .milliseconds(pick % 7)
    let replica = "r\(pick % 3)"
    switch kind {
    case 0, 1, 2:
      let id = next
      next += 1
      if kind == 2 { pinned[id] = Self.entities[pick % 2] }
      waiting.append(id)
      apply(queue.arrive(id, pinnedTo: pinned[id], draw: draw, now: now))
    case 3, 4:
      let open = waiting + atReplica.keys.sorted()
      guard !open.isEmpty else { return }
      let id = open[pick % open.count]
      // Reported twice on purpose: the second report must change nothing.
      let actions = queue.left(id, now: now)
      end(id)
      apply(actions)
      apply(queue.finished(id, now: now))
    case 5:
      let open = atReplica.keys.sorted()
      guard !open.isEmpty else { return }
      let id = open[pick % open.count]
      atReplica[id] = nil
      waiting.append(id)
      bouncedOnce.insert(id)
      apply(queue.bounced(id, pause: .milliseconds(5), now: now))
    case 6:
      let entity = replicas[replica]?.entity ?? Self.entities[pick % 2]
      let capacity = max(1 + pick % 3, atReplica.values.count { $0 == replica })
      replicas[replica] = (entity, capacity, false)
      apply(queue.replicaReady(replica, entity: entity, capacity: capacity, now: now))
    case 7:
      replicas[replica]?.draining = true
      apply(queue.replicaDraining(replica, now: now))
    case 8:
      replicas[replica] = nil
      apply(queue.replicaGone(replica, now: now))
    case 9:
      weights = ["v1": pick % 101, "v2": 100 - pick % 101]
      apply(queue.setTraffic([("v1", pick % 101), ("v2", 100 - pick % 101)], now: now))
    default:
      apply(queue.tick(now: now))
    }
  }
}

@Suite struct AdmissionQueueProperties {
  @Test func `random events leak no place, never exceed a capacity, and end each request once`() {
    for seed in 0..<400 {
      var random = SeededGenerator(state: UInt64(seed))
      var ledger = Ledger(AdmissionPolicy(maxWaiting: 6, maxWait: .milliseconds(200), maxAttempts: 3))
      var trace: [Int] = []
      for _ in 0..<120 {
        let kind = Int.random(in: 0...10, using: &random)
        trace.append(kind)
        ledger.event(kind, Int.random(in: 0..<1000, using: &random), Double.random(in: 0..<1, using: &random))
        guard ledger.violations.isEmpty else { break }
      }
      ledger.apply(ledger.queue.tick(now: ledger.now + .milliseconds(6)))
      ledger.checkNobodyIsForgotten()
      #expect(ledger.violations.isEmpty, "\(ledger.violations), seed \(seed), events \(trace)")
      // When no more events arrive, everything ends and every place is free.
      ledger.apply(ledger.queue.tick(now: ledger.now + .seconds(1)))
      for id in Array(ledger.atReplica.keys) {
        let actions = ledger.queue.finished(id, now: ledger.now)
        ledger.end(id)
        ledger.apply(actions)
      }
      #expect(ledger.violations.isEmpty && ledger.queue.dispatched == 0 && ledger.queue.waiting == 0, "seed \(seed)")
    }
  }

  @Test func `every short sequence of events keeps the accounting correct`() {
    // All 11 events, each with two draws, three deep, from a queue with one small replica: 10,648 sequences.
    var start = Ledger(AdmissionPolicy(maxWaiting: 1, maxWait: .milliseconds(3), maxAttempts: 2))
    start.event(6, 0, 0)
    var visited = 0
    func explore(_ ledger: Ledger, _ depth: Int, _ trace: [String]) {
      visited += 1
      guard ledger.violations.isEmpty else {
        Issue.record("\(trace): \(ledger.violations)")
        return
      }
      guard depth > 0 else { return }
      for kind in 0...10 {
        for pick in [0, 4] {
          var next = ledger
          next.event(kind, pick, pick == 0 ? 0.1 : 0.9)
          explore(next, depth - 1, trace + ["\(kind)/\(pick)"])
        }
      }
    }
    explore(start, 3, [])
    #expect(visited == 1 + 22 + 22 * 22 + 22 * 22 * 22)
  }

  @Test func `requests of one entity never overtake one another`() {
    var random = SeededGenerator(state: 7)
    var queue = AdmissionQueue(policy: AdmissionPolicy(maxWaiting: 1000), now: .zero)
    _ = queue.setTraffic([("v1", 1)], now: .zero)
    _ = queue.replicaReady("a", entity: "v1", capacity: 2, now: .zero)
    _ = queue.replicaReady("b", entity: "v1", capacity: 1, now: .zero)
    var order: [UInt64] = []
    var open: [UInt64] = []
    var id: UInt64 = 0
    for _ in 0..<2000 {
      var actions: [AdmissionQueue.Action] = []
      if Bool.random(using: &random) || open.isEmpty {
        id += 1
        actions = queue.arrive(id, draw: 0, now: .zero)
      } else {
        actions = queue.finished(open.remove(at: Int.random(in: 0..<open.count, using: &random)), now: .zero)
      }
      for case .dispatch(let request, _) in actions {
        order.append(request)
        open.append(request)
      }
    }
    #expect(order.count > 500)
    #expect(order == order.sorted())
  }
}
