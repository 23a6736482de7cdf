import Endpoints
import Scheduling
import Testing

@testable import ServingPlane

// Configs that are sent while the endpoint sleeps.
extension ScaleToZeroMachineTests {
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
}
