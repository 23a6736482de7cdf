import Scheduling
import Testing

@testable import ServingPlane

/// A machine and its simulated world: time, ids, and what was requested of the shell.
private struct Stage {
  var machine: EndpointMachine
  var now: Duration = .zero
  var room: Int?
  var freeing = 0
  var places = 1
  var asked: [EndpointMachine.Action] = []
  private let counter = Counter()

  private final class Counter { var value = 0 }

  init() {
    let record = EndpointRecord(
      id: "e", name: "chat", creator: "me", created: 0, updated: 0, description: "", tags: [:])
    machine = EndpointMachine(
      record, planner: ReplicaPlanner(backoff: Backoff(first: .seconds(5), cap: .seconds(60), jitter: 0)))
  }

  var moment: EndpointMachine.Moment {
    EndpointMachine.Moment(
      now: now, wall: 1000 + now.components.seconds, room: room, freeing: freeing, places: { [places] _ in places }
    ) { [counter] in
      counter.value += 1
      return "r\(counter.value)"
    }
  }

  mutating func put(_ entities: PlaneEntity...) throws(APIError) {
    let version = machine.record.nextVersion
    asked = try machine.put(PlaneConfig(version: version, startTime: 0, entities: entities), moment)
  }

  mutating func replica(_ id: String, became state: ReplicaState) {
    asked = machine.replica(id, became: state, moment)
  }

  mutating func replica(_ id: String, failed explanation: String, repeats: Bool = false) {
    asked = machine.replica(
      id, failed: ReplicaFailure(explanation, isWorthRepeating: repeats), chance: 0.5, moment)
  }

  mutating func look(after time: Duration) {
    now += time
    asked = machine.look(moment)
  }

  var started: [String] { asked.compactMap { if case .start(let id, _, _) = $0 { id } else { nil } } }
  var states: [String: ReplicaState] { machine.replicas.mapValues(\.state) }
}

private func served(
  _ version: Int, name: String = "main", size: String = "Small", traffic: Int = 100, environment: [String: String] = [:]
) -> PlaneEntity {
  PlaneEntity(
    name: name, entityName: "hello", entityVersion: version, task: "llm/v1/chat", workloadType: "CPU",
    workloadSize: size,
    minConcurrency: nil, maxConcurrency: nil, scaleToZero: false, environment: environment, traffic: traffic, created: 0
  )
}

struct EndpointMachineTests {
  @Test func `the reported cause is the one of the current failure`() throws {
    var stage = Stage()
    let entity = served(1)
    try stage.put(entity)
    stage.replica("r1", became: .ready)
    stage.now = .seconds(60)
    stage.replica("r1", failed: "out of memory", repeats: true)
    #expect(stage.machine.lastFailure(entity) == "out of memory")
    stage.look(after: .seconds(30))
    let second = try #require(stage.started.first ?? stage.machine.replicas.keys.first)
    stage.replica(second, became: .ready)
    #expect(stage.machine.lastFailure(entity) == nil, "that cause is in the past")
    stage.now += .seconds(10)
    stage.replica(second, failed: "the engine is frozen", repeats: true)
    #expect(stage.machine.lastFailure(entity) == "the engine is frozen")
  }

  @Test func `a first config is recorded, started, and in force once every replica is ready`() throws {
    var stage = Stage()
    try stage.put(served(1, size: "Medium"))
    #expect(stage.asked.first == .save)
    #expect(stage.started == ["r1", "r2"])
    #expect(stage.machine.routing.unavailable?.contains("being deployed") == true)
    stage.replica("r1", became: .starting)
    stage.replica("r1", became: .ready)
    #expect(stage.machine.record.active == nil)
    #expect(!stage.machine.isReady)
    stage.replica("r2", became: .ready)
    #expect(stage.asked == [.save, .route])
    #expect(stage.machine.record.active?.version == 1)
    #expect(stage.machine.record.update == .none)
    #expect(stage.machine.isReady)
    #expect(stage.machine.routing.targets.map(\.replica) == ["r1", "r2"])
  }

  @Test func `a switch routes to the new replicas before it drains the old ones`() throws {
    var stage = Stage()
    try stage.put(served(1))
    stage.replica("r1", became: .ready)
    try stage.put(served(2))
    #expect(stage.started == ["r2"])
    #expect(stage.machine.routing.targets.map(\.replica) == ["r1"])
    stage.replica("r2", became: .ready)
    #expect(stage.asked == [.save, .route, .drain(id: "r1")])
    #expect(stage.machine.routing.targets.map(\.replica) == ["r2"])
    #expect(stage.states == ["r1": .draining, "r2": .ready])
    // What the old one reports while it stops changes nothing.
    stage.replica("r1", became: .ready)
    #expect(stage.states["r1"] == .draining)
    stage.replica("r1", failed: "it fell over while it drained")
    #expect(stage.states == ["r2": .ready])
    #expect(stage.started == [])
  }

  @Test func `a failed target is given up, its replicas stop, and the old config keeps serving`() throws {
    var stage = Stage()
    try stage.put(served(1))
    stage.replica("r1", became: .ready)
    try stage.put(served(2, name: "a", size: "Medium", traffic: 100), served(3, name: "b", traffic: 0))
    #expect(stage.started == ["r2", "r3", "r4"])
    stage.replica("r2", became: .ready)
    let broken = stage.machine.replicas.values.first { $0.launch.hasPrefix("hello/3/") }?.id ?? ""
    stage.replica(broken, failed: "broken weights")
    guard case .failed(let target, let entity, let reason) = stage.machine.record.update else {
      Issue.record("the update did not fail")
      return
    }
    #expect(target.version == 2)
    #expect(entity == "b")
    #expect(reason == "broken weights")
    #expect(stage.machine.record.active?.version == 1)
    #expect(stage.machine.routing.targets.map(\.replica) == ["r1"])
    #expect(stage.asked.contains(.save))
    #expect(stage.asked.contains(.drain(id: "r2")))
    #expect(stage.states["r1"] == .ready)
    // The failure stays; the next config is attempted, even if it is the same.
    stage.look(after: .seconds(3600))
    #expect(stage.machine.record.update.target == nil)
    try stage.put(served(3, name: "b"))
    #expect(stage.started.count == 1)
    #expect(stage.machine.record.update.target?.version == 3)
  }

  @Test func `a temporary failure is retried before the target is given up`() throws {
    var stage = Stage()
    try stage.put(served(1))
    stage.replica("r1", failed: "the port was taken", repeats: true)
    #expect(stage.machine.record.update.target != nil)
    #expect(stage.started == [])
    #expect(stage.machine.lookAgainAt == .seconds(5))
    stage.look(after: .seconds(5))
    #expect(stage.started == ["r2"])
    stage.replica("r2", became: .ready)
    #expect(stage.machine.record.active?.version == 1)
  }

  @Test func `an update in progress refuses another one`() throws {
    var stage = Stage()
    try stage.put(served(1))
    #expect { try stage.put(served(2)) } throws: { ($0 as? APIError)?.code == "RESOURCE_CONFLICT" }
    #expect(stage.machine.record.update.target?.version == 1)
    #expect(stage.machine.record.nextVersion == 2)
  }

  @Test func `a crash while serving is restarted with growing delays, and never fails the config`() throws {
    var stage = Stage()
    try stage.put(served(1))
    stage.replica("r1", became: .ready)
    var waits: [Duration] = []
    for round in 1...4 {
      stage.now += .seconds(1)
      stage.replica("r\(round)", failed: "it died")
      #expect(stage.machine.routing.targets == [])
      #expect(stage.machine.routing.unavailable == nil)
      let again = try #require(stage.machine.lookAgainAt)
      waits.append(again - stage.now)
      stage.look(after: again - stage.now)
      #expect(stage.started == ["r\(round + 1)"])
      stage.replica("r\(round + 1)", became: .ready)
    }
    #expect(waits == [.seconds(5), .seconds(10), .seconds(20), .seconds(40)])
    #expect(stage.machine.record.update == .none)
    #expect(stage.machine.record.active?.version == 1)
  }

  @Test func `a change of traffic, names or sizes keeps the running replicas`() throws {
    var stage = Stage()
    try stage.put(served(1, name: "a", traffic: 100), served(2, name: "b", traffic: 0))
    stage.replica("r1", became: .ready)
    stage.replica("r2", became: .ready)
    try stage.put(served(1, name: "x", traffic: 10), served(2, name: "b", traffic: 90))
    #expect(stage.asked == [.save, .save, .route] || stage.asked == [.save, .route])
    #expect(stage.machine.record.active?.version == 2)
    #expect(stage.machine.routing.shares.map(\.weight) == [10, 90])
    #expect(Set(stage.machine.routing.targets.map(\.entity)) == ["x", "b"])
    #expect(stage.states.count == 2)
    // A different environment is a different launch.
    try stage.put(served(1, name: "x", traffic: 10, environment: ["A": "1"]), served(2, name: "b", traffic: 90))
    #expect(stage.started == ["r3"])
  }

  @Test func `if the machine has no room for both, the old replica is stopped first`() throws {
    var stage = Stage()
    stage.room = 1
    try stage.put(served(1))
    stage.room = 0
    stage.replica("r1", became: .ready)
    try stage.put(served(2))
    #expect(stage.started == [])
    #expect(stage.asked.contains(.drain(id: "r1")))
    // Requests wait for the new one instead of being refused.
    #expect(stage.machine.routing.unavailable == nil)
    #expect(stage.machine.withoutRoom.count == 1)
    stage.room = 1
    stage.replica("r1", became: .stopped)
    #expect(stage.started == ["r2"])
    stage.replica("r2", became: .ready)
    #expect(stage.machine.record.active?.version == 2)
  }

  @Test func `a launch key distinguishes launches and contains no values`() {
    let one = served(1, environment: ["TOKEN": "hunter2"]).launch
    #expect(one.key == served(1, name: "other", size: "Large", environment: ["TOKEN": "hunter2"]).launch.key)
    #expect(one.key != served(1, environment: ["TOKEN": "hunter3"]).launch.key)
    #expect(one.key != served(2, environment: ["TOKEN": "hunter2"]).launch.key)
    #expect(!one.key.contains("hunter2"))
  }

  @Test func `a replica that was told to stop is told again at each check until it ends`() throws {
    var stage = Stage()
    try stage.put(served(1))
    stage.replica("r1", became: .ready)
    try stage.put(served(2))
    #expect(!stage.machine.isDue(now: stage.now))
    stage.replica("r2", became: .ready)
    #expect(stage.asked.contains(.drain(id: "r1")))
    for _ in 0..<3 {
      #expect(stage.machine.isDue(now: stage.now))
      stage.look(after: .seconds(1))
      #expect(stage.asked == [.drain(id: "r1")])
    }
    stage.replica("r1", became: .stopping)
    stage.look(after: .seconds(1))
    #expect(stage.asked == [.stop(id: "r1")])
    stage.replica("r1", became: .stopped)
    stage.look(after: .seconds(1))
    #expect(stage.asked == [])
    #expect(!stage.machine.isDue(now: stage.now))
  }

  @Test func `in thousands of random event orders, an unwanted replica is always told to stop`() throws {
    var dice = SystemRandomNumberGenerator()
    for _ in 0..<3000 {
      var stage = Stage()
      try stage.put(served(1))
      stage.replica("r1", became: .ready)
      var told: Set<String> = []
      func note() { for case .stop(let id) in stage.asked { told.insert(id) } }
      // A target whose one replica becomes ready at the very moment at which the other one fails.
      try stage.put(served(2, name: "a", traffic: 100), served(3, name: "b", traffic: 0))
      let (good, bad) = (stage.started[0], stage.started[1])
      for step in [0, 1].shuffled(using: &dice) {
        if step == 0 { stage.replica(good, became: .ready) } else { stage.replica(bad, failed: "broken") }
        note()
        for case .drain(let id) in stage.asked { told.insert(id) }
      }
      #expect(told == [good])
      stage.replica(good, became: .ready)
      stage.look(after: .seconds(1))
      #expect(stage.asked == [.drain(id: good)] || stage.asked == [.stop(id: good)])
      stage.replica(good, became: .stopped)
      #expect(stage.states == ["r1": .ready])
    }
  }

  @Test func `the room for a new endpoint is computed from its own config`() throws {
    var stage = Stage()
    stage.room = 3
    stage.places = 4
    try stage.put(served(1))
    #expect(stage.started == [])
    guard case .failed(_, _, let reason) = stage.machine.record.update else {
      Issue.record("it was started without room")
      return
    }
    #expect(reason.contains("1 more GPU is needed"))
    // GPUs that others are about to release are waited for.
    stage.freeing = 1
    try stage.put(served(1))
    #expect(stage.started == [])
    #expect(stage.machine.withoutRoom.count == 1)
    stage.freeing = 0
    stage.room = 4
    stage.look(after: .seconds(1))
    #expect(stage.started == ["r1"])
  }
}
