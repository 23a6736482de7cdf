import Scheduling
import Testing

@testable import ServingPlane

extension ScaleToZeroMachineTests {
  /// A machine whose endpoint is idle unless a test says otherwise. Its time begins at zero.
  struct Harness {
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

    private func makeContext(givesUp: Bool, yieldsTo: String? = nil) -> EndpointMachine.EventContext {
      EndpointMachine.EventContext(
        now: now, wall: 1000, room: room, reclaimable: reclaimable, givesUp: givesUp, yieldsTo: yieldsTo, load: load
      ) { [counter] in
        counter.value += 1
        return "r\(counter.value)"
      }
    }

    /// Lets another endpoint need the places of what scales to zero.
    mutating func giveUp(to endpoint: String? = nil) {
      asked = machine.tick(makeContext(givesUp: true, yieldsTo: endpoint))
    }

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

    /// Lets time pass without a request, and then the machine act if it has to.
    mutating func idle(for time: Duration) {
      now += time
      load = RequestLoad(idleFor: (load.idleFor ?? .zero) + time)
      check()
    }

    /// Lets a request wait for a replica of an entity.
    mutating func ask(_ entity: String) {
      load = RequestLoad(idleFor: nil, awaited: [entity])
      check()
    }

    /// Ends all requests.
    mutating func endRequests() { load = RequestLoad(idleFor: .zero) }

    /// Kills the plane, and starts it again.
    mutating func restart() {
      let living = machine.replicas.values.filter { !$0.state.isOver }
      machine = Self.machine(machine.record)
      endRequests()
      for replica in living {
        let state: ReplicaState = replica.state.isComing ? .starting : .ready
        machine.adopt(Replica(id: replica.id, launch: replica.launch, state: state), context)
      }
      resume()
    }

    /// One of the events that can happen to a sleeping endpoint, by number.
    mutating func step(_ number: Int) {
      let coming = states.filter { $0.value.isComing }.keys.min()
      switch number {
      case 0: if states.values.contains(.ready) { endRequests() } else { ask("main") }
      case 1:
        guard load.awaited.isEmpty else {
          now += .seconds(60)
          return check()
        }
        idle(for: .seconds(60))
      case 2: if let coming { replica(coming, became: .ready) }
      case 3: if let coming { replica(coming, failed: "out of memory") }
      case 4: for id in states.filter({ $0.value.isLeaving }).keys { replica(id, became: .stopped) }
      default: restart()
      }
      // A waiting request is answered or refused.
      if load.idleFor == nil, states.values.contains(.ready) || machine.routing.unavailable != nil { endRequests() }
    }

    /// What a plane does with each endpoint at its start.
    mutating func resume() { asked = machine.tick(context) }

    /// Lets the machine act if it has to.
    mutating func check() { asked = machine.isDue(now: now, load: load) ? machine.tick(context) : [] }

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

  func served(
    _ version: Int, name: String = "main", size: String = "Small", traffic: Int = 100, scalesToZero: Bool = true,
    environment: [String: String] = [:]
  ) -> PlaneEntity {
    PlaneEntity(
      name: name, entityName: "hello", entityVersion: version, task: "llm/v1/chat", workloadType: "CPU",
      workloadSize: size, minConcurrency: nil, maxConcurrency: nil, scaleToZero: scalesToZero, environment: environment,
      traffic: traffic, created: 0)
  }
}
