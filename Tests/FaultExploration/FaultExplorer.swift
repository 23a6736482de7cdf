internal import CanonicalJSON
internal import Controller
internal import ControllerKit
internal import Endpoints
internal import History
internal import Planning
internal import ServingAPI
internal import TestKit

/// Runs one scenario repeatedly from the same starting point.
final class FaultExplorer: Sendable {
  let scenario: FaultScenario
  private let workspace: WorkspaceDouble
  private let history: CrashingHistory
  private let beginning: Timestamp
  private let order: [ControllerHarness.Job]

  private static let strangers = ["stranger", "sales-chat"]

  /// Brings the fleet to the start of the scenario.
  init(_ scenario: FaultScenario, order: [ControllerHarness.Job] = ControllerHarness.Job.allCases) async throws {
    self.scenario = scenario
    self.order = order
    var behaviors = WorkspaceBehaviors()
    behaviors.keepsPendingAfterFailure = true
    let workspace = WorkspaceDouble(behaviors: behaviors)
    ControllerEnvironment.setVersions(workspace)
    workspace.foreignEdit("stranger", config: ControllerEnvironment.config("1"), tags: ["owner": "somebody"])
    workspace.foreignEdit("sales-chat", config: ControllerEnvironment.config("1"), tags: [FleetTags.fleet: "sales"])
    scenario.prepare(workspace)
    for name in Self.strangers + ["chat"] { for _ in 0..<3 { _ = try await workspace.provider.observe(name) } }
    history = try CrashingHistory(isDead: { false }, die: {})
    let environment = ControllerEnvironment(workspace, history.open())
    let harness = ControllerHarness(environment, scenario.options)
    for manifests in scenario.before {
      harness.source.set(Self.files(manifests), commit: "before")
      harness.reportChange()
      try await harness.settle()
    }
    self.workspace = workspace
    beginning = environment.now
  }

  private static func files(_ manifests: [FaultScenario.Manifest]) -> [String: String] {
    Dictionary(manifests.map { ($0.file, $0.text) }, uniquingKeysWith: { $1 })
  }

  /// The result of a run.
  struct Ending: Sendable {
    /// Everything that has to be the same whatever failed, one line each.
    var state: [String] = []
    var calls: [WorkspaceDouble.Call] = []
    var landed: [WorkspaceDouble.Call] = []
    var commits = 0
    /// What must never happen.
    var problems: [String] = []

    var writes: [WorkspaceDouble.Call] { calls.filter(\.isWrite) }
  }

  func run(_ disturbance: Disturbance) async throws -> Ending {
    let workspace = WorkspaceDouble(copying: workspace)
    let history = try CrashingHistory(
      copying: history, isDead: { workspace.isCrashed }, die: { workspace.crash() })
    let environment = ControllerEnvironment(workspace, history.open(), now: beginning)
    let strangers = Self.strangers.map { workspace.text(of: $0) }
    let harness = ControllerHarness(environment, scenario.options, order: order)
    harness.source.set(Self.files(scenario.before.last ?? []), commit: "before")
    try await harness.settle()
    workspace.forgetCalls()
    if let after = scenario.after { harness.source.set(Self.files(after), commit: "after") }
    scenario.change(workspace)
    prepare(disturbance, workspace, history)
    if disturbance != .noNotification { harness.reportChange() }

    var ending = Ending()
    var crashes = 0
    func reopen() {
      crashes += 1
      workspace.restart()
      environment.reopen(history.open())
      harness.restart()
      guard case .twice(_, let second) = disturbance else { return }
      let sent = workspace.calls.count
      let isAgain = crashes == 1
      workspace.setPlan { number, _ in isAgain && number == sent + second ? .crashAfter : nil }
    }
    // What a stale copy hides is seen one interval later.
    var intervals = 1.2
    if case .call(_, .stale) = disturbance { intervals = 2.4 }
    let end = environment.now + scenario.options.interval * intervals
    while environment.now < end, crashes < 5 {
      try await harness.run(for: end - environment.now)
      if workspace.isCrashed { reopen() }
    }
    while try await !harness.settle(within: .seconds(6 * 3600)) {
      guard workspace.isCrashed, crashes < 5 else {
        ending.problems.append("it never came to rest")
        break
      }
      reopen()
    }
    (ending.calls, ending.landed, ending.commits) = (workspace.calls, workspace.landed, history.commits)
    ending.state = try await harness.ending(of: ["chat", "rest"])
    try await harness.run(for: scenario.options.interval * 1.2)
    if workspace.writes.count > ending.writes.count {
      ending.problems.append("at rest it sent \(workspace.writes.dropFirst(ending.writes.count))")
    }
    if Self.strangers.map({ workspace.text(of: $0) }) != strangers { ending.problems.append("another fleet changed") }
    return ending
  }

  private func prepare(_ disturbance: Disturbance, _ workspace: WorkspaceDouble, _ history: CrashingHistory) {
    switch disturbance {
    case .none, .noNotification: history.count()
    case .call(let disturbed, let fault): workspace.setPlan { number, _ in number == disturbed ? fault : nil }
    case .twice(let first, _): workspace.setPlan { number, _ in number == first ? .crashAfter : nil }
    case .commit(let crashPoint): history.count(dyingAt: crashPoint)
    }
  }

  private func inOrder(_ calls: [WorkspaceDouble.Call]) -> [String] {
    let words = calls.map(\.description)
    return scenario.keepsOrder ? words : words.sorted()
  }

  /// What is wrong with a run, in words; nil: nothing.
  func fault(of ending: Ending, after disturbance: Disturbance, undisturbed: Ending) -> String? {
    var problems = ending.problems
    problems += ControllerHarness.difference(ending.state, from: undisturbed.state)
    let more = ending.landed.count - undisturbed.landed.count
    let mayLand = disturbance.mayLand(ending.calls)
    if mayLand == 0 ? inOrder(ending.landed) != inOrder(undisturbed.landed) : more > mayLand {
      problems.append("landed: \(ending.landed), not \(undisturbed.landed)")
    }
    if ending.writes.count - undisturbed.writes.count > disturbance.mayRepeat {
      problems.append("sent: \(ending.writes), not \(undisturbed.writes)")
    }
    guard !problems.isEmpty else { return nil }
    let calls = ending.calls.enumerated().map { "  \($0.offset): \($0.element)" }
    return (["\(scenario), order \(order), \(disturbance):"] + problems + calls).joined(separator: "\n")
  }
}
