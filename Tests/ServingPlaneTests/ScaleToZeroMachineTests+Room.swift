import Scheduling
import Testing

@testable import ServingPlane

// Endpoints that share the places of the machine.
extension ScaleToZeroMachineTests {
  @Test func `a wake without a free GPU ends with its demand`() throws {
    var harness = try Harness.asleep(served(1))
    harness.room = 0
    harness.ask("main")
    #expect(harness.started == [] && harness.machine.startPhase == "waiting for room")
    harness.check()
    #expect(!harness.isAsleep, "the request still waits")
    // Its client leaves.
    harness.endRequests()
    harness.check()
    #expect(harness.isAsleep && harness.asked.contains(.save))
    harness.room = 1
    harness.idle(for: .seconds(3600))
    #expect(harness.started == [], "nobody asks for it")
    harness.ask("main")
    #expect(harness.started.count == 1)
  }

  @Test func `a wake without a free GPU, for a share of the traffic, lasts as long as there is traffic`() throws {
    var harness = Harness()
    try harness.put(served(1, name: "a", traffic: 90), served(2, name: "b", traffic: 10, scalesToZero: false))
    for id in harness.started { harness.replica(id, became: .ready) }
    harness.idle(for: .seconds(60))
    let old = harness.states.first { $0.value == .draining }?.key ?? ""
    harness.replica(old, became: .stopped)
    harness.room = 0
    harness.now += .seconds(1)
    harness.load = RequestLoad(idleFor: .milliseconds(10))
    harness.check()
    #expect(!harness.isAsleep && harness.started == [])
    harness.idle(for: .seconds(59))
    #expect(!harness.isAsleep)
    harness.idle(for: .seconds(1))
    #expect(harness.isAsleep && harness.started == [])
  }

  @Test func `an endpoint whose place another one needs is stopped in order, and its requests wake it again`() throws {
    var harness = Harness()
    try harness.put(served(1))
    harness.replica("r1", became: .ready)
    harness.load = RequestLoad(idleFor: nil)
    harness.giveUp()
    #expect(harness.asked == [.save, .route, .drain(id: "r1")] && harness.isAsleep)
    harness.room = 0
    harness.ask("main")
    #expect(harness.started == [] && harness.machine.startPhase == "waiting for room")
    harness.replica("r1", became: .stopped)
    #expect(harness.started == [], "the place is the other one's")
    harness.room = 1
    harness.check()
    #expect(harness.started == ["r2"])
  }

  @Test func `the machine knows why it stops a replica`() throws {
    var harness = Harness()
    try harness.put(served(1))
    harness.replica("r1", became: .ready)
    harness.idle(for: .seconds(60))
    #expect(harness.machine.stopReasons == ["r1": "scaled to zero"])
    harness.replica("r1", became: .stopped)
    #expect(harness.machine.stopReasons.isEmpty)
    try harness.put(served(2))
    harness.replica("r2", became: .ready)
    harness.giveUp()
    #expect(harness.machine.stopReasons == ["r2": "gave its place to another endpoint"])
    harness.giveUp(to: "wiki")
    #expect(harness.machine.stopReasons == ["r2": "gave its place to another endpoint"], "the first reason counts")
    harness.replica("r2", became: .stopped)
    try harness.put(served(3))
    harness.replica("r3", became: .ready)
    harness.giveUp(to: "wiki")
    #expect(harness.machine.stopReasons == ["r3": "gave its place to endpoint \"wiki\""])
  }

  @Test func `the machine knows which config replaces a replica, and which one failed`() throws {
    var harness = Harness()
    try harness.put(served(1))
    harness.replica("r1", became: .ready)
    try harness.put(served(2))
    harness.replica("r2", became: .ready)
    #expect(harness.machine.stopReasons == ["r1": "replaced by config version 2"])
    harness.replica("r1", became: .stopped)
    harness.room = 0
    try harness.put(served(3))
    #expect(harness.machine.stopReasons == ["r2": "made room for config version 3"])
    var failing = Harness()
    try failing.put(served(1))
    failing.replica("r1", became: .ready)
    try failing.put(served(2, size: "Medium"))
    failing.replica("r2", failed: "out of memory")
    failing.idle(for: .seconds(5))
    let last = failing.started.first ?? ""
    failing.replica(last, failed: "out of memory")
    #expect(failing.machine.stopReasons == ["r3": "config version 2 failed to deploy"])
  }

  @Test func `an endpoint that does not scale to zero, or is being updated, does not give its place up`() throws {
    var kept = Harness()
    try kept.put(served(1, scalesToZero: false))
    kept.replica("r1", became: .ready)
    kept.giveUp()
    #expect(kept.asked == [] && kept.states == ["r1": .ready])
    var updating = Harness()
    try updating.put(served(1))
    updating.replica("r1", became: .ready)
    try updating.put(served(2))
    updating.giveUp()
    #expect(updating.states["r1"] == .ready && !updating.isAsleep)
  }

  @Test func `the machine's planner learns when an endpoint was woken, until a config is activated`() throws {
    var harness = try Harness.asleep(served(1))
    #expect(harness.machine.room(harness.load) { _ in true }.wokenAt == nil)
    harness.ask("main")
    #expect(harness.machine.room(harness.load) { _ in true }.wokenAt == nil, "it is starting")
    harness.replica("r2", became: .ready)
    #expect(harness.machine.room(harness.load) { _ in true }.wokenAt == harness.now)
    harness.endRequests()
    try harness.put(served(2))
    harness.replica("r3", became: .ready)
    #expect(harness.machine.record.active?.version == 2)
    #expect(harness.machine.room(harness.load) { _ in true }.wokenAt == nil)
  }

  @Test func `an endpoint with two sleeping entities waits for one place at a time`() throws {
    var harness = Harness()
    try harness.put(served(1, name: "a", traffic: 50), served(2, name: "b", traffic: 50))
    for id in harness.started { harness.replica(id, became: .ready) }
    harness.idle(for: .seconds(60))
    for id in harness.states.keys.sorted() { harness.replica(id, became: .stopped) }
    harness.room = 0
    harness.load = RequestLoad(idleFor: nil, awaited: ["a", "b"])
    harness.check()
    let room = harness.machine.room(harness.load) { _ in true }
    #expect(harness.machine.roomUse.withoutRoom.count == 2)
    #expect(room.lacking == 1 && room.isUrgent)
  }

  @Test func `a wake that waits for room ends when nobody waits for it any more`() throws {
    var harness = try Harness.asleep(served(1))
    harness.room = 0
    harness.ask("main")
    #expect(harness.machine.roomUse.waitingSince == harness.now)
    harness.endRequests()
    harness.check()
    #expect(harness.isAsleep && harness.machine.roomUse.waitingSince == nil)
    harness.room = 1
    harness.check()
    #expect(harness.started == [])
  }

  @Test func `a first start waits for room that another endpoint can free, and fails if none can`() throws {
    var waiting = Harness()
    waiting.room = 0
    waiting.reclaimable = 1
    try waiting.put(served(1))
    #expect(waiting.started == [] && waiting.machine.record.update.target != nil)
    #expect(waiting.machine.room(waiting.load) { _ in true }.isUrgent)
    waiting.room = 1
    waiting.check()
    #expect(waiting.started == ["r1"])
    var failing = Harness()
    failing.room = 0
    try failing.put(served(1))
    guard case .failed = failing.machine.record.update else {
      Issue.record("it waits for room that nobody can free")
      return
    }
  }

  @Test func `a replica that is replaced without room for both leaves its place to the new one, and gets it back`()
    throws
  {
    var harness = Harness()
    harness.room = 1
    try harness.put(served(1))
    harness.room = 0
    harness.replica("r1", became: .ready)
    try harness.put(served(2))
    #expect(harness.asked.contains(.drain(id: "r1")) && harness.machine.routing.unavailable == nil)
    #expect(harness.machine.room(harness.load) { _ in true }.freeing == 0)
    #expect(harness.machine.room(harness.load) { $0 != "r1" }.kept == 1)
    harness.room = 1
    harness.replica("r1", became: .stopped)
    #expect(harness.started == ["r2"] && harness.machine.startPhase == "starting")
    harness.replica("r2", failed: "broken weights")
    #expect(harness.machine.room(harness.load) { _ in true }.kept == 1)
    harness.idle(for: .seconds(5))
    harness.replica("r3", failed: "broken weights")
    #expect(harness.started == ["r4"] && harness.machine.replicas["r4"]?.launch == served(1).launch.key)
    #expect(harness.machine.record.active?.version == 1)
  }
}
