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
  typealias Environment = ControllerEnvironment

  private func harness(
    _ options: ControllerOptions = ControllerOptions(fleet: "test"), version: String? = "1"
  ) async throws -> ControllerHarness {
    var behaviors = WorkspaceBehaviors()
    behaviors.keepsPendingAfterFailure = true
    let environment = try Environment(behaviors: behaviors)
    environment.workspace.setModel(
      Environment.model, versions: [1: .ready, 2: .ready, 3: .ready], aliases: ["champion": 1])
    environment.workspace.setBehavior(.fails(message: "unsupported dtype"), model: Environment.model, version: "3")
    let harness = ControllerHarness(environment, options)
    if let version {
      harness.source.set(["chat.yaml": TestSource.manifest(version: version)], commit: "c1")
      try await harness.settle()
    }
    return harness
  }

  @Test func `a manifest becomes an endpoint, and then nothing is left to do`() async throws {
    let harness = try await harness()
    #expect(harness.environment.liveVersion() == "1")
    #expect(await harness.status()?.phase == .inSync)
    let writes = harness.environment.workspace.writes.count
    try await harness.run(for: .seconds(3600))
    #expect(harness.environment.workspace.writes.count == writes)
  }

  @Test func `an edit is rolled out and records the commit that made it`() async throws {
    let harness = try await harness()
    harness.source.set(["chat.yaml": TestSource.manifest(version: "2")], commit: "c2")
    try await harness.run(for: .seconds(120))
    #expect(harness.environment.liveVersion() == "2")
    let revisions = try await harness.environment.history.revisions(of: harness.environment.reconciler().key("chat"))
    #expect(revisions.map(\.sourceCommit) == ["c1", "c2"])
  }

  @Test
  func `a failed version is held, reported once and named with its commit, and a revert lifts the hold`() async throws {
    let harness = try await harness()
    harness.source.set(["chat.yaml": TestSource.manifest(version: "3")], commit: "bad")
    try await harness.run(for: .seconds(3600))
    #expect(harness.environment.liveVersion() == "1")
    #expect(await harness.status()?.reason == .quarantined)
    let notifications = harness.notifications.all
    #expect(notifications.map(\.kind) == [.failure])
    #expect(notifications.first?.why.contains("unsupported dtype") == true && notifications.first?.commit == "bad")
    let events = try await harness.environment.history.events(of: harness.environment.reconciler().key("chat"))
    #expect(events.contains { $0.why.contains("unsupported dtype") && $0.sourceCommit == "bad" })
    #expect(
      harness.environment.workspace.writes.filter { $0.method == "PUT" && $0.path.hasSuffix("/config") }.count == 1)

    harness.source.set(["chat.yaml": TestSource.manifest(version: "1")], commit: "good")
    try await harness.run(for: .seconds(600))
    #expect(await harness.status()?.phase == .inSync)
    #expect(harness.environment.workspace.endpoint("chat")?.tags[FleetTags.held] == nil)
    #expect(harness.notifications.all.map(\.kind) == [.failure, .recovery])
  }

  @Test func `an invalid manifest keeps its last valid form in force and prunes nothing`() async throws {
    let harness = try await harness(ControllerOptions(fleet: "test", prune: true))
    harness.source.set(
      ["chat.yaml": "apiVersion: serving.setpoint.dev/v1alpha1\nkind: ServingEndpoint\nspec: ["], commit: "c2")
    try await harness.run(for: .seconds(600))
    #expect(harness.environment.liveVersion() == "1")
    harness.environment.workspace.foreignEdit("chat", config: Environment.config("2"))
    try await harness.run(for: .seconds(600))
    #expect(harness.environment.liveVersion() == "1")
  }

  @Test func `the controller is not ready before it has read at least a part of the source`() async throws {
    let harness = try await harness(version: nil)
    harness.source.set(["chat.yaml": "spec: ["])
    try await harness.controller.list()
    try await harness.controller.sync()
    let missing = await harness.controller.missingReadings
    #expect(missing.count == 1)
    #expect(missing.first?.hasPrefix("the source has not been read yet: chat.yaml:") == true, "\(missing)")
    harness.source.set(["chat.yaml": "spec: [", "other.yaml": TestSource.manifest("other", version: "1")])
    try await harness.controller.sync()
    #expect(await harness.controller.missingReadings == ["endpoints not checked yet: 1 of 1"])
    try await harness.settle()
    #expect(await harness.controller.missingReadings.isEmpty)
  }

  @Test
  func `the controller is ready after it has observed every endpoint, and stays ready`() async throws {
    let harness = try await harness(version: nil)
    harness.source.set([
      "a.yaml": TestSource.manifest("a", version: "1"), "b.yaml": TestSource.manifest("b", version: "1"),
    ])
    try await harness.controller.list()
    try await harness.controller.sync()
    #expect(await harness.controller.missingReadings == ["endpoints not checked yet: 2 of 2"])
    let first = try #require(harness.queue.takeReady())
    await harness.controller.work(on: first)
    #expect(await harness.controller.missingReadings == ["endpoints not checked yet: 1 of 2"])
    let second = try #require(harness.queue.takeReady())
    await harness.controller.work(on: second)
    #expect(await harness.controller.missingReadings.isEmpty)
    harness.source.set(["c.yaml": TestSource.manifest("c", version: "1")])
    try await harness.controller.sync()
    #expect(await harness.controller.missingReadings.isEmpty)
  }

  @Test func `a flood of findings is a few lines of status and events, and an edit beside it is acted on`() async throws
  {
    let harness = try await harness()
    var files = ["chat.yaml": TestSource.manifest(version: "2")]
    for number in 0..<500 {
      files["broken\(number).yaml"] =
        "kind: ServingEndpoint\nmetadata: {name: e\(number)}\n" + String(repeating: "x: y\n", count: 1)
    }
    files["flood.yaml"] = String(repeating: "a: b\n---\n", count: 50_000)
    harness.source.set(files, commit: "c2")
    try await harness.run(for: .seconds(120))
    #expect(harness.environment.liveVersion() == "2")
    let problems = await harness.controller.fleetStatus.report.problems
    #expect(problems.count <= 22 && problems.reduce(0) { $0 + $1.utf8.count } < 20_000, "\(problems.count)")
    #expect(problems.last?.contains(" more findings; \"setpoint validate\" lists them") == true)
    let events = try await harness.environment.history.events(limit: 10_000)
    #expect(events.count { $0.event.what.contains("cannot be used whole") } <= 22)
    #expect(events.count { $0.event.what.hasPrefix("its manifest cannot be used") } == 20)
    #expect(events.contains { $0.event.what == "the manifests of 480 more endpoints cannot be used" })
  }

  @Test func `a manual change is reverted within an interval`() async throws {
    let harness = try await harness()
    harness.environment.workspace.foreignEdit("chat", config: Environment.config("2"))
    try await harness.run(for: harness.options.interval * 1.2)
    #expect(harness.environment.liveVersion() == "1")
    #expect(harness.notifications.all.map(\.kind).first == .drift)
  }

  @Test func `in observe mode, a manual change is only reported`() async throws {
    let first = try await harness()
    let harness = ControllerHarness(
      first.environment, ControllerOptions(fleet: "test", mode: .observe), source: first.source)
    first.environment.workspace.foreignEdit("chat", config: Environment.config("2"))
    let writes = first.environment.workspace.writes.count
    try await harness.run(for: .seconds(600))
    #expect(first.environment.workspace.writes.count == writes)
    #expect(await harness.status()?.reason == .drift)
    #expect(await harness.status()?.phase == .withheld)
    #expect(harness.notifications.all.map(\.kind) == [.drift])
  }

  @Test
  func `an endpoint without a manifest is deleted if pruning is on, but never because the source is empty`()
    async throws
  {
    let harness = try await harness()
    harness.source.set([:], commit: "c2")
    try await harness.run(for: .seconds(600))
    #expect(await harness.controller.fleetStatus.report.problems.contains { $0.contains("no endpoint") })
    harness.source.set(["other.yaml": TestSource.manifest("other", version: "1")], commit: "c3")
    try await harness.run(for: .seconds(600))
    #expect(harness.environment.liveVersion() == "1")
    let pruning = ControllerHarness(
      harness.environment, ControllerOptions(fleet: "test", prune: true), source: harness.source)
    try await pruning.run(for: .seconds(600))
    #expect(harness.environment.workspace.endpoint("chat") == nil)
  }

  @Test func `more than a fifth of the fleet is not deleted at once`() async throws {
    let harness = try await harness(ControllerOptions(fleet: "test", prune: true), version: nil)
    let names = (1...5).map { "e\($0)" }
    let all = Dictionary(uniqueKeysWithValues: names.map { ("\($0).yaml", TestSource.manifest($0, version: "1")) })
    harness.source.set(all, commit: "c1")
    try await harness.settle()
    harness.source.set(all.filter { $0.key > "e2.yaml" }, commit: "c2")
    try await harness.run(for: .seconds(600))
    #expect(names.allSatisfy { harness.environment.workspace.endpoint($0) != nil })
    let status = try #require(await harness.status("e1"))
    #expect(status.why == "deleting 2 of 5 endpoints (more than a fifth) requires --allow-mass-delete")
    #expect(status.phase == .withheld && status.reason == .massDeletion && status.needsPerson)
    // Reported once for the whole fleet, however often it is checked and whoever continues.
    harness.restart()
    try await harness.run(for: .seconds(600))
    #expect(harness.notifications.all.map(\.kind) == [.failure] && harness.notifications.all.first?.endpoint == nil)
    #expect(harness.notifications.all.first?.why == "\(status.why): e1, e2")
    let events = try await harness.environment.history.events(limit: 1000).filter { $0.endpoint == nil }
    #expect(
      events.map(\.event.what) == ["deletions are withheld"] && events.first?.event.why == "\(status.why): e1, e2")
    #expect(events.first?.event.sourceCommit == "c2")
    harness.source.set(all.filter { $0.key > "e1.yaml" }, commit: "c3")
    try await harness.run(for: .seconds(600))
    #expect(harness.environment.workspace.endpoint("e1") == nil && harness.environment.workspace.endpoint("e2") != nil)
    #expect(harness.notifications.all.map(\.kind) == [.failure, .recovery])
  }

  @Test func `a moved alias is a change like any other`() async throws {
    let harness = try await harness(version: "@champion")
    #expect(harness.environment.liveVersion() == "1")
    harness.environment.workspace.setModel(
      Environment.model, versions: [1: .ready, 2: .ready], aliases: ["champion": 2])
    try await harness.run(for: .seconds(600))
    #expect(harness.environment.liveVersion() == "2")
  }

  @Test func `without the lease, nothing is written`() async throws {
    let harness = try await harness()
    harness.lease.take()
    harness.source.set(["chat.yaml": TestSource.manifest(version: "2")], commit: "c2")
    let writes = harness.environment.workspace.writes.count
    try await harness.run(for: .seconds(600))
    #expect(harness.environment.workspace.writes.count == writes)
  }

  @Test func `while paused, nothing is written until the controller is resumed`() async throws {
    let harness = try await harness()
    harness.pause.reason = "quarter's end"
    harness.source.set(["chat.yaml": TestSource.manifest(version: "2")], commit: "c2")
    try await harness.run(for: .seconds(600))
    #expect(harness.environment.liveVersion() == "1")
    #expect(await harness.status()?.why.contains("quarter's end") == true)
    harness.pause.reason = nil
    try await harness.run(for: .seconds(600))
    #expect(harness.environment.liveVersion() == "2")
  }

  @Test func `a pause and its end are an event each, and status says how to resume`() async throws {
    let harness = try await harness()
    func events() async throws -> [String] {
      try await harness.environment.history.events(limit: 1000).filter { $0.endpoint == nil }
        .map { $0.event.why.isEmpty ? $0.event.what : "\($0.event.what): \($0.event.why)" }
    }
    harness.pause.reason = "quarter's end"
    try await harness.run(for: .seconds(120))
    #expect(try await events() == ["paused by a test: quarter's end"])
    #expect(
      await harness.controller.fleetStatus.report.problems == [
        "paused by a test: quarter's end; to resume, end the test"
      ])
    // The next process continues the pause, or reports that it has ended.
    harness.restart()
    try await harness.run(for: .seconds(120))
    #expect(try await events() == ["paused by a test: quarter's end"])
    harness.pause.reason = nil
    harness.restart()
    try await harness.run(for: .seconds(120))
    #expect(try await events() == ["paused by a test: quarter's end", "resumed"])
    #expect(await harness.controller.fleetStatus.report.problems.isEmpty)
  }

  @Test func `outside its window, an update waits, and a creation does not`() async throws {
    // The world begins on Thursday 2026-01-01, 00:00 UTC.
    let window = try ChangeWindow(parsing: "Thu 06:00-08:00 UTC")
    let harness = try await harness(ControllerOptions(fleet: "test", windows: [window]))
    #expect(harness.environment.liveVersion() == "1")
    harness.source.set(["chat.yaml": TestSource.manifest(version: "2")], commit: "c2")
    try await harness.run(for: .seconds(5 * 3600))
    #expect(harness.environment.liveVersion() == "1")
    #expect(await harness.status()?.why.contains("change window") == true)
    try await harness.run(for: .seconds(2 * 3600))
    #expect(harness.environment.liveVersion() == "2")
  }

  @Test func `the end of a pause is acted on before the next interval`() async throws {
    let harness = try await harness(ControllerOptions(fleet: "test", interval: .seconds(600)))
    harness.pause.reason = "incident 4711"
    harness.source.set(["chat.yaml": TestSource.manifest(version: "2")], commit: "c2")
    harness.reportChange()
    try await harness.run(for: .seconds(5))
    #expect(await harness.status()?.phase == .withheld)
    await harness.controller.saveStatuses()
    harness.pause.reason = nil
    await harness.controller.saveStatuses()
    try await harness.run(for: .seconds(300))
    #expect(harness.environment.liveVersion() == "2")
  }

  @Test func `an endpoint that was only adopted is not reported as recovered`() async throws {
    let harness = try await harness(version: nil)
    let environment = harness.environment
    // What the manifest says.
    let config = EndpointConfig(entities: [
      ServedEntity(entityName: Environment.model, entityVersion: "1", workloadType: "GPU_SMALL")
    ])
    _ = try await environment.workspace.provider.create("chat", config: config, tags: [:])
    harness.source.set(["chat.yaml": TestSource.manifest(version: "1")], commit: "c1")
    try await harness.settle()
    #expect(await harness.status()?.reason == .conflict)
    try await environment.apply(
      Environment.fleet(DesiredEndpoint(name: "chat", config: config)),
      options: DecisionOptions(fleet: "test", adopt: true))
    try await harness.run(for: harness.options.interval * 2)
    #expect(await harness.status()?.phase == .inSync)
    let events = try await environment.history.events(of: environment.reconciler().key("chat")).map(\.what)
    #expect(!events.contains("recovered"), "\(events)")
  }

  @Test func `the write budget covers the whole fleet`() async throws {
    let budget = ControllerOptions.WriteBudget(writes: 5, period: .seconds(300))
    let harness = try await harness(ControllerOptions(fleet: "test", writeBudget: budget), version: nil)
    let names = (1...12).map { "e\($0)" }
    harness.source.set(
      Dictionary(uniqueKeysWithValues: names.map { ("\($0).yaml", TestSource.manifest($0, version: "1")) }),
      commit: "c1")
    try await harness.run(for: .seconds(299))
    #expect(harness.environment.workspace.writes.count == 5)
    try await harness.run(for: .seconds(900))
    #expect(names.allSatisfy { harness.environment.liveVersion($0) == "1" })
  }

  @Test func `a new process reports nothing about any endpoint before it has read the source`() async throws {
    let first = try await harness()
    try await first.run(for: .seconds(5))
    let harness = ControllerHarness(first.environment, source: first.source, order: [.work, .list, .sync])
    harness.environment.workspace.forgetCalls()
    let events = try await harness.environment.history.events(of: harness.environment.reconciler().key("chat")).count
    try await harness.run(for: .seconds(600))
    #expect(harness.environment.workspace.calls.first?.path.hasSuffix("/serving-endpoints") == true)
    #expect(await harness.status()?.phase == .inSync)
    #expect(harness.notifications.all.isEmpty)
    #expect(
      try await harness.environment.history.events(of: harness.environment.reconciler().key("chat")).count == events)
  }
}
