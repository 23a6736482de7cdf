import Controller
import Endpoints
import History
import Logging
import ModelRegistry
import Planning
import Scheduling
import ServingAPI
import Synchronization
import TestKit

/// A controller over a ``ControllerWorld``, worked by hand: time stands still while it works, and jumps to whatever is due next.
final class ControllerRig: Sendable {
  let world: ControllerWorld
  let source: TestSource
  let notices = TestNotices()
  let lease = TestLease()
  let pause = Mutex<String?>(nil)
  let metrics: ControllerMetrics
  let options: ControllerOptions
  private let parts: Mutex<(controller: FleetController, queue: KeyQueue)>
  private let due = Mutex<(sync: Timestamp, list: Timestamp)>((Timestamp(milliseconds: 0), Timestamp(milliseconds: 0)))

  init(
    _ world: ControllerWorld, _ options: ControllerOptions = ControllerOptions(fleet: "test"),
    source: TestSource = TestSource()
  ) {
    self.world = world
    self.options = options
    self.source = source
    metrics = ControllerMetrics(version: "test", fleet: options.fleet, started: world.now, concurrency: options.concurrency)
    parts = Mutex(Self.make(world, options, source, notices, lease, metrics, pause: { nil }))
    let pause: @Sendable () -> String? = { [unowned self] in self.pause.withLock { $0 } }
    let made = Self.make(world, options, source, notices, lease, metrics, pause: pause)
    parts.withLock { $0 = made }
  }

  var controller: FleetController { parts.withLock { $0.controller } }
  var queue: KeyQueue { parts.withLock { $0.queue } }

  private static func make(
    _ world: ControllerWorld, _ options: ControllerOptions, _ source: TestSource, _ notices: TestNotices,
    _ lease: TestLease, _ metrics: ControllerMetrics, pause: @escaping @Sendable () -> String?
  ) -> (FleetController, KeyQueue) {
    let elapsed: @Sendable () -> Duration = { world.now - ControllerWorld.beginning }
    let queue = KeyQueue(
      backoff: FleetController.backoff, now: elapsed, chance: { 0.5 },
      sleep: { _ in try await Task.sleep(for: .seconds(3600)) })
    let resolver = VersionResolver(world.workspace.client)
    let parts = ControllerParts(
      source: source, versionOfAlias: { try await resolver.resolve(model: $0.model, alias: $0.name) }, lease: lease, pause: pause,
      notices: notices, metrics: metrics, log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
      // Virtual time passes only between runs, so no run takes too long.
      alarm: { _ in try await Task.sleep(for: .seconds(3600)) }, elapsed: elapsed, chance: { 0.5 }, instance: "test")
    let controller = FleetController(world.reconciler(), options, parts, queue: queue)
    return (controller, queue)
  }

  /// A new controller over the same world and history, as after the end of the process.
  func restart() {
    let pause: @Sendable () -> String? = { [unowned self] in self.pause.withLock { $0 } }
    let made = Self.make(world, options, source, notices, lease, metrics, pause: pause)
    parts.withLock { $0 = made }
    due.withLock { $0 = (Timestamp(milliseconds: 0), Timestamp(milliseconds: 0)) }
  }

  /// Works for so long in virtual time.
  func run(for duration: Duration) async throws {
    let end = world.now + duration
    while try await step(until: end) {}
  }

  /// Works until every endpoint rests until its next interval.
  func settle(within limit: Duration = .seconds(24 * 3600)) async throws {
    let end = world.now + limit
    while try await step(until: end) {
      let next = queue.nextReady.map { ControllerWorld.beginning + $0 }
      if let next, next < world.now + options.interval * 0.8 { continue }
      if due.withLock({ $0.sync > world.now && $0.list > world.now }) { return }
    }
  }

  /// One piece of work, or a jump to the next; false at the end.
  private func step(until end: Timestamp) async throws -> Bool {
    let now = world.now
    guard now < end, !world.workspace.isCrashed else { return false }
    let (sync, list) = due.withLock { $0 }
    if sync <= now {
      due.withLock { $0.sync = now + options.interval }
      try await controller.sync()
    } else if list <= now {
      due.withLock { $0.list = now + options.interval }
      try await controller.list()
    } else if let taken = queue.takeReady() {
      await controller.work(on: taken)
    } else {
      let next = [queue.nextReady.map { ControllerWorld.beginning + $0 }, sync, list, end].compactMap(\.self).min() ?? end
      world.advance(max(.milliseconds(1), next - now))
    }
    return true
  }

  func status(_ name: String = "chat") async -> EndpointStatus? {
    await controller.fleetStatus.endpoints.first { $0.name == name }
  }
}

/// A source that says what a test puts into it.
final class TestSource: ManifestSource {
  let description = "a test"
  private let reading: Mutex<SourceReading>

  init(_ files: [String: String] = [:], commit: String? = nil) {
    reading = Mutex(Self.reading(files, commit, nil))
  }

  func read() async throws -> SourceReading { reading.withLock { $0 } }

  func changes() -> AsyncStream<Void> { AsyncStream { $0.finish() } }

  /// Puts these files in the place of all others.
  func set(_ files: [String: String], commit: String? = nil, problem: String? = nil) {
    reading.withLock { $0 = Self.reading(files, commit, problem) }
  }

  private static func reading(_ files: [String: String], _ commit: String?, _ problem: String?) -> SourceReading {
    let set = ManifestSet.read(files.sorted { $0.key < $1.key }.map { (file: $0.key, bytes: Array($0.value.utf8)) })
    return SourceReading(set: set, commit: commit, problem: problem)
  }

  static func manifest(_ name: String = "chat", version: String, extra: String = "") -> String {
    """
    apiVersion: serving.setpoint.dev/v1alpha1
    kind: ServingEndpoint
    metadata:
      name: \(name)
    spec:
      model: \(ControllerWorld.model)
      entityVersion: "\(version)"
      workloadType: T4
      size: Small
      scaleToZero: false
    \(extra)
    """
  }
}

/// Keeps what is posted.
final class TestNotices: NoticeSink {
  private let posted = Mutex<[Notice]>([])
  func post(_ notice: Notice) { posted.withLock { $0.append(notice) } }
  var all: [Notice] { posted.withLock { $0 } }
}

/// A lease that a test gives and takes.
final class TestLease: Lease {
  private let held = Mutex(true)
  func acquire() async throws -> Bool { held.withLock { $0 } }
  func isHeld() async -> Bool { held.withLock { $0 } }
  func release() async {}
  var holder: String? { get async { held.withLock { $0 } ? "this test" : "another" } }
  func take() { held.withLock { $0 = false } }
}
