internal import Controller
internal import ControllerKit
internal import Glibc
internal import HTTPSupport
internal import History
internal import Planning
internal import TestKit

/// `soak [--hours N] [--endpoints N]`: a day of a controller in virtual time. A manifest is edited every minute; every
/// tenth edit fails, or the provider is in bad shape for a minute. Exits with 1 if at the end something is left to do,
/// an endpoint differs from its manifest, or memory has grown by more than a tenth since the second hour.
@main
struct Soak {
  private let fleet: SoakFleet
  private let harness: ControllerHarness
  private let faults: RandomFaults
  private var generator = SeededGenerator(seed: 11)
  /// What to undo, and when.
  private var reverts: [(minute: Int, endpoint: Int, version: Int)] = []
  private var faultyUntil: Int?

  static func main() async throws {
    let arguments = Array(CommandLine.arguments.dropFirst())
    func number(_ option: String, _ standard: Int) -> Int {
      arguments.firstIndex(of: option).flatMap { arguments.indices.contains($0 + 1) ? Int(arguments[$0 + 1]) : nil }
        ?? standard
    }
    let directory = try SoakDirectory()
    defer { directory.remove() }
    var soak = try Soak(in: directory, endpoints: number("--endpoints", 1000))
    let problems = try await soak.run(hours: number("--hours", 24))
    for problem in problems { print("soak: \(problem)") }
    if !problems.isEmpty {
      directory.remove()
      exit(1)
    }
  }

  private init(in directory: SoakDirectory, endpoints: Int) throws {
    fleet = try SoakFleet(in: directory, endpoints: endpoints)
    let workspace = WorkspaceDouble()
    fleet.register(in: workspace)
    let environment = ControllerEnvironment(workspace, try HistoryStore.open(in: StateDirectory(path: directory.state)))
    // The write budget of a workspace: an edit a minute stays far below it, a thousand creations do not.
    let options = ControllerOptions(fleet: "test", interval: .seconds(600), writeBudget: nil)
    harness = ControllerHarness(
      environment, options, source: TestSource(DirectorySource(paths: [directory.manifests], warn: { _ in })),
      chance: fleet.chance)
    faults = RandomFaults(environment, share: 0.5, seed: 5)
  }

  /// - Returns: what is wrong at the end, in words.
  private mutating func run(hours: Int) async throws -> [String] {
    let clock = ContinuousClock()
    let begun = clock.now
    var early: Int?
    for minute in 0..<(hours * 60) {
      if minute > 10 { try change(minute) }
      try await harness.run(for: .seconds(60))
      guard (minute + 1) % 120 == 0 else { continue }
      harness.environment.workspace.forgetCalls()
      let memory = Self.residentBytes()
      if early == nil { early = memory }
      print("soak: hour \((minute + 1) / 60): \(memory >> 20) MB resident, \(words(harness.queue.metrics))")
      // Visible at once, also through a pipe.
      fflush(nil)
    }
    try await calmDown()
    let (memory, metrics) = (Self.residentBytes(), harness.queue.metrics)
    let ratio = Double(memory * 1000 / max(1, early ?? memory)) / 1000
    print(
      "soak: \(hours) h, \(fleet.count) endpoints, \(fleet.edits) edits, \(fleet.failures) failing ones, "
        + "\(faults.counts.values.reduce(0, +)) faults of the provider, \(metrics.adds) looks; \(words(metrics)); "
        + "\(memory >> 20) MB resident, \(ratio) of what it was after 2 h; in \((clock.now - begun).components.seconds) s"
    )
    var problems = await misplaced()
    if metrics.depth > 0 || metrics.running > 0 || metrics.failing > 0 {
      problems.append("the queue is not empty: \(words(metrics))")
    }
    if ratio > 1.1 { problems.append("memory grew to \(ratio) of what it was after 2 h") }
    return problems
  }

  /// One edit per minute; every ten minutes something fails.
  private mutating func change(_ minute: Int) throws {
    if let until = faultyUntil, until <= minute {
      harness.environment.workspace.setPlan { _, _ in nil }
      faultyUntil = nil
    }
    for revert in reverts where revert.minute == minute { try fleet.edit(revert.endpoint, to: revert.version) }
    reverts.removeAll { $0.minute <= minute }
    var endpoint = generator.next(below: fleet.count)
    while reverts.contains(where: { $0.endpoint == endpoint }) { endpoint = generator.next(below: fleet.count) }
    switch minute % 20 {
    case 0:
      reverts.append((minute + 10, endpoint, fleet.version(of: endpoint)))
      try fleet.breakVersion(of: endpoint)
    case 10:
      faults.begin()
      faultyUntil = minute + 1
      fallthrough
    default: try fleet.edit(endpoint, to: generator.next(below: SoakFleet.versions) + 1)
    }
    harness.reportChange()
  }

  /// Nothing fails and nobody edits any more.
  private mutating func calmDown() async throws {
    harness.environment.workspace.setPlan { _, _ in nil }
    for revert in reverts { try fleet.edit(revert.endpoint, to: revert.version) }
    reverts = []
    harness.reportChange()
    // The longest step of the backoff, one interval, and the time to finish what is ready now.
    try await harness.run(for: .seconds(300) + harness.options.interval * 1.2)
    while harness.queue.metrics.depth > 0 { try await harness.run(for: .milliseconds(1)) }
  }

  private func misplaced() async -> [String] {
    let statuses = await harness.controller.fleetStatus.endpoints
    let wrong = (0..<fleet.count).filter {
      harness.environment.liveVersion(SoakFleet.name($0)) != "\(fleet.version(of: $0))"
    }
    let unsettled = statuses.filter { $0.phase != .inSync }.map { "\($0.name) is \($0.phase.text): \($0.why)" }
    return wrong.map { "\(SoakFleet.name($0)) is not at version \(fleet.version(of: $0))" } + unsettled
      + (statuses.count == fleet.count ? [] : ["\(statuses.count) endpoints have a status"])
  }

  private static func residentBytes() -> Int { ProcessMetrics.current()?.residentBytes ?? 0 }

  private func words(_ metrics: KeyQueue.Metrics) -> String {
    "\(metrics.depth) ready, \(metrics.running) running, \(metrics.failing) failing, \(metrics.waiting) waiting"
  }
}
