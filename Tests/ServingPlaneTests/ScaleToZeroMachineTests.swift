import Endpoints
import Scheduling
import Testing

@testable import ServingPlane

/// A machine whose endpoint is idle unless a test says otherwise. Its time begins at zero.
private struct Harness {
  var machine: EndpointMachine
  var now: Duration = .zero
  var load = RequestLoad(idleFor: .zero)
  var room: Int?
  /// Places that other endpoints may free.
  var reclaimable = 0
  var asked: [EndpointMachine.Action] = []
  private let counter = Counter()

  private final class Counter { var value = 0 }

  init(_ record: EndpointRecord? = nil) {
    let new = EndpointRecord(
      id: "e", name: "chat", creator: "me", created: 0, updated: 0, description: "", tags: [:])
    machine = Self.machine(record ?? new)
  }

  private static func machine(_ record: EndpointRecord) -> EndpointMachine {
    EndpointMachine(
      record, planner: ReplicaPlanner(backoff: Backoff(first: .seconds(5), cap: .seconds(60), jitter: 0)),
      idleAfter: .seconds(60))
  }

  private var context: EndpointMachine.EventContext { makeContext(givesUp: false) }

  private func makeContext(givesUp: Bool) -> EndpointMachine.EventContext {
    EndpointMachine.EventContext(
      now: now, wall: 1000, room: room, reclaimable: reclaimable, givesUp: givesUp, load: load
    ) { [counter] in
      counter.value += 1
      return "r\(counter.value)"
    }
  }

  /// Lets another endpoint need the places of what scales to zero.
  mutating func giveUp() { asked = machine.tick(makeContext(givesUp: true)) }

  mutating func put(_ entities: PlaneEntity...) throws(APIError) {
    let version = machine.record.nextVersion
    asked = try machine.put(PlaneConfig(version: version, startTime: 0, entities: entities), context)
  }

  mutating func replica(_ id: String, became state: ReplicaState) {
    asked = machine.replica(id, became: state, context)
  }

  mutating func replica(_ id: String, failed explanation: String) {
    asked = machine.replica(
      id, failed: ReplicaFailure(explanation, isWorthRepeating: true), chance: 0.5, context)
  }

  /// Lets time pass without a request, and the machine look if it has a reason to.
  mutating func idle(for time: Duration) {
    now += time
    load = RequestLoad(idleFor: (load.idleFor ?? .zero) + time)
    look()
  }

  /// Lets a request wait for a replica of an entity.
  mutating func ask(_ entity: String) {
    load = RequestLoad(idleFor: nil, awaited: [entity])
    look()
  }

  /// Ends all requests.
  mutating func answer() { load = RequestLoad(idleFor: .zero) }

  /// Kills the plane, and starts it again.
  mutating func restart() {
    let living = machine.replicas.values.filter { !$0.state.isOver }
    machine = Self.machine(machine.record)
    answer()
    for replica in living {
      let state: ReplicaState = replica.state.isComing ? .starting : .ready
      machine.adopt(Replica(id: replica.id, launch: replica.launch, state: state), context)
    }
    resume()
  }

  /// Lets one of the things happen that may happen to a sleeping endpoint.
  mutating func step(_ number: Int) {
    let coming = states.filter { $0.value.isComing }.keys.min()
    switch number {
    case 0: if states.values.contains(.ready) { answer() } else { ask("main") }
    case 1:
      guard load.awaited.isEmpty else {
        now += .seconds(60)
        return look()
      }
      idle(for: .seconds(60))
    case 2: if let coming { replica(coming, became: .ready) }
    case 3: if let coming { replica(coming, failed: "out of memory") }
    case 4: for id in states.filter({ $0.value.isLeaving }).keys { replica(id, became: .stopped) }
    default: restart()
    }
    // Whoever waited is answered, or refused.
    if states.values.contains(.ready) || machine.routing.unavailable != nil { if load.idleFor == nil { answer() } }
  }

  /// What a plane does with each endpoint at its start.
  mutating func resume() { asked = machine.tick(context) }

  mutating func look() { asked = machine.isDue(now: now, load: load) ? machine.tick(context) : [] }

  /// A ready endpoint that has fallen asleep.
  static func asleep(_ entity: PlaneEntity) throws -> Harness {
    var harness = Harness()
    try harness.put(entity)
    for id in harness.started { harness.replica(id, became: .ready) }
    let running = harness.machine.replicas.keys.sorted()
    harness.idle(for: .seconds(60))
    for id in running { harness.replica(id, became: .stopped) }
    try #require(harness.machine.replicas.isEmpty)
    return harness
  }

  var started: [String] { asked.compactMap { if case .start(let id, _, _) = $0 { id } else { nil } } }
  var states: [String: ReplicaState] { machine.replicas.mapValues(\.state) }
  var isAsleep: Bool { machine.record.sleep.values.contains(.asleep) }
}

private func served(
  _ version: Int, name: String = "main", size: String = "Small", traffic: Int = 100, scalesToZero: Bool = true,
  environment: [String: String] = [:]
) -> PlaneEntity {
  PlaneEntity(
    name: name, entityName: "hello", entityVersion: version, task: "llm/v1/chat", workloadType: "CPU",
    workloadSize: size, minConcurrency: nil, maxConcurrency: nil, scaleToZero: scalesToZero, environment: environment,
    traffic: traffic, created: 0)
}

struct ScaleToZeroMachineTests {
  @Test func `after the idle time all replicas are drained, and the endpoint stays ready`() throws {
    var harness = Harness()
    try harness.put(served(1, size: "Medium"))
    harness.replica("r1", became: .ready)
    harness.replica("r2", became: .ready)
    harness.idle(for: .seconds(59))
    #expect(harness.asked == [])
    harness.idle(for: .seconds(1))
    #expect(harness.asked == [.save, .route, .drain(id: "r1"), .drain(id: "r2")])
    #expect(harness.isAsleep && harness.machine.isReady)
    #expect(harness.machine.routing.targets == [] && harness.machine.routing.unavailable == nil)
    harness.replica("r1", became: .stopped)
    harness.replica("r2", became: .stopped)
    harness.idle(for: .seconds(3600))
    #expect(harness.asked == [] && harness.states == [:])
  }

  @Test func `an endpoint with a request, or without scaleToZero, is not stopped`() throws {
    var busy = Harness()
    try busy.put(served(1))
    busy.replica("r1", became: .ready)
    busy.now = .seconds(3600)
    busy.load = RequestLoad(idleFor: nil)
    busy.look()
    #expect(busy.asked == [] && busy.states == ["r1": .ready])
    var kept = Harness()
    try kept.put(served(1, scalesToZero: false))
    kept.replica("r1", became: .ready)
    kept.idle(for: .seconds(3600))
    #expect(kept.asked == [] && kept.states == ["r1": .ready])
  }

  @Test func `idle time counts from the activation of the config, however long its start took`() throws {
    var harness = Harness()
    try harness.put(served(1))
    harness.idle(for: .seconds(600))
    harness.replica("r1", became: .ready)
    harness.idle(for: .seconds(59))
    #expect(harness.states == ["r1": .ready])
    harness.idle(for: .seconds(1))
    #expect(harness.states == ["r1": .draining])
  }

  @Test func `requests wake one replica, once, and the others follow when it is ready`() throws {
    var harness = try Harness.asleep(served(1, size: "Medium"))
    harness.ask("main")
    #expect(harness.asked.first == .save && harness.started == ["r3"])
    for _ in 0..<9 {
      harness.ask("main")
      #expect(harness.started == [])
    }
    #expect(harness.machine.isReady && harness.machine.startPhase == "starting")
    harness.replica("r3", became: .loading)
    #expect(harness.machine.startPhase == "loading weights")
    harness.replica("r3", became: .ready)
    #expect(harness.started == ["r4"] && harness.asked.contains(.route))
    #expect(harness.machine.record.sleep == [:])
    harness.answer()
    harness.replica("r4", became: .ready)
    harness.idle(for: .seconds(60))
    #expect(harness.isAsleep, "it may sleep again")
  }

  @Test func `while a replica is stopped, a request starts a new one`() throws {
    var harness = Harness()
    try harness.put(served(1))
    harness.replica("r1", became: .ready)
    harness.idle(for: .seconds(60))
    #expect(harness.states == ["r1": .draining])
    harness.ask("main")
    #expect(harness.started == ["r2"])
  }

  @Test func `a wake that fails refuses requests with its cause until the back-off is over`() throws {
    var harness = try Harness.asleep(served(1))
    harness.ask("main")
    harness.replica("r2", failed: "out of memory")
    #expect(harness.asked.contains(.route) && harness.started == [])
    #expect(harness.machine.routing.unavailable == "its last start failed (main: out of memory)")
    #expect(!harness.machine.isReady && harness.isAsleep)
    harness.answer()
    harness.idle(for: .seconds(4))
    #expect(harness.started == [] && harness.machine.routing.unavailable != nil)
    harness.idle(for: .seconds(1))
    #expect(harness.started == [], "nobody asks for it")
    #expect(harness.machine.routing.unavailable == nil)
    harness.ask("main")
    #expect(harness.started == ["r3"])
    harness.replica("r3", became: .ready)
    #expect(harness.machine.isReady && harness.machine.record.sleep == [:])
  }

  @Test func `the back-off of wakes starts anew after a replica was ready for long`() throws {
    var harness = try Harness.asleep(served(1))
    func failedWake(_ harness: inout Harness) throws -> Duration {
      harness.ask("main")
      let id = try #require(harness.started.first)
      harness.replica(id, failed: "out of memory")
      harness.answer()
      let again = try #require(harness.machine.lookAgainAt)
      let wait = again - harness.now
      harness.idle(for: wait)
      return wait
    }
    var waits = [try failedWake(&harness), try failedWake(&harness)]
    harness.ask("main")
    let good = try #require(harness.started.first)
    harness.replica(good, became: .ready)
    harness.answer()
    harness.now += .seconds(540)
    harness.idle(for: .seconds(60))
    #expect(harness.asked.contains(.drain(id: good)))
    harness.replica(good, became: .stopped)
    waits.append(try failedWake(&harness))
    #expect(waits == [.seconds(5), .seconds(10), .seconds(5)])
  }

  @Test func `a wake without a free GPU ends with its demand`() throws {
    var harness = try Harness.asleep(served(1))
    harness.room = 0
    harness.ask("main")
    #expect(harness.started == [] && harness.machine.startPhase == "waiting for room")
    harness.look()
    #expect(!harness.isAsleep, "the request still waits")
    // Its client leaves.
    harness.answer()
    harness.look()
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
    harness.look()
    #expect(!harness.isAsleep && harness.started == [])
    harness.idle(for: .seconds(59))
    #expect(!harness.isAsleep)
    harness.idle(for: .seconds(1))
    #expect(harness.isAsleep && harness.started == [])
  }

  @Test func `after a restart of the plane, what slept sleeps, and what was being woken is`() throws {
    let slept = try Harness.asleep(served(1))
    var restarted = Harness(slept.machine.record)
    restarted.resume()
    #expect(restarted.started == [])
    restarted.idle(for: .seconds(600))
    #expect(restarted.started == [] && restarted.isAsleep && restarted.machine.isReady)
    restarted.ask("main")
    #expect(restarted.started == ["r1"])
    var killed = Harness(restarted.machine.record)
    killed.resume()
    #expect(killed.started == ["r1"])
    killed.replica("r1", failed: "out of memory")
    #expect(killed.isAsleep && killed.machine.routing.unavailable?.contains("out of memory") == true)
  }

  @Test func `settings that change while it sleeps are in force at once, and start nothing`() throws {
    var harness = try Harness.asleep(served(1, environment: ["SETPOINT_PLANE": #"{"idleAfter":"60s"}"#]))
    try harness.put(served(1, environment: ["SETPOINT_PLANE": #"{"idleAfter":"2h"}"#]))
    #expect(harness.started == [] && harness.isAsleep)
    #expect(harness.machine.record.active?.version == 2 && harness.machine.record.update == .none)
    #expect(harness.machine.routing.plane.idleAfter == .seconds(7200))
  }

  @Test func `a new version is started to prove it, although the endpoint sleeps, and sleeps again`() throws {
    var harness = try Harness.asleep(served(1))
    try harness.put(served(2))
    #expect(harness.started == ["r2"])
    harness.idle(for: .seconds(600))
    #expect(harness.states == ["r2": .pending], "nothing is stopped during an update")
    harness.replica("r2", became: .ready)
    #expect(harness.machine.record.active?.version == 2 && harness.machine.record.sleep == [:])
    harness.idle(for: .seconds(60))
    #expect(harness.states == ["r2": .draining] && harness.isAsleep)
  }

  @Test func `a version that fails while the endpoint sleeps leaves the old one asleep`() throws {
    var harness = try Harness.asleep(served(1))
    try harness.put(served(2))
    harness.replica("r2", failed: "broken weights")
    harness.idle(for: .seconds(5))
    harness.replica("r3", failed: "broken weights")
    guard case .failed = harness.machine.record.update else {
      Issue.record("the update did not fail")
      return
    }
    #expect(harness.isAsleep && harness.machine.isReady && harness.states == [:])
  }

  @Test func `an endpoint that must no longer scale to zero starts before its config is in force`() throws {
    var harness = try Harness.asleep(served(1))
    try harness.put(served(1, scalesToZero: false))
    #expect(harness.started == ["r2"])
    harness.replica("r2", became: .ready)
    #expect(harness.machine.record.active?.version == 2 && harness.machine.record.sleep == [:])
    harness.idle(for: .seconds(3600))
    #expect(harness.states == ["r2": .ready])
  }

  @Test func `in thousands of random event orders, whoever waits gets one replica or a reason`() throws {
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<2000 {
      var harness = try Harness.asleep(served(1))
      var steps: [Int] = []
      for _ in 0..<30 {
        steps.append(Int.random(in: 0..<6, using: &generator))
        harness.step(steps.last ?? 0)
        let live = harness.states.values.count { $0 == .ready || $0.isComing }
        #expect(live <= 1, "\(steps)")
        #expect(live == 1 || harness.load.awaited.isEmpty, "\(steps)")
      }
    }
  }

  @Test func `an entity that sleeps beside one that does not is woken by any request, since it shares the traffic`()
    throws
  {
    var harness = Harness()
    try harness.put(served(1, name: "a", traffic: 90), served(2, name: "b", traffic: 10, scalesToZero: false))
    for id in harness.started { harness.replica(id, became: .ready) }
    harness.idle(for: .seconds(60))
    #expect(harness.isAsleep && harness.machine.routing.targets.map(\.entity) == ["b"])
    let old = harness.states.first { $0.value == .draining }?.key ?? ""
    harness.replica(old, became: .stopped)
    harness.idle(for: .seconds(60))
    #expect(harness.started == [])
    // The request was answered by the other one before anybody looked.
    harness.now += .seconds(1)
    harness.load = RequestLoad(idleFor: .milliseconds(10))
    harness.look()
    #expect(harness.started.count == 1)
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
    harness.look()
    #expect(harness.started == ["r2"])
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
    harness.answer()
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
    harness.look()
    let room = harness.machine.room(harness.load) { _ in true }
    #expect(harness.machine.roomUse.withoutRoom.count == 2)
    #expect(room.lacking == 1 && room.isUrgent)
  }

  @Test func `a wake that waits for room ends when nobody waits for it any more`() throws {
    var harness = try Harness.asleep(served(1))
    harness.room = 0
    harness.ask("main")
    #expect(harness.machine.roomUse.waitingSince == harness.now)
    harness.answer()
    harness.look()
    #expect(harness.isAsleep && harness.machine.roomUse.waitingSince == nil)
    harness.room = 1
    harness.look()
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
    waiting.look()
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
