import Scheduling
import Testing

@testable import ServingPlane

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
    busy.check()
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
    #expect(harness.machine.startPhase == "scaled to zero")
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
    harness.endRequests()
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
    // Whoever may query an endpoint does not see what its engine prints.
    harness.replica("r2", failed: "out of memory" + MessageView.outputMark + "a line")
    #expect(harness.asked.contains(.route) && harness.started == [])
    #expect(harness.machine.routing.unavailable == "its last start failed (main: out of memory)")
    #expect(!harness.machine.isReady && harness.isAsleep)
    harness.endRequests()
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
      harness.endRequests()
      let again = try #require(harness.machine.lookAgainAt)
      let wait = again - harness.now
      harness.idle(for: wait)
      return wait
    }
    var waits = [try failedWake(&harness), try failedWake(&harness)]
    harness.ask("main")
    let good = try #require(harness.started.first)
    harness.replica(good, became: .ready)
    harness.endRequests()
    harness.now += .seconds(540)
    harness.idle(for: .seconds(60))
    #expect(harness.asked.contains(.drain(id: good)))
    harness.replica(good, became: .stopped)
    waits.append(try failedWake(&harness))
    #expect(waits == [.seconds(5), .seconds(10), .seconds(5)])
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
    // The request was answered by the other one before the machine was checked.
    harness.now += .seconds(1)
    harness.load = RequestLoad(idleFor: .milliseconds(10))
    harness.check()
    #expect(harness.started.count == 1)
  }
}
