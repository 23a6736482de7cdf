import Endpoints
import Scheduling
import Testing

@testable import ServingPlane

private typealias Harness = EndpointMachineHarness

// Where replicas find room.
extension EndpointMachineTests {
  @Test func `a new endpoint's replicas start at once, or wait for the room that others free`() {
    var harness = Harness()
    let config = PlaneConfig(version: 1, startTime: 0, entities: [served(1)])
    harness.room = 1
    #expect(harness.machine.forecast(of: config, harness.context, lastStart: nil) == RolloutForecast(room: .start))
    harness.room = 0
    harness.freeing = 1
    #expect(harness.machine.forecast(of: config, harness.context, lastStart: nil) == RolloutForecast(room: .wait))
    harness.freeing = 0
    #expect(harness.machine.forecast(of: config, harness.context, lastStart: nil).failsAtOnce)
  }

  @Test func `if the machine has no room for both, the old replica is stopped first`() throws {
    var harness = Harness()
    harness.room = 1
    try harness.put(served(1))
    harness.room = 0
    harness.replica("r1", became: .ready)
    try harness.put(served(2))
    #expect(harness.started == [])
    #expect(harness.asked.contains(.drain(id: "r1")))
    // Requests wait for the new one instead of being refused.
    #expect(harness.machine.routing.unavailable == nil)
    #expect(harness.machine.roomUse.withoutRoom.count == 1)
    harness.room = 1
    harness.replica("r1", became: .stopped)
    #expect(harness.started == ["r2"])
    harness.replica("r2", became: .ready)
    #expect(harness.machine.record.active?.version == 2)
  }

  @Test func `the room for a new endpoint is computed from its own config`() throws {
    var harness = Harness()
    harness.room = 3
    harness.places = 4
    try harness.put(served(1))
    #expect(harness.started == [])
    guard case .failed(_, _, let reason) = harness.machine.record.update else {
      Issue.record("it was started without room")
      return
    }
    #expect(reason.contains("1 more GPU is needed"))
    // GPUs that others are about to release are waited for.
    harness.freeing = 1
    try harness.put(served(1))
    #expect(harness.started == [])
    #expect(harness.machine.roomUse.withoutRoom.count == 1)
    harness.freeing = 0
    harness.room = 4
    harness.tick(after: .seconds(1))
    #expect(harness.started == ["r1"])
  }
}
