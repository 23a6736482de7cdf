import Controller
import ControllerKit
import Endpoints
import History
import Planning
import ServingAPI
import Synchronization
import TestKit
import Testing

/// What a controller does with a fleet, in virtual time.
@Suite struct FleetControllerTests {
  typealias World = ControllerWorld

  private func rig(
    _ options: ControllerOptions = ControllerOptions(fleet: "test"), version: String? = "1"
  ) async throws -> ControllerRig {
    var habits = WorkspaceHabits()
    habits.keepsPendingAfterFailure = true
    let world = try World(habits: habits)
    world.workspace.setModel(World.model, versions: [1: .ready, 2: .ready, 3: .ready], aliases: ["champion": 1])
    world.workspace.setFate(.fails(message: "unsupported dtype"), model: World.model, version: "3")
    let rig = ControllerRig(world, options)
    if let version {
      rig.source.set(["chat.yaml": TestSource.manifest(version: version)], commit: "c1")
      try await rig.settle()
    }
    return rig
  }

  @Test func `a manifest becomes an endpoint, and then nothing is left to do`() async throws {
    let rig = try await rig()
    #expect(rig.world.liveVersion() == "1")
    #expect(await rig.status()?.phase == .inSync)
    let writes = rig.world.workspace.writes.count
    try await rig.run(for: .seconds(3600))
    #expect(rig.world.workspace.writes.count == writes)
  }

  @Test func `an edit is rolled out and records the commit that made it`() async throws {
    let rig = try await rig()
    rig.source.set(["chat.yaml": TestSource.manifest(version: "2")], commit: "c2")
    try await rig.run(for: .seconds(120))
    #expect(rig.world.liveVersion() == "2")
    let revisions = try await rig.world.history.revisions(of: rig.world.reconciler().key("chat"))
    #expect(revisions.map(\.sourceCommit) == ["c1", "c2"])
  }

  @Test
  func `a failed version is held, reported once and named with its commit, and a revert lifts the hold`() async throws {
    let rig = try await rig()
    rig.source.set(["chat.yaml": TestSource.manifest(version: "3")], commit: "bad")
    try await rig.run(for: .seconds(3600))
    #expect(rig.world.liveVersion() == "1")
    #expect(await rig.status()?.reason == .quarantined)
    let notifications = rig.notifications.all
    #expect(notifications.map(\.kind) == [.failure])
    #expect(notifications.first?.why.contains("unsupported dtype") == true && notifications.first?.commit == "bad")
    let events = try await rig.world.history.events(of: rig.world.reconciler().key("chat"))
    #expect(events.contains { $0.why.contains("unsupported dtype") && $0.sourceCommit == "bad" })
    #expect(rig.world.workspace.writes.filter { $0.method == "PUT" && $0.path.hasSuffix("/config") }.count == 1)

    rig.source.set(["chat.yaml": TestSource.manifest(version: "1")], commit: "good")
    try await rig.run(for: .seconds(600))
    #expect(await rig.status()?.phase == .inSync)
    #expect(rig.world.workspace.endpoint("chat")?.tags[FleetTags.held] == nil)
    #expect(rig.notifications.all.map(\.kind) == [.failure, .recovery])
  }

  @Test func `an invalid manifest keeps its last valid form in force and prunes nothing`() async throws {
    let rig = try await rig(ControllerOptions(fleet: "test", prune: true))
    rig.source.set(
      ["chat.yaml": "apiVersion: serving.setpoint.dev/v1alpha1\nkind: ServingEndpoint\nspec: ["], commit: "c2")
    try await rig.run(for: .seconds(600))
    #expect(rig.world.liveVersion() == "1")
    rig.world.workspace.foreignEdit("chat", config: World.config("2"))
    try await rig.run(for: .seconds(600))
    #expect(rig.world.liveVersion() == "1")
  }

  @Test func `the controller is not ready before it has read at least a part of the source`() async throws {
    let rig = try await rig(version: nil)
    rig.source.set(["chat.yaml": "spec: ["])
    try await rig.controller.list()
    try await rig.controller.sync()
    let missing = await rig.controller.missingReadings
    #expect(missing.count == 1)
    #expect(missing.first?.hasPrefix("the source has not been read yet: chat.yaml:") == true, "\(missing)")
    rig.source.set(["chat.yaml": "spec: [", "other.yaml": TestSource.manifest("other", version: "1")])
    try await rig.controller.sync()
    #expect(await rig.controller.missingReadings == ["1 of 1 endpoint have not been checked yet"])
    try await rig.settle()
    #expect(await rig.controller.missingReadings.isEmpty)
  }

  @Test
  func `the controller is ready after it has observed every endpoint, and stays ready`() async throws {
    let rig = try await rig(version: nil)
    rig.source.set([
      "a.yaml": TestSource.manifest("a", version: "1"), "b.yaml": TestSource.manifest("b", version: "1"),
    ])
    try await rig.controller.list()
    try await rig.controller.sync()
    #expect(await rig.controller.missingReadings == ["2 of 2 endpoints have not been checked yet"])
    let first = try #require(rig.queue.takeReady())
    await rig.controller.work(on: first)
    #expect(await rig.controller.missingReadings == ["1 of 2 endpoints have not been checked yet"])
    let second = try #require(rig.queue.takeReady())
    await rig.controller.work(on: second)
    #expect(await rig.controller.missingReadings.isEmpty)
    rig.source.set(["c.yaml": TestSource.manifest("c", version: "1")])
    try await rig.controller.sync()
    #expect(await rig.controller.missingReadings.isEmpty)
  }

  @Test func `a flood of findings is a few lines of status and events, and an edit beside it is acted on`() async throws
  {
    let rig = try await rig()
    var files = ["chat.yaml": TestSource.manifest(version: "2")]
    for number in 0..<500 {
      files["broken\(number).yaml"] =
        "kind: ServingEndpoint\nmetadata: {name: e\(number)}\n" + String(repeating: "x: y\n", count: 1)
    }
    files["flood.yaml"] = String(repeating: "a: b\n---\n", count: 50_000)
    rig.source.set(files, commit: "c2")
    try await rig.run(for: .seconds(120))
    #expect(rig.world.liveVersion() == "2")
    let problems = await rig.controller.fleetStatus.report.problems
    #expect(problems.count <= 22 && problems.reduce(0) { $0 + $1.utf8.count } < 20_000, "\(problems.count)")
    #expect(problems.last?.contains(" more findings; \"setpoint validate\" lists them") == true)
    let events = try await rig.world.history.events(limit: 10_000)
    #expect(events.count { $0.event.what.contains("cannot be used whole") } <= 22)
    #expect(events.count { $0.event.what.hasPrefix("its manifest cannot be used") } == 20)
    #expect(events.contains { $0.event.what == "the manifests of 480 more endpoints cannot be used" })
  }

  @Test func `a manual change is reverted within an interval`() async throws {
    let rig = try await rig()
    rig.world.workspace.foreignEdit("chat", config: World.config("2"))
    try await rig.run(for: rig.options.interval * 1.2)
    #expect(rig.world.liveVersion() == "1")
    #expect(rig.notifications.all.map(\.kind).first == .drift)
  }

  @Test func `in observe mode, a manual change is only reported`() async throws {
    let first = try await rig()
    let rig = ControllerRig(first.world, ControllerOptions(fleet: "test", mode: .observe), source: first.source)
    first.world.workspace.foreignEdit("chat", config: World.config("2"))
    let writes = first.world.workspace.writes.count
    try await rig.run(for: .seconds(600))
    #expect(first.world.workspace.writes.count == writes)
    #expect(await rig.status()?.reason == .drift)
    #expect(await rig.status()?.phase == .withheld)
    #expect(rig.notifications.all.map(\.kind) == [.drift])
  }

  @Test
  func `an endpoint without a manifest is deleted if pruning is on, but never because the source is empty`()
    async throws
  {
    let rig = try await rig()
    rig.source.set([:], commit: "c2")
    try await rig.run(for: .seconds(600))
    #expect(await rig.controller.fleetStatus.report.problems.contains { $0.contains("no endpoint") })
    rig.source.set(["other.yaml": TestSource.manifest("other", version: "1")], commit: "c3")
    try await rig.run(for: .seconds(600))
    #expect(rig.world.liveVersion() == "1")
    let pruning = ControllerRig(rig.world, ControllerOptions(fleet: "test", prune: true), source: rig.source)
    try await pruning.run(for: .seconds(600))
    #expect(rig.world.workspace.endpoint("chat") == nil)
  }

  @Test func `more than a fifth of the fleet is not deleted at once`() async throws {
    let rig = try await rig(ControllerOptions(fleet: "test", prune: true), version: nil)
    let names = (1...5).map { "e\($0)" }
    let all = Dictionary(uniqueKeysWithValues: names.map { ("\($0).yaml", TestSource.manifest($0, version: "1")) })
    rig.source.set(all, commit: "c1")
    try await rig.settle()
    rig.source.set(all.filter { $0.key > "e2.yaml" }, commit: "c2")
    try await rig.run(for: .seconds(600))
    #expect(names.allSatisfy { rig.world.workspace.endpoint($0) != nil })
    let status = try #require(await rig.status("e1"))
    #expect(status.why == "deleting 2 of 5 endpoints (more than 20 %) requires --allow-mass-delete")
    #expect(status.phase == .withheld && status.reason == .massDeletion && status.needsPerson)
    // Reported once for the whole fleet, however often it is checked and whoever continues.
    rig.restart()
    try await rig.run(for: .seconds(600))
    #expect(rig.notifications.all.map(\.kind) == [.failure] && rig.notifications.all.first?.endpoint == nil)
    #expect(rig.notifications.all.first?.why == "\(status.why): e1, e2")
    let events = try await rig.world.history.events(limit: 1000).filter { $0.endpoint == nil }
    #expect(
      events.map(\.event.what) == ["deletions are withheld"] && events.first?.event.why == "\(status.why): e1, e2")
    #expect(events.first?.event.sourceCommit == "c2")
    rig.source.set(all.filter { $0.key > "e1.yaml" }, commit: "c3")
    try await rig.run(for: .seconds(600))
    #expect(rig.world.workspace.endpoint("e1") == nil && rig.world.workspace.endpoint("e2") != nil)
    #expect(rig.notifications.all.map(\.kind) == [.failure, .recovery])
  }

  @Test func `a moved alias is a change like any other`() async throws {
    let rig = try await rig(version: "@champion")
    #expect(rig.world.liveVersion() == "1")
    rig.world.workspace.setModel(World.model, versions: [1: .ready, 2: .ready], aliases: ["champion": 2])
    try await rig.run(for: .seconds(600))
    #expect(rig.world.liveVersion() == "2")
  }

  @Test func `without the lease, nothing is written`() async throws {
    let rig = try await rig()
    rig.lease.take()
    rig.source.set(["chat.yaml": TestSource.manifest(version: "2")], commit: "c2")
    let writes = rig.world.workspace.writes.count
    try await rig.run(for: .seconds(600))
    #expect(rig.world.workspace.writes.count == writes)
  }

  @Test func `while paused, nothing is written until the controller is resumed`() async throws {
    let rig = try await rig()
    rig.pause.reason = "quarter's end"
    rig.source.set(["chat.yaml": TestSource.manifest(version: "2")], commit: "c2")
    try await rig.run(for: .seconds(600))
    #expect(rig.world.liveVersion() == "1")
    #expect(await rig.status()?.why.contains("quarter's end") == true)
    rig.pause.reason = nil
    try await rig.run(for: .seconds(600))
    #expect(rig.world.liveVersion() == "2")
  }

  @Test func `outside its window, an update waits, and a creation does not`() async throws {
    // The world begins on Thursday 2026-01-01, 00:00 UTC.
    let window = try ChangeWindow(parsing: "Thu 06:00-08:00 UTC")
    let rig = try await rig(ControllerOptions(fleet: "test", windows: [window]))
    #expect(rig.world.liveVersion() == "1")
    rig.source.set(["chat.yaml": TestSource.manifest(version: "2")], commit: "c2")
    try await rig.run(for: .seconds(5 * 3600))
    #expect(rig.world.liveVersion() == "1")
    #expect(await rig.status()?.why.contains("change window") == true)
    try await rig.run(for: .seconds(2 * 3600))
    #expect(rig.world.liveVersion() == "2")
  }

  @Test func `the write budget covers the whole fleet`() async throws {
    let budget = ControllerOptions.WriteBudget(writes: 5, period: .seconds(300))
    let rig = try await rig(ControllerOptions(fleet: "test", writeBudget: budget), version: nil)
    let names = (1...12).map { "e\($0)" }
    rig.source.set(
      Dictionary(uniqueKeysWithValues: names.map { ("\($0).yaml", TestSource.manifest($0, version: "1")) }),
      commit: "c1")
    try await rig.run(for: .seconds(299))
    #expect(rig.world.workspace.writes.count == 5)
    try await rig.run(for: .seconds(900))
    #expect(names.allSatisfy { rig.world.liveVersion($0) == "1" })
  }

  @Test func `a new process reports nothing about any endpoint before it has read the source`() async throws {
    let first = try await rig()
    try await first.run(for: .seconds(5))
    let rig = ControllerRig(first.world, source: first.source, order: [.work, .list, .sync])
    rig.world.workspace.forgetCalls()
    let events = try await rig.world.history.events(of: rig.world.reconciler().key("chat")).count
    try await rig.run(for: .seconds(600))
    #expect(rig.world.workspace.calls.first?.path.hasSuffix("/serving-endpoints") == true)
    #expect(await rig.status()?.phase == .inSync)
    #expect(rig.notifications.all.isEmpty)
    #expect(try await rig.world.history.events(of: rig.world.reconciler().key("chat")).count == events)
  }
}
