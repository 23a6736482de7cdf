import Controller
import ControllerKit
import Endpoints
import History
import Logging
import ModelRegistry
import Planning
import Scheduling
import ServiceLifecycle
import ServingAPI
import Synchronization
import TestKit
import Testing

/// The controller as a service: its lease, its wake-ups, and how it stops.
@Suite(.timeLimit(.minutes(5))) struct ControllerServiceTests {
  typealias Environment = ControllerEnvironment

  /// A source that notifies its listeners when a test sets it.
  private final class WakingSource: ManifestSource {
    let description = "a test"
    private let inner = TestSource()
    private let (stream, waker) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    func read() async throws -> SourceReading { try await inner.read() }
    func changes() -> AsyncStream<Void> { stream }
    func set(version: String) {
      inner.set(["chat.yaml": TestSource.manifest(version: version)], commit: "c\(version)")
      waker.yield()
    }
  }

  /// Records the states that a controller reports.
  private final class ReportedStates: Sendable {
    private let said = Mutex<[ControllerService.Leadership]>([])
    var all: [ControllerService.Leadership] { said.withLock { $0 } }
    func append(_ standing: ControllerService.Leadership) { said.withLock { $0.append(standing) } }
  }

  /// Runs a controller while `body` does something with it, then asks it to stop; returns how it ended.
  private func run(
    _ lease: TestLease, _ source: WakingSource, _ environment: Environment,
    standing: @escaping @Sendable (ControllerService.Leadership) -> Void = { _ in },
    _ body: @escaping @Sendable (FleetController) async throws -> Void
  ) async throws {
    // Longer than any test: whatever happens, happens because something woke the controller.
    let options = ControllerOptions(fleet: "test", interval: .seconds(3600), grace: .seconds(5))
    let start = ContinuousClock.now
    let elapsed: @Sendable () -> Duration = { start.duration(to: .now) }
    let queue = KeyQueue(backoff: FleetController.backoff, now: elapsed)
    let resolver = VersionResolver(environment.workspace.client)
    let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let parts = ControllerParts(
      source: source, versionOfAlias: { try await resolver.resolve(model: $0.model, alias: $0.name) }, lease: lease,
      pause: { nil }, notifications: NoNotifications(),
      metrics: ControllerMetrics(version: "test", fleet: "test", started: environment.now, concurrency: 4), log: quiet,
      alarm: { try await Task.sleep(for: $0) }, elapsed: elapsed, chance: { 0.5 }, instance: "test")
    let controller = FleetController(environment.reconciler(), options, parts, queue: queue)
    let (wakes, _) = AsyncStream.makeStream(of: Void.self)
    let service = ControllerService(
      controller, options, parts, syncRequests: wakes, sleep: { try await Task.sleep(for: min($0, .milliseconds(50))) },
      onStanding: standing)
    let group = ServiceGroup(
      configuration: .init(
        services: [.init(service: service, successTerminationBehavior: .gracefullyShutdownGroup)], logger: quiet))
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { try await group.run() }
      tasks.addTask {
        try await body(controller)
        await group.triggerGracefulShutdown()
      }
      // The first error ends the other task at once; `waitForAll` would wait for a body that is still sleeping.
      while try await tasks.next() != nil {}
    }
  }

  private func eventually(_ what: String, _ condition: @Sendable () async throws -> Bool) async throws {
    let end = ContinuousClock.now + .seconds(120)
    while ContinuousClock.now < end {
      if try await condition() { return }
      try await Task.sleep(for: .milliseconds(10))
    }
    Issue.record("never happened: \(what)")
  }

  private func environment() throws -> Environment {
    let environment = try Environment()
    environment.workspace.setModel(Environment.model, versions: [1: .ready, 2: .ready])
    return environment
  }

  @Test func `a change of the source is acted on at once, and the observed state is saved on stop`() async throws {
    let (environment, source) = (try environment(), WakingSource())
    source.set(version: "1")
    try await run(TestLease(), source, environment) { _ in
      try await eventually("version 1 is live") { environment.liveVersion() == "1" }
      source.set(version: "2")
      try await eventually("version 2 is live") { environment.liveVersion() == "2" }
    }
    let saved = try await environment.history.statuses(
      host: environment.reconciler().provider.target.url, fleet: "test")
    #expect(saved.map(\.name) == ["chat"])
  }

  @Test func `without the lease it stands by, does nothing, and stops when asked to`() async throws {
    let (environment, source, lease) = (try environment(), WakingSource(), TestLease())
    lease.take()
    source.set(version: "1")
    let standings = ReportedStates()
    try await run(lease, source, environment, standing: { standings.append($0) }) { _ in
      try await eventually("it stands by") { !standings.all.isEmpty }
    }
    #expect(standings.all == [.standby(holder: "another")])
    #expect(environment.workspace.calls.isEmpty)
  }

  @Test func `losing the lease ends it with an error, and nothing more is written`() async throws {
    let (environment, source, lease) = (try environment(), WakingSource(), TestLease())
    source.set(version: "1")
    await #expect(throws: (any Error).self) {
      try await run(lease, source, environment) { _ in
        try await eventually("version 1 is live") { environment.liveVersion() == "1" }
        lease.take()
        source.set(version: "2")
        // The error ends the controller; if it stopped by itself, there would be none.
        try await Task.sleep(for: .seconds(3600))
      }
    }
    #expect(environment.liveVersion() == "1")
  }
}
