package import Controller
package import Endpoints
package import History
internal import Logging
internal import ModelRegistry
package import Planning
internal import Scheduling
internal import ServingAPI
internal import Synchronization
internal import TestKit

/// A controller over a ``ControllerEnvironment``, driven step by step: time stands still while it works, and jumps to the
/// next due event. It calls the provider as `setpoint run` does, one attempt per call.
package final class ControllerHarness: Sendable {
  package let environment: ControllerEnvironment
  package let source: TestSource
  package let notifications = TestNotifications()
  package let lease = TestLease()
  package let pause = TestPause()
  package let metrics: ControllerMetrics
  package let options: ControllerOptions
  /// Which of the due jobs is done first.
  package let order: [Job]
  private let state: Mutex<State>
  private let preflight: ControllerParts.PreflightCheck?
  private let alarm: @Sendable (Duration) async throws -> Void
  /// From 0 up to 1, for backoff and the jitter of intervals.
  private let chance: @Sendable () -> Double

  /// What a controller does concurrently and a harness does in sequence.
  package enum Job: Hashable, Sendable, CaseIterable { case sync, list, work }

  private struct State {
    var controller: FleetController
    var queue: KeyQueue
    var isLoaded = false
    var nextSync = Timestamp(milliseconds: 0)
    var nextList = Timestamp(milliseconds: 0)
    var lastSave = Timestamp(milliseconds: 0)
  }

  /// - Parameter alarm: ends checks that take too long. Virtual time passes only between runs, so by default none does.
  package init(
    _ environment: ControllerEnvironment, _ options: ControllerOptions = ControllerOptions(fleet: "test"),
    source: TestSource = TestSource(), order: [Job] = Job.allCases,
    preflight: (@Sendable (PlanItem, Decision) async throws -> [PreflightFinding])? = nil,
    alarm: @escaping @Sendable (Duration) async throws -> Void = { _ in try await Task.sleep(for: .seconds(3600)) },
    chance: @escaping @Sendable () -> Double = { 0.5 }
  ) {
    self.environment = environment
    self.options = options
    self.source = source
    self.order = order
    self.chance = chance
    self.preflight = preflight
    self.alarm = alarm
    metrics = ControllerMetrics(
      version: "test", fleet: options.fleet, started: environment.now, concurrency: options.concurrency)
    state = Mutex(
      Self.state(environment, options, source, notifications, lease, metrics, pause, preflight, alarm, chance))
  }

  package var controller: FleetController { state.withLock { $0.controller } }
  package var queue: KeyQueue { state.withLock { $0.queue } }

  private static func state(
    _ environment: ControllerEnvironment, _ options: ControllerOptions, _ source: TestSource,
    _ notifications: TestNotifications,
    _ lease: TestLease, _ metrics: ControllerMetrics, _ pause: TestPause,
    _ preflight: ControllerParts.PreflightCheck?, _ alarm: @escaping @Sendable (Duration) async throws -> Void,
    _ chance: @escaping @Sendable () -> Double
  ) -> State {
    let elapsed: @Sendable () -> Duration = { environment.now - ControllerEnvironment.beginning }
    let queue = KeyQueue(
      backoff: FleetController.backoff, now: elapsed, chance: chance,
      sleep: { _ in try await Task.sleep(for: .seconds(3600)) })
    let resolver = VersionResolver(environment.controllerClient)
    let parts = ControllerParts(
      source: source, versionOfAlias: { try await resolver.resolve(model: $0.model, alias: $0.name) },
      preflight: preflight, lease: lease,
      pause: { pause.reason.map { Pause(reason: $0, cause: "a test", remedy: "end the test") } },
      notifications: notifications, metrics: metrics,
      log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
      alarm: alarm, elapsed: elapsed, chance: chance, instance: "test")
    return State(
      controller: FleetController(environment.controllerReconciler(), options, parts, queue: queue), queue: queue)
  }

  /// A new controller over the same environment and history, as after a restart of the process.
  package func restart() {
    let fresh = Self.state(
      environment, options, source, notifications, lease, metrics, pause, preflight, alarm, chance)
    state.withLock { $0 = fresh }
  }

  /// The source reports a change.
  package func reportChange() { state.withLock { $0.nextSync = environment.now } }

  /// Runs for this long in virtual time, or until its process ends.
  package func run(for duration: Duration) async throws {
    let end = environment.now + duration
    while try await step(until: end) {}
  }

  /// Runs until every endpoint waits for its next interval, or its process ends.
  ///
  /// - Returns: whether every endpoint came to rest.
  @discardableResult
  package func settle(within limit: Duration = .seconds(24 * 3600)) async throws -> Bool {
    let end = environment.now + limit
    while try await step(until: end) { if isAtRest { return true } }
    return false
  }

  private var isAtRest: Bool {
    let metrics = queue.metrics
    guard metrics.failing == 0, metrics.running == 0, metrics.depth == 0 else { return false }
    let next = queue.nextReady.map { ControllerEnvironment.beginning + $0 }
    if let next, next < environment.now + options.interval * 0.8 { return false }
    return state.withLock {
      $0.nextSync > environment.now && $0.nextList > environment.now && $0.lastSave == environment.now
    }
  }

  /// Does one piece of work, or jumps to the next; false at the end.
  private func step(until end: Timestamp) async throws -> Bool {
    guard environment.now < end, !environment.workspace.isCrashed else { return false }
    do {
      try await act(until: end)
    } catch  where environment.workspace.isCrashed {
      // The process ended in the middle of the work.
    }
    return !environment.workspace.isCrashed
  }

  private func act(until end: Timestamp) async throws {
    guard state.withLock({ $0.isLoaded }) else {
      try await controller.loadStatuses()
      return state.withLock { $0.isLoaded = true }
    }
    for job in order { if try await perform(job) { return } }
    let (now, saved) = (environment.now, state.withLock { $0.lastSave })
    if saved + .seconds(1) <= now {
      await controller.saveStatuses()
      return state.withLock { $0.lastSave = now }
    }
    let due = state.withLock { [$0.nextSync, $0.nextList] }
    let ready = queue.nextReady.map { ControllerEnvironment.beginning + $0 }
    // A queue that is shut down hands out nothing, however long a key has been ready.
    let next = (due + [ready, end].compactMap(\.self)).filter { $0 > now }.min() ?? end
    environment.advance(max(.milliseconds(1), next - now))
  }

  /// - Returns: whether there was anything to do.
  private func perform(_ job: Job) async throws -> Bool {
    let now = environment.now
    switch job {
    case .sync:
      guard state.withLock({ $0.nextSync <= now }) else { return false }
      state.withLock { $0.nextSync = now + options.interval }
      try await controller.sync()
    case .list:
      guard state.withLock({ $0.nextList <= now }) else { return false }
      state.withLock { $0.nextList = now + options.interval }
      try await controller.list()
    case .work:
      guard let taken = queue.takeReady() else { return false }
      await controller.work(on: taken)
    }
    return true
  }

  package func status(_ name: String = "chat") async -> EndpointStatus? {
    await controller.fleetStatus.endpoints.first { $0.name == name }
  }
}
