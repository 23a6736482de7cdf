import Endpoints
import Scheduling
import Testing

@testable import ServingPlane

private typealias Harness = EndpointMachineHarness

// The settings of an endpoint for the plane.
extension EndpointMachineTests {
  @Test func `changed settings for a plane are in force at once, with the same replicas`() throws {
    func set(_ settings: String) -> PlaneEntity {
      served(1, environment: ["LEVEL": "INFO", "SETPOINT_PLANE": settings])
    }
    var harness = Harness()
    try harness.put(set(#"{"concurrency":8}"#))
    harness.replica("r1", became: .ready)
    let before = harness.machine.routing
    try harness.put(set(#"{"concurrency":16,"queue":{"length":4}}"#))
    #expect(harness.started.isEmpty)
    #expect(harness.asked.contains(.save) && harness.asked.contains(.route))
    #expect(harness.machine.record.active?.version == 2)
    #expect(harness.machine.record.update == ConfigUpdate.none)
    #expect(harness.states == ["r1": .ready])
    let after = harness.machine.routing
    #expect(after.plane == PlaneArguments(concurrency: 16, queueLength: 4))
    #expect(after.announced(since: before) == before.targets, "each replica takes another number of requests")
    #expect(after.withdrawn(since: before).isEmpty)
  }

  @Test func `settings for a plane do not reach a replica`() {
    let entity = served(1, environment: ["LEVEL": "INFO", "SETPOINT_PLANE": #"{"concurrency":8}"#])
    #expect(entity.launch.environment == ["LEVEL": "INFO"])
    #expect(entity.launch.key == served(1, environment: ["LEVEL": "INFO"]).launch.key)
  }

  @Test func `an endpoint's own settings take precedence over the plane's options`() {
    let options = PlaneSettings(
      concurrency: 16, admission: AdmissionPolicy(maxWaiting: 7, maxWait: .seconds(9), maxAttempts: 2))
    #expect(options.overridden(by: PlaneArguments()) == options)
    let own = options.overridden(
      by: PlaneArguments(
        idleAfter: .seconds(60), concurrency: 4, queueLength: 0, queueWait: .seconds(1), queueBytes: 4096,
        affinity: .session))
    #expect(
      own
        == PlaneSettings(
          idleAfter: .seconds(60), concurrency: 4,
          admission: AdmissionPolicy(
            maxWaiting: 0, maxWait: .seconds(1), queueBytes: 4096, maxAttempts: 2, affinity: .session)))
  }
}
