import Endpoints
import Scheduling

@testable import ServingPlane

/// A machine and its simulated world: time, ids, and what was requested of the shell.
struct EndpointMachineHarness {
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

  var context: EndpointMachine.EventContext {
    EndpointMachine.EventContext(
      now: now, wall: 1000 + now.components.seconds, room: room, freeing: freeing, places: { [places] _ in places }
    ) { [counter] in
      counter.value += 1
      return "r\(counter.value)"
    }
  }

  mutating func put(_ entities: PlaneEntity...) throws(APIError) {
    let version = machine.record.nextVersion
    asked = try machine.put(PlaneConfig(version: version, startTime: 0, entities: entities), context)
  }

  mutating func replica(_ id: String, became state: ReplicaState) {
    asked = machine.replica(id, became: state, context)
  }

  mutating func replica(_ id: String, failed explanation: String, repeats: Bool = false) {
    asked = machine.replica(
      id, failed: ReplicaFailure(explanation, isWorthRepeating: repeats), chance: 0.5, context)
  }

  mutating func tick(after time: Duration) {
    now += time
    asked = machine.tick(context)
  }

  var started: [String] { asked.compactMap { if case .start(let id, _, _) = $0 { id } else { nil } } }
  var states: [String: ReplicaState] { machine.replicas.mapValues(\.state) }
}

extension EndpointMachineTests {
  /// A served entity of the model `hello`.
  func served(
    _ version: Int, name: String = "main", size: String = "Small", traffic: Int = 100,
    environment: [String: String] = [:]
  ) -> PlaneEntity {
    PlaneEntity(
      name: name, entityName: "hello", entityVersion: version, task: "llm/v1/chat", workloadType: "CPU",
      workloadSize: size,
      minConcurrency: nil, maxConcurrency: nil, scaleToZero: false, environment: environment, traffic: traffic,
      created: 0
    )
  }
}
