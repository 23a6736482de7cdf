import Scheduling
import Testing

@testable import ServingPlane

/// A machine whose replicas take four requests each, and scale down after five minutes.
private struct Harness {
  var machine: EndpointMachine
  var now: Duration = .zero
  var room: Int?
  var sheds = 0
  var load = RequestLoad(idleFor: .zero)
  var asked: [EndpointMachine.Action] = []
  private let counter = Counter()

  private final class Counter { var value = 0 }

  init(_ record: EndpointRecord? = nil, maximumReplicas: Int? = nil) {
    let new = EndpointRecord(
      id: "e", name: "chat", creator: "me", created: 0, updated: 0, description: "", tags: [:])
    machine = EndpointMachine(
      record ?? new, planner: ReplicaPlanner(backoff: Backoff(first: .seconds(5), cap: .seconds(60), jitter: 0)),
      scaling: ScalePolicy(scaleDownAfter: .seconds(300)), maximumReplicas: maximumReplicas, idleAfter: .seconds(60))
  }

  /// A ready endpoint.
  init(serving first: PlaneEntity, _ others: PlaneEntity...) throws {
    self.init()
    try put([first] + others)
    for id in started { replica(id, became: .ready) }
  }

  var context: EndpointMachine.EventContext { makeContext(deploying: []) }

  private func makeContext(deploying entities: [PlaneEntity]) -> EndpointMachine.EventContext {
    EndpointMachine.EventContext(
      now: now, wall: 1000, room: room, sheds: sheds, load: knownLoad(deploying: entities)
    ) { [counter] in
      counter.value += 1
      return "r\(counter.value)"
    }
  }

  /// What the plane knows: also what a replica of each launch takes.
  private func knownLoad(deploying entities: [PlaneEntity] = []) -> RequestLoad {
    var known = load
    for entity in machine.configs.flatMap(\.entities) + entities where entity.followsLoad {
      known.capacities[entity.launch.key] = 4
    }
    return known
  }

  mutating func put(_ entities: PlaneEntity...) throws(APIError) { try put(entities) }

  private mutating func put(_ entities: [PlaneEntity]) throws(APIError) {
    let config = PlaneConfig(version: machine.record.nextVersion, startTime: 0, entities: entities)
    asked = try machine.put(config, makeContext(deploying: entities))
  }

  mutating func replica(_ id: String, became state: ReplicaState) {
    asked += machine.replica(id, became: state, context)
  }

  mutating func replica(_ id: String, failed explanation: String) {
    asked = machine.replica(
      id, failed: ReplicaFailure(explanation, isWorthRepeating: true), chance: 0.5, context)
  }

  /// Lets a number of requests wait or be in flight, and the machine look if it has a reason to.
  mutating func ask(_ requests: Int, at replicas: [String: Int] = [:], after time: Duration = .zero) {
    now += time
    asked = []
    load = RequestLoad(
      idleFor: requests == 0 ? .zero : nil, requests: requests == 0 ? [:] : ["main": requests], inFlight: replicas)
    check()
  }

  /// Lets the machine act if it has to.
  mutating func check() { if machine.isDue(now: now, load: knownLoad()) { tick() } }

  mutating func tick() { asked = machine.tick(context) }

  var started: [String] { asked.compactMap { if case .start(let id, _, _) = $0 { id } else { nil } } }
  var drained: [String] { asked.compactMap { if case .drain(let id) = $0 { id } else { nil } } }
  var states: [String: ReplicaState] { machine.replicas.mapValues(\.state) }
}

/// An entity that is sized by concurrency, four to a replica.
private func served(
  _ version: Int, _ least: Int, _ most: Int, name: String = "main", traffic: Int = 100, scalesToZero: Bool = false
) -> PlaneEntity {
  PlaneEntity(
    name: name, entityName: "hello", entityVersion: version, task: "llm/v1/chat", workloadType: "CPU",
    workloadSize: nil, minConcurrency: least, maxConcurrency: most, scaleToZero: scalesToZero, environment: [:],
    traffic: traffic, created: 0)
}

struct LoadScalingMachineTests {
  @Test(arguments: [(4, 16, 1, 4), (8, 8, 2, 2), (0, 8, 1, 2), (0, 4, 1, 1)])
  func `four units of concurrency are a replica, and at least one is there while the endpoint is awake`(
    least: Int, most: Int, fewest: Int, largest: Int
  ) {
    let entity = served(1, least, most)
    #expect(entity.leastReplicas == fewest && entity.mostReplicas == largest)
    #expect(entity.followsLoad == (fewest < largest))
  }

  @Test func `replicas start at once when the load needs them, up to the most`() throws {
    var harness = try Harness(serving: served(1, 4, 12))
    #expect(harness.states == ["r1": .ready])
    harness.ask(4)
    #expect(harness.asked == [])
    harness.ask(5)
    #expect(harness.started == ["r2"])
    harness.ask(99)
    #expect(harness.started == ["r3"])
    harness.ask(500)
    #expect(harness.asked == [])
  }

  @Test func `after the time of less load, the surplus replica with the fewest requests is drained`() throws {
    var harness = try Harness(serving: served(1, 4, 12))
    harness.ask(9)
    for id in harness.started { harness.replica(id, became: .ready) }
    #expect(harness.states == ["r1": .ready, "r2": .ready, "r3": .ready])
    harness.ask(5, at: ["r1": 0, "r2": 3, "r3": 2], after: .seconds(1))
    #expect(harness.drained == [])
    harness.ask(5, at: ["r1": 2, "r2": 3, "r3": 0], after: .seconds(299))
    #expect(harness.asked == [])
    harness.ask(5, at: ["r1": 2, "r2": 3, "r3": 0], after: .seconds(1))
    #expect(harness.asked == [.route, .drain(id: "r3")])
    #expect(harness.machine.keepsServing(served(1, 4, 12).launch.key), "nothing hurries it")
    harness.replica("r3", became: .stopped)
    harness.ask(5, after: .seconds(3600))
    #expect(harness.states == ["r1": .ready, "r2": .ready])
  }

  @Test func `equal bounds are a fixed number`() throws {
    var harness = try Harness(serving: served(1, 8, 8))
    #expect(harness.states == ["r1": .ready, "r2": .ready])
    harness.ask(500)
    #expect(harness.asked == [])
    harness.ask(0, after: .seconds(3600))
    #expect(harness.asked == [])
  }

  @Test func `a new version starts with the number that the load needs`() throws {
    var harness = try Harness(serving: served(1, 4, 12))
    harness.ask(8)
    harness.replica("r2", became: .ready)
    try harness.put(served(2, 4, 12))
    #expect(harness.started == ["r3", "r4"] && !harness.machine.keepsServing(served(1, 4, 12).launch.key))
    harness.replica("r3", became: .ready)
    #expect(harness.machine.record.active?.version == 1)
    harness.replica("r4", became: .ready)
    #expect(harness.machine.record.active?.version == 2)
    #expect(harness.states == ["r1": .draining, "r2": .draining, "r3": .ready, "r4": .ready])
  }

  @Test func `a new version starts with as many replicas as it replaces, even while there are few requests`() throws {
    var harness = try Harness(serving: served(1, 4, 12))
    harness.ask(8)
    harness.replica("r2", became: .ready)
    harness.ask(1, after: .seconds(60))
    try harness.put(served(2, 4, 12))
    #expect(harness.started == ["r3", "r4"])
    for id in ["r3", "r4"] { harness.replica(id, became: .ready) }
    #expect(harness.machine.record.active?.version == 2)
    for id in ["r1", "r2"] { harness.replica(id, became: .stopped) }
    harness.ask(1, after: .seconds(299))
    #expect(harness.asked == [])
    harness.ask(1, after: .seconds(1))
    #expect(harness.drained == ["r3"])
  }

  @Test func `an entity that gets the traffic of another one has the replicas for it before the other one's end`()
    throws
  {
    let (half, other) = (served(1, 4, 12, traffic: 50), served(2, 4, 12, name: "other", traffic: 50))
    var harness = try Harness(serving: half, other)
    harness.load = RequestLoad(requests: ["main": 4, "other": 4])
    try harness.put(served(1, 4, 12))
    #expect(harness.machine.record.active?.version == 1)
    #expect(harness.started == ["r3"] && harness.drained == [])
    harness.replica("r3", became: .ready)
    #expect(harness.machine.record.active?.version == 2 && harness.drained.count == 1)
  }

  @Test func `a replica beyond the least number that fails delays only its own start, and the endpoint is well`()
    throws
  {
    var harness = try Harness(serving: served(1, 4, 8, scalesToZero: true))
    harness.ask(8)
    harness.replica("r2", failed: "out of memory")
    harness.now += .seconds(5)
    harness.check()
    #expect(harness.started == ["r3"])
    harness.replica("r3", failed: "out of memory")
    #expect(harness.machine.isReady && harness.machine.lastFailure(served(1, 4, 8, scalesToZero: true)) == nil)
    // The other one fails within the back-off, and is not delayed by it.
    harness.now += .seconds(1)
    harness.replica("r1", failed: "killed")
    harness.now += .seconds(5)
    harness.check()
    #expect(harness.started == ["r4"])
  }

  @Test func `after replicas beyond the least number failed, a sleeping endpoint is woken at once`() throws {
    var harness = try Harness(serving: served(1, 4, 8, scalesToZero: true))
    harness.ask(8)
    harness.replica("r2", failed: "out of memory")
    harness.now += .seconds(5)
    harness.check()
    harness.load = RequestLoad(idleFor: .seconds(60))
    harness.now += .seconds(60)
    harness.replica("r3", failed: "out of memory")
    #expect(harness.drained == ["r1"] && harness.machine.isReady)
    harness.replica("r1", became: .stopped)
    harness.load = RequestLoad(awaited: ["main"], requests: ["main": 1])
    harness.check()
    #expect(harness.started == ["r4"] && harness.machine.routing.unavailable == nil)
  }

  @Test func `a new version whose replicas beyond the least number do not start serves without them`() throws {
    var harness = try Harness(serving: served(1, 4, 8))
    harness.ask(8)
    harness.replica("r2", became: .ready)
    try harness.put(served(2, 4, 8))
    #expect(harness.started == ["r3", "r4"])
    harness.replica("r3", became: .ready)
    harness.replica("r4", failed: "out of memory")
    #expect(harness.machine.record.active?.version == 1)
    harness.now += .seconds(5)
    harness.check()
    #expect(harness.started == ["r5"])
    harness.replica("r5", failed: "out of memory")
    #expect(harness.machine.record.active?.version == 2 && harness.drained == ["r1", "r2"])
  }

  @Test func `a config of an earlier plane that allows more replicas than this plane has no more than those`() throws {
    let earlier = try Harness(serving: served(1, 4, 1024))
    var harness = Harness(earlier.machine.record, maximumReplicas: 3)
    harness.tick()
    harness.ask(1000)
    #expect(harness.machine.replicas.count == 3)
    #expect(harness.machine.scale.most(of: served(1, 4, 1024)) == 3)
  }

  @Test func `a new version without a place for all its replicas serves with the least number, and grows after that`()
    throws
  {
    var harness = try Harness(serving: served(1, 4, 8))
    harness.ask(8)
    harness.replica("r2", became: .ready)
    harness.room = 1
    try harness.put(served(2, 4, 8))
    #expect(harness.started == ["r3"])
    harness.room = 0
    harness.ask(8)
    #expect(harness.asked == [])
    harness.replica("r3", became: .ready)
    #expect(harness.machine.record.active?.version == 2)
    #expect(harness.drained == ["r1", "r2"])
    harness.room = 1
    harness.asked = []
    harness.replica("r1", became: .stopped)
    #expect(harness.started == ["r4"])
  }

  @Test func `a change of the bounds alone keeps what runs until the load has needed less for long enough`() throws {
    var harness = try Harness(serving: served(1, 12, 12))
    try harness.put(served(1, 4, 12))
    #expect(harness.machine.record.active?.version == 2)
    #expect(harness.states == ["r1": .ready, "r2": .ready, "r3": .ready])
    harness.ask(0)
    harness.ask(0, after: .seconds(300))
    #expect(harness.drained.count == 2)
  }

  @Test func `a wake starts one replica, and more follow as the load needs them`() throws {
    var harness = try Harness(serving: served(1, 4, 12, scalesToZero: true))
    harness.now += .seconds(60)
    harness.load = RequestLoad(idleFor: .seconds(60))
    harness.tick()
    #expect(harness.drained == ["r1"])
    harness.replica("r1", became: .stopped)
    harness.load = RequestLoad(idleFor: nil, awaited: ["main"], requests: ["main": 9])
    harness.tick()
    #expect(harness.started == ["r2"])
    harness.asked = []
    harness.replica("r2", became: .ready)
    #expect(harness.started == ["r3", "r4"])
  }

  @Test func `after a restart of the plane, the replicas that run stay until the load has needed less for long enough`()
    throws
  {
    let before = try Harness(serving: served(1, 4, 12))
    var harness = Harness(before.machine.record)
    for id in ["a", "b"] {
      harness.machine.adopt(Replica(id: id, launch: served(1, 4, 12).launch.key, state: .ready), harness.context)
    }
    harness.tick()
    #expect(harness.states == ["a": .ready, "b": .ready] && harness.started == [])
    harness.ask(0, after: .seconds(299))
    #expect(harness.drained == [])
    harness.ask(0, after: .seconds(1))
    #expect(harness.drained == ["a"])
  }

  @Test func `surplus replicas end for another endpoint, and start again once it has its place`() throws {
    var harness = try Harness(serving: served(1, 4, 12))
    harness.ask(8)
    harness.replica("r2", became: .ready)
    #expect(harness.machine.room(harness.load) { _ in true }.surplus == 1)
    harness.room = 0
    harness.sheds = 1
    harness.ask(12, at: ["r1": 4, "r2": 1])
    #expect(harness.asked == [.route, .drain(id: "r2")])
    harness.sheds = 0
    harness.ask(12)
    #expect(harness.started == [])
    #expect(harness.machine.room(harness.load) { _ in true }.freeing == 1, "the place is not kept for it")
    #expect(!harness.machine.room(harness.load) { _ in true }.isUrgent)
    harness.room = 1
    harness.ask(12)
    #expect(harness.started == ["r3"])
  }
}
