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

  init(_ record: EndpointRecord? = nil) {
    let new = EndpointRecord(
      id: "e", name: "chat", creator: "me", created: 0, updated: 0, description: "", tags: [:])
    machine = EndpointMachine(
      record ?? new, scaling: ScalePolicy(scaleDownAfter: .seconds(300)), idleAfter: .seconds(60))
  }

  /// A ready endpoint.
  init(serving entity: PlaneEntity) throws {
    self.init()
    try put(entity)
    for id in started { replica(id, became: .ready) }
  }

  var context: EndpointMachine.EventContext {
    EndpointMachine.EventContext(
      now: now, wall: 1000, room: room, sheds: sheds, load: knownLoad
    ) { [counter] in
      counter.value += 1
      return "r\(counter.value)"
    }
  }

  /// What the plane knows: also what a replica of each launch takes.
  private var knownLoad: RequestLoad {
    var known = load
    for entity in machine.configs.flatMap(\.entities) where entity.followsLoad {
      known.capacities[entity.launch.key] = 4
    }
    return known
  }

  mutating func put(_ entities: PlaneEntity...) throws(APIError) {
    let version = machine.record.nextVersion
    asked = try machine.put(PlaneConfig(version: version, startTime: 0, entities: entities), context)
  }

  mutating func replica(_ id: String, became state: ReplicaState) {
    asked += machine.replica(id, became: state, context)
  }

  /// Lets a number of requests wait or be in flight, and the machine look if it has a reason to.
  mutating func ask(_ requests: Int, at replicas: [String: Int] = [:], after time: Duration = .zero) {
    now += time
    asked = []
    load = RequestLoad(
      idleFor: requests == 0 ? .zero : nil, requests: requests == 0 ? [:] : ["main": requests], inFlight: replicas)
    if machine.isDue(now: now, load: knownLoad) { tick() }
  }

  mutating func tick() { asked = machine.tick(context) }

  var started: [String] { asked.compactMap { if case .start(let id, _, _) = $0 { id } else { nil } } }
  var drained: [String] { asked.compactMap { if case .drain(let id) = $0 { id } else { nil } } }
  var states: [String: ReplicaState] { machine.replicas.mapValues(\.state) }
}

/// An entity that is sized by concurrency, four to a replica.
private func served(_ version: Int, _ least: Int, _ most: Int, scalesToZero: Bool = false) -> PlaneEntity {
  PlaneEntity(
    name: "main", entityName: "hello", entityVersion: version, task: "llm/v1/chat", workloadType: "CPU",
    workloadSize: nil, minConcurrency: least, maxConcurrency: most, scaleToZero: scalesToZero, environment: [:],
    traffic: 100, created: 0)
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
    #expect(harness.started == ["r3"])
    harness.ask(8)
    #expect(harness.started == ["r4"])
    harness.replica("r3", became: .ready)
    #expect(harness.machine.record.active?.version == 1)
    harness.replica("r4", became: .ready)
    #expect(harness.machine.record.active?.version == 2)
    #expect(harness.states == ["r1": .draining, "r2": .draining, "r3": .ready, "r4": .ready])
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
