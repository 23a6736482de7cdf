import Endpoints
import Scheduling
import Testing

@testable import ServingPlane

/// A machine whose model versions come from another machine.
private struct Harness {
  var machine: EndpointMachine
  var now: Duration = .zero
  var room: Int?
  /// Whether another endpoint needs its places.
  var givesUp = false
  var asked: [EndpointMachine.Action] = []
  private let counter = Counter()

  private final class Counter { var value = 0 }

  init(_ record: EndpointRecord? = nil) {
    let new = EndpointRecord(
      id: "e", name: "chat", creator: "me", created: 0, updated: 0, description: "", tags: [:])
    machine = EndpointMachine(
      record ?? new, planner: ReplicaPlanner(backoff: Backoff(first: .seconds(5), cap: .seconds(60), jitter: 0)))
  }

  private var context: EndpointMachine.EventContext {
    EndpointMachine.EventContext(now: now, wall: 1000, room: room, givesUp: givesUp, isRemote: true) { [counter] in
      counter.value += 1
      return "r\(counter.value)"
    }
  }

  mutating func put(_ entities: PlaneEntity...) throws(APIError) {
    let version = machine.record.nextVersion
    asked = try machine.put(PlaneConfig(version: version, startTime: 0, entities: entities), context)
  }

  mutating func downloaded(_ entity: PlaneEntity, _ failure: ReplicaFailure? = nil) {
    asked = machine.downloaded(entity.launch.key, failure, chance: 0.5, context)
  }

  mutating func replica(_ id: String, became state: ReplicaState) {
    asked = machine.replica(id, became: state, context)
  }

  mutating func adopt(_ entity: PlaneEntity) {
    machine.adopt(Replica(id: "old", launch: entity.launch.key, state: .starting, places: 1), context)
  }

  func forecast(_ entity: PlaneEntity) -> RolloutForecast {
    let config = PlaneConfig(version: machine.record.nextVersion, startTime: 0, entities: [entity])
    return machine.forecast(of: config, context, lastStart: nil)
  }

  mutating func tick(after time: Duration) {
    now += time
    asked = machine.tick(context)
  }

  var downloads: [Int] { asked.compactMap { if case .download(let launch) = $0 { launch.version } else { nil } } }
  var started: [String] { asked.compactMap { if case .start(let id, _, _) = $0 { id } else { nil } } }
  var stopped: [String] { asked.compactMap { if case .drain(let id) = $0 { id } else { nil } } }
}

private func served(
  _ version: Int, name: String = "main", traffic: Int = 100, scalesToZero: Bool = false
) -> PlaneEntity {
  PlaneEntity(
    name: name, entityName: "hello", entityVersion: version, task: "llm/v1/chat", workloadType: "CPU",
    workloadSize: "Small", minConcurrency: nil, maxConcurrency: nil, scaleToZero: scalesToZero, environment: [:],
    traffic: traffic, created: 0)
}

/// Updates to versions that are not on the plane's machine yet.
struct EndpointDownloadTests {
  private static let broken = ReplicaFailure("the server is down", isWorthRepeating: true)

  /// A machine that serves version 1, with no room for another replica.
  private func serving() throws -> Harness {
    var harness = Harness()
    harness.room = 1
    try harness.put(served(1))
    harness.downloaded(served(1))
    harness.room = 0
    harness.replica("r1", became: .ready)
    return harness
  }

  @Test func `a version is downloaded once, and started when its files are complete`() throws {
    var harness = Harness()
    try harness.put(served(1))
    #expect(harness.downloads == [1] && harness.started.isEmpty)
    harness.tick(after: .seconds(1))
    #expect(harness.downloads.isEmpty && harness.started.isEmpty)
    harness.downloaded(served(1))
    #expect(harness.started == ["r1"])
  }

  @Test func `nothing starts before the files of all versions are complete`() throws {
    var harness = Harness()
    let entities = [served(1, name: "a", traffic: 50), served(2, name: "b", traffic: 50)]
    try harness.put(entities[0], entities[1])
    #expect(harness.downloads == [1, 2])
    harness.downloaded(entities[0])
    #expect(harness.started.isEmpty)
    harness.downloaded(entities[1])
    #expect(harness.started.count == 2)
  }

  @Test func `the old version is not touched before the new one is here, even without room for both`() throws {
    var harness = try serving()
    try harness.put(served(2))
    #expect(harness.downloads == [2] && harness.stopped.isEmpty)
    harness.downloaded(served(2))
    #expect(harness.stopped == ["r1"])
  }

  @Test func `while a version is downloaded, an endpoint that scales to zero gives its place up for another one`()
    throws
  {
    let idle = RequestLoad(idleFor: .seconds(9))
    var harness = Harness()
    try harness.put(served(1, scalesToZero: true))
    harness.downloaded(served(1, scalesToZero: true))
    harness.replica("r1", became: .ready)
    try harness.put(served(2, scalesToZero: true))
    #expect(harness.downloads == [2])
    #expect(harness.machine.room(idle) { _ in true }.yields == 1)
    harness.givesUp = true
    harness.tick(after: .seconds(1))
    #expect(harness.stopped == ["r1"])
    harness.replica("r1", became: .stopped)
    harness.givesUp = false
    harness.downloaded(served(2, scalesToZero: true))
    #expect(harness.started == ["r2"])
    #expect(harness.machine.room(idle) { _ in true }.yields == 0, "an update keeps its places")
    harness.replica("r2", became: .ready)
    #expect(harness.machine.record.active?.version == 2 && harness.machine.record.sleep == [:])
  }

  @Test func `a failed download is repeated after a while, and fails the update in the end`() throws {
    var harness = try serving()
    try harness.put(served(2))
    harness.downloaded(served(2), Self.broken)
    #expect(harness.downloads.isEmpty)
    #expect(harness.machine.lastFailure(served(2)) == "the server is down")
    #expect(!harness.machine.isDue(now: harness.now + .seconds(1)) && harness.machine.isDue(now: .seconds(60)))
    harness.tick(after: .seconds(60))
    #expect(harness.downloads == [2])
    harness.downloaded(served(2), Self.broken)
    guard case .failed(_, let entity, let reason) = harness.machine.record.update else {
      Issue.record("the update has not failed")
      return
    }
    #expect(entity == "main" && reason == "the server is down")
    #expect(harness.stopped.isEmpty && harness.machine.replicas["r1"]?.state == .ready)
  }

  @Test func `a version that cannot be served fails the update at once`() throws {
    var harness = try serving()
    try harness.put(served(2))
    harness.downloaded(served(2), ReplicaFailure("its artifacts have no MLmodel file"))
    #expect(harness.machine.record.update.target == nil)
    #expect(harness.machine.record.active?.version == 1)
  }

  @Test func `a forecast is about the rollout after the download`() throws {
    let harness = try serving()
    #expect(harness.forecast(served(2)).room == .swap)
  }

  @Test func `an update replaces no replica while the endpoint is scaled to zero`() throws {
    var harness = Harness()
    try harness.put(served(1, scalesToZero: true))
    harness.downloaded(served(1, scalesToZero: true))
    harness.replica("r1", became: .ready)
    harness.givesUp = true
    harness.tick(after: .seconds(1))
    harness.replica("r1", became: .stopped)
    harness.givesUp = false
    #expect(harness.forecast(served(2, scalesToZero: true)).room == .start)
  }

  @Test func `a change of traffic alone downloads nothing`() throws {
    var harness = try serving()
    try harness.put(served(1, name: "other"))
    #expect(harness.downloads.isEmpty)
    #expect(harness.machine.record.active?.version == 2)
  }

  @Test func `a plane that was killed during an update continues its download, and keeps replicas that started`()
    throws
  {
    var killed = try serving()
    try killed.put(served(2))
    var next = Harness(killed.machine.record)
    next.tick(after: .zero)
    #expect(next.downloads == [2])

    var later = Harness(killed.machine.record)
    later.adopt(served(2))
    later.tick(after: .zero)
    #expect(later.downloads.isEmpty)
    #expect(later.machine.replicas["old"]?.state == .starting)
  }
}
