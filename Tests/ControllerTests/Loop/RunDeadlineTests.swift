import Controller
import ControllerKit
import Endpoints
import History
import LibCurl
import Logging
import ModelRegistry
import Planning
import Scheduling
import ServiceLifecycle
import ServingAPI
import Synchronization
import TestKit
import Testing

/// A run may not take forever, and does not affect the others.
@Suite struct RunDeadlineTests {
  typealias Environment = ControllerEnvironment

  /// The first read of an endpoint is never answered.
  private static func hanging(_ transport: @escaping Transport) -> Transport {
    let isFirst = Flag()
    return { request in
      if request.method == "GET", request.url.hasSuffix("/serving-endpoints/chat"), isFirst.take() {
        try await Task.sleep(for: .seconds(3600))
      }
      return try await transport(request)
    }
  }

  private final class Flag: Sendable {
    private let isTaken = Mutex(false)
    func take() -> Bool {
      isTaken.withLock { isTaken in
        defer { isTaken = true }
        return !isTaken
      }
    }
  }

  private func service(_ environment: Environment, _ options: ControllerOptions) -> ControllerService {
    let start = ContinuousClock.now
    let elapsed: @Sendable () -> Duration = { start.duration(to: .now) }
    let client = ServingClient(.test, version: "test", transport: Self.hanging(environment.workspace.transport))
    let resolver = VersionResolver(client)
    let reconciler = Reconciler(
      provider: APIProvider(client), history: environment.history, options: options.decision(commit: nil),
      servable: { try await resolver.requireServable(model: $0.entityName, version: $0.entityVersion) },
      now: { environment.now })
    let parts = ControllerParts(
      source: TestSource(["chat.yaml": TestSource.manifest(version: "1")]),
      versionOfAlias: { try await resolver.resolve(model: $0.model, alias: $0.name) }, lease: TestLease(),
      pause: { nil }, notifications: NoNotifications(),
      metrics: ControllerMetrics(version: "test", fleet: "test", started: environment.now, concurrency: 1),
      log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, alarm: { try await Task.sleep(for: $0) },
      elapsed: elapsed, chance: { 0 }, instance: "test")
    let queue = KeyQueue(
      backoff: Backoff(first: .milliseconds(1), cap: .milliseconds(1)), now: elapsed, chance: { 0 })
    let controller = FleetController(reconciler, options, parts, queue: queue)
    return ControllerService(
      controller, options, parts, syncRequests: AsyncStream { $0.finish() },
      sleep: { try await Task.sleep(for: min($0, .milliseconds(50))) }, onStanding: { _ in })
  }

  @Test(.timeLimit(.minutes(1)))
  func `a reconcile that hangs is ended and reported, and the only worker continues`() async throws {
    let environment = try Environment()
    environment.workspace.setModel(Environment.model, versions: [1: .ready])
    // The deadline also applies to the run that does not hang.
    let options = ControllerOptions(
      fleet: "test", interval: .seconds(3600), concurrency: 1, runDeadline: .seconds(2))
    let service = service(environment, options)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await service.run() }
      while environment.liveVersion() != "1" { try await Task.sleep(for: .milliseconds(5)) }
      group.cancelAll()
      try await group.waitForAll()
    }
    let events = try await environment.history.events(of: environment.reconciler().key("chat"))
    #expect(events.contains { $0.what.contains("took longer than") })
  }
}
