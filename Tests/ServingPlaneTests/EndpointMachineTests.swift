import Endpoints
import Scheduling
import Testing

@testable import ServingPlane

private typealias Harness = EndpointMachineHarness

struct EndpointMachineTests {
  @Test func `the forecast for a config is how the machine would begin its rollout`() throws {
    var harness = Harness()
    harness.room = 1
    try harness.put(served(1))
    harness.replica("r1", became: .ready)
    func forecast(_ version: Int) -> RolloutForecast {
      let config = PlaneConfig(version: 2, startTime: 0, entities: [served(version)])
      return harness.machine.forecast(of: config, harness.context, lastStart: .seconds(38))
    }
    #expect(forecast(2) == RolloutForecast(room: .both, lastStart: .seconds(38)))
    harness.room = 0
    #expect(forecast(2) == RolloutForecast(room: .swap, lastStart: .seconds(38)))
    harness.freeing = 1
    #expect(forecast(2) == RolloutForecast(room: .wait, lastStart: .seconds(38)))
    #expect(forecast(1) == RolloutForecast(room: .kept, lastStart: .seconds(38)), "it replaces no replica")
    harness.freeing = 0
    harness.places = 3
    let reason = forecast(2).refusal ?? ""
    #expect(reason.hasPrefix("served entity \"main\": not enough resources on this machine"), "\(reason)")
    #expect(forecast(2).failsAtOnce)
    harness.places = 1
    try harness.put(served(3))
    #expect(forecast(2) == RolloutForecast(), "an update is in progress")
  }

  @Test func `the reported cause is the one of the current failure`() throws {
    var harness = Harness()
    let entity = served(1)
    try harness.put(entity)
    harness.replica("r1", became: .ready)
    harness.now = .seconds(60)
    harness.replica("r1", failed: "out of memory", repeats: true)
    #expect(harness.machine.lastFailure(entity) == "out of memory")
    harness.tick(after: .seconds(30))
    let second = try #require(harness.started.first ?? harness.machine.replicas.keys.first)
    harness.replica(second, became: .ready)
    #expect(harness.machine.lastFailure(entity) == nil, "that cause is in the past")
    harness.now += .seconds(10)
    harness.replica(second, failed: "the engine is frozen", repeats: true)
    #expect(harness.machine.lastFailure(entity) == "the engine is frozen")
  }

  @Test func `of the replicas that start, the one that is closest to ready tells the phase`() throws {
    var harness = Harness()
    let entity = served(1, size: "Medium")
    try harness.put(entity)
    #expect(harness.started == ["r1", "r2"] && harness.machine.furthestStart(entity)?.phase == .starting)
    harness.replica("r2", became: .loading)
    #expect(harness.machine.furthestStart(entity)?.replica == "r2")
    harness.replica("r1", became: .warming)
    #expect(harness.machine.furthestStart(entity)?.replica == "r1")
    #expect(harness.machine.furthestStart(entity)?.phase == .warming)
    for id in ["r1", "r2"] { harness.replica(id, became: .ready) }
    #expect(harness.machine.furthestStart(entity)?.phase == nil && harness.machine.startPhase == nil)
    // One that is replaced after a crash, while requests wait for it.
    harness.replica("r1", failed: "it was killed", repeats: true)
    harness.replica("r2", failed: "it was killed", repeats: true)
    harness.tick(after: .seconds(60))
    let again = try #require(harness.started.first)
    #expect(harness.machine.startPhase == "starting")
    harness.replica(again, became: .warming)
    #expect(harness.machine.startPhase == "warming")
  }

  @Test func `a first config is recorded, started, and in force once every replica is ready`() throws {
    var harness = Harness()
    try harness.put(served(1, size: "Medium"))
    #expect(harness.asked.first == .save)
    #expect(harness.started == ["r1", "r2"])
    #expect(harness.machine.routing.unavailable?.contains("being deployed") == true)
    harness.replica("r1", became: .starting)
    harness.replica("r1", became: .ready)
    #expect(harness.machine.record.active == nil)
    #expect(!harness.machine.isReady)
    harness.replica("r2", became: .ready)
    #expect(harness.asked == [.save, .route])
    #expect(harness.machine.record.active?.version == 1)
    #expect(harness.machine.record.update == .none)
    #expect(harness.machine.isReady)
    #expect(harness.machine.routing.targets.map(\.replica) == ["r1", "r2"])
  }

  @Test func `a switch routes to the new replicas before it drains the old ones`() throws {
    var harness = Harness()
    try harness.put(served(1))
    harness.replica("r1", became: .ready)
    try harness.put(served(2))
    #expect(harness.started == ["r2"])
    #expect(harness.machine.routing.targets.map(\.replica) == ["r1"])
    harness.replica("r2", became: .ready)
    #expect(harness.asked == [.save, .route, .drain(id: "r1")])
    #expect(harness.machine.routing.targets.map(\.replica) == ["r2"])
    #expect(harness.states == ["r1": .draining, "r2": .ready])
    // What the old one reports while it stops changes nothing.
    harness.replica("r1", became: .ready)
    #expect(harness.states["r1"] == .draining)
    harness.replica("r1", failed: "it fell over while it drained")
    #expect(harness.states == ["r2": .ready])
    #expect(harness.started == [])
  }

  @Test func `a failed target is given up, its replicas stop, and the old config keeps serving`() throws {
    var harness = Harness()
    try harness.put(served(1))
    harness.replica("r1", became: .ready)
    try harness.put(served(2, name: "a", size: "Medium", traffic: 100), served(3, name: "b", traffic: 0))
    #expect(harness.started == ["r2", "r3", "r4"])
    harness.replica("r2", became: .ready)
    let broken = harness.machine.replicas.values.first { $0.launch.hasPrefix("hello/3/") }?.id ?? ""
    harness.replica(broken, failed: "broken weights")
    guard case .failed(let target, let entity, let reason) = harness.machine.record.update else {
      Issue.record("the update did not fail")
      return
    }
    #expect(target.version == 2)
    #expect(entity == "b")
    #expect(reason == "broken weights")
    #expect(harness.machine.record.active?.version == 1)
    #expect(harness.machine.routing.targets.map(\.replica) == ["r1"])
    #expect(harness.asked.contains(.save))
    #expect(harness.asked.contains(.drain(id: "r2")))
    #expect(harness.states["r1"] == .ready)
    // The failure stays; the next config is attempted, even if it is the same.
    harness.tick(after: .seconds(3600))
    #expect(harness.machine.record.update.target == nil)
    try harness.put(served(3, name: "b"))
    #expect(harness.started.count == 1)
    #expect(harness.machine.record.update.target?.version == 3)
  }

  @Test func `a temporary failure is retried before the target is given up`() throws {
    var harness = Harness()
    try harness.put(served(1))
    harness.replica("r1", failed: "the port was taken", repeats: true)
    #expect(harness.machine.record.update.target != nil)
    #expect(harness.started == [])
    #expect(harness.machine.lookAgainAt == .seconds(5))
    harness.tick(after: .seconds(5))
    #expect(harness.started == ["r2"])
    harness.replica("r2", became: .ready)
    #expect(harness.machine.record.active?.version == 1)
  }

  @Test func `an update in progress refuses another one`() throws {
    var harness = Harness()
    try harness.put(served(1))
    #expect { try harness.put(served(2)) } throws: { ($0 as? APIError)?.code == "RESOURCE_CONFLICT" }
    #expect(harness.machine.record.update.target?.version == 1)
    #expect(harness.machine.record.nextVersion == 2)
  }

  @Test func `a crash while serving is restarted with growing delays, and never fails the config`() throws {
    var harness = Harness()
    try harness.put(served(1))
    harness.replica("r1", became: .ready)
    var waits: [Duration] = []
    for round in 1...4 {
      harness.now += .seconds(1)
      harness.replica("r\(round)", failed: "it died")
      #expect(harness.machine.routing.targets == [])
      #expect(harness.machine.routing.unavailable == nil)
      let again = try #require(harness.machine.lookAgainAt)
      waits.append(again - harness.now)
      harness.tick(after: again - harness.now)
      #expect(harness.started == ["r\(round + 1)"])
      harness.replica("r\(round + 1)", became: .ready)
    }
    #expect(waits == [.seconds(5), .seconds(10), .seconds(20), .seconds(40)])
    #expect(harness.machine.record.update == .none)
    #expect(harness.machine.record.active?.version == 1)
  }

  @Test func `a change of traffic, names or sizes keeps the running replicas`() throws {
    var harness = Harness()
    try harness.put(served(1, name: "a", traffic: 100), served(2, name: "b", traffic: 0))
    harness.replica("r1", became: .ready)
    harness.replica("r2", became: .ready)
    try harness.put(served(1, name: "x", traffic: 10), served(2, name: "b", traffic: 90))
    #expect(harness.asked == [.save, .save, .route] || harness.asked == [.save, .route])
    #expect(harness.machine.record.active?.version == 2)
    #expect(harness.machine.routing.shares.map(\.weight) == [10, 90])
    #expect(Set(harness.machine.routing.targets.map(\.entity)) == ["x", "b"])
    #expect(harness.states.count == 2)
    // A different environment is a different launch.
    try harness.put(served(1, name: "x", traffic: 10, environment: ["A": "1"]), served(2, name: "b", traffic: 90))
    #expect(harness.started == ["r3"])
  }

  @Test func `a launch key distinguishes launches and contains no values`() {
    let one = served(1, environment: ["TOKEN": "hunter2"]).launch
    #expect(one.key == served(1, name: "other", size: "Large", environment: ["TOKEN": "hunter2"]).launch.key)
    #expect(one.key != served(1, environment: ["TOKEN": "hunter3"]).launch.key)
    #expect(one.key != served(2, environment: ["TOKEN": "hunter2"]).launch.key)
    #expect(!one.key.contains("hunter2"))
  }

  @Test func `a replica that was told to stop is told again at each check until it ends`() throws {
    var harness = Harness()
    try harness.put(served(1))
    harness.replica("r1", became: .ready)
    try harness.put(served(2))
    #expect(!harness.machine.isDue(now: harness.now))
    harness.replica("r2", became: .ready)
    #expect(harness.asked.contains(.drain(id: "r1")))
    for _ in 0..<3 {
      #expect(harness.machine.isDue(now: harness.now))
      harness.tick(after: .seconds(1))
      #expect(harness.asked == [.drain(id: "r1")])
    }
    harness.replica("r1", became: .stopping)
    harness.tick(after: .seconds(1))
    #expect(harness.asked == [.stop(id: "r1")])
    harness.replica("r1", became: .stopped)
    harness.tick(after: .seconds(1))
    #expect(harness.asked == [])
    #expect(!harness.machine.isDue(now: harness.now))
  }

  @Test func `in thousands of random event orders, an unwanted replica is always told to stop`() throws {
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<3000 {
      var harness = Harness()
      try harness.put(served(1))
      harness.replica("r1", became: .ready)
      var told: Set<String> = []
      func note() { for case .stop(let id) in harness.asked { told.insert(id) } }
      // A target whose one replica becomes ready at the very moment at which the other one fails.
      try harness.put(served(2, name: "a", traffic: 100), served(3, name: "b", traffic: 0))
      let (good, bad) = (harness.started[0], harness.started[1])
      for step in [0, 1].shuffled(using: &generator) {
        if step == 0 { harness.replica(good, became: .ready) } else { harness.replica(bad, failed: "broken") }
        note()
        for case .drain(let id) in harness.asked { told.insert(id) }
      }
      #expect(told == [good])
      harness.replica(good, became: .ready)
      harness.tick(after: .seconds(1))
      #expect(harness.asked == [.drain(id: good)] || harness.asked == [.stop(id: good)])
      harness.replica(good, became: .stopped)
      #expect(harness.states == ["r1": .ready])
    }
  }
}
