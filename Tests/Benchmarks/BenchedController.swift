import Controller
import Endpoints
import History
import Logging
import ModelRegistry
import Planning
import Scheduling
import ServingAPI

/// A controller as `setpoint run` assembles it, over a simulated provider: real queue, workers, history on disk, lease,
/// statuses and metrics.
struct BenchedController: Sendable {
  let provider: SimulatedProvider
  let source: GeneratedSource
  let controller: FleetController
  let queue: KeyQueue
  private let service: ControllerService

  /// - Parameter directory: where its state is stored.
  init(_ provider: SimulatedProvider, _ source: GeneratedSource, directory: String) throws {
    self.provider = provider
    self.source = source
    let timing = Timing.system
    let now: @Sendable () -> Timestamp = { Timestamp(milliseconds: Process.millisecondsSince1970) }
    let options = ControllerOptions(
      fleet: GeneratedEndpoint.fleet, prune: true, interval: .seconds(3600), concurrency: 16, writeBudget: nil)
    let queue = KeyQueue(
      backoff: FleetController.backoff, now: timing.elapsed, chance: timing.jitter, sleep: timing.sleep)
    let pause = PauseFile(path: "\(directory)/paused")
    let parts = ControllerParts(
      source: source, versionOfAlias: { ResolvedVersion(GeneratedEndpoint.version(of: $0) ?? "") },
      lease: FileLease(directory: directory, provider: provider.target.url, fleet: options.fleet, now: now),
      pause: { pause.current() }, notifications: NoNotifications(),
      metrics: ControllerMetrics(
        version: "benchmark", fleet: options.fleet, started: now(), concurrency: options.concurrency),
      log: Logger(label: "benchmark") { _ in SwiftLogNoOpLogHandler() }, alarm: timing.sleep,
      elapsed: timing.elapsed,
      chance: timing.jitter, instance: "bench")
    let reconciler = Reconciler(
      provider: provider, history: try HistoryStore.open(in: StateDirectory(path: directory)),
      options: options.decision(commit: nil), servable: { _ in }, now: now)
    controller = FleetController(reconciler, options, parts, queue: queue)
    self.queue = queue
    service = ControllerService(
      controller, options, parts, syncRequests: AsyncStream { $0.finish() }, sleep: timing.sleep, onStanding: { _ in })
  }

  /// Runs the controller while `body` measures.
  func run<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
    try await withThrowingTaskGroup(of: Value?.self) { group in
      group.addTask {
        try await service.run()
        return nil
      }
      group.addTask { try await body() }
      defer { group.cancelAll() }
      guard let value = try await group.next() ?? nil else { throw Wrong("the controller stopped by itself") }
      return value
    }
  }

  /// Returns as soon as no endpoint is being processed or queued, and this many checks were made in all.
  func settled(looks: Int) async throws {
    while true {
      try await Task.sleep(for: .milliseconds(10))
      // Reading the metrics costs a little, which does not count against the controller.
      guard provider.looks >= looks else { continue }
      let metrics = queue.metrics
      if metrics.depth == 0, metrics.running == 0 { return }
    }
  }

  /// - Throws: if this many endpoints are not in sync, or any endpoint is not.
  func check(inSync count: Int) async throws {
    let endpoints = await controller.fleetStatus.endpoints
    if let other = endpoints.first(where: { $0.phase != .inSync }) {
      throw Wrong("\(other.name) is \(other.phase.rawValue): \(other.why)")
    }
    guard endpoints.count == count else { throw Wrong("\(endpoints.count) of \(count) endpoints have a status") }
  }
}
