internal import ControllerKit
internal import TestKit

/// Whatever fault hits a call, and wherever the process is killed, the controller ends in the same state as without it.
package enum FaultExploration {
  package static let scenarioCount = FaultScenario.all.count

  package struct Findings: Sendable {
    package var runs = 0
    package var problems: [String] = []

    mutating func add(_ other: Findings) {
      runs += other.runs
      problems += other.problems
    }
  }

  /// Runs the first scenarios, or all of them, with every fault at every call.
  package static func explore(first count: Int = scenarioCount) async throws -> Findings {
    try await withThrowingTaskGroup(of: Findings.self) { group in
      for scenario in FaultScenario.all.prefix(count) {
        group.addTask { try await explore(scenario) }
      }
      return try await group.reduce(into: Findings()) { $0.add($1) }
    }
  }

  private static func explore(_ scenario: FaultScenario) async throws -> Findings {
    var findings = Findings()
    for (order, disturbances) in paths {
      let explorer = try await FaultExplorer(scenario, order: order)
      let undisturbed = try await explorer.run(.none)
      findings.problems += problems(of: undisturbed, scenario)
      findings.runs += 1
      for disturbance in disturbances(undisturbed) {
        let ending = try await explorer.run(disturbance)
        findings.runs += 1
        let fault = explorer.fault(of: ending, after: disturbance, undisturbed: undisturbed)
        if let fault { findings.problems.append(fault) }
      }
    }
    return findings
  }

  private typealias Path = (
    order: [ControllerHarness.Job], disturbances: @Sendable (FaultExplorer.Ending) -> [Disturbance]
  )

  /// The concurrent jobs of a controller, in every sequence that makes a difference. After a crash this matters: a new
  /// process may observe endpoints that an earlier one knew before it has read the source.
  private static let paths: [Path] = [
    ([.sync, .list, .work], { [.noNotification] + faults($0) }),
    ([.work, .list, .sync], { crashes($0) + deaths($0) }),
  ]

  private static func faults(_ undisturbed: FaultExplorer.Ending) -> [Disturbance] {
    undisturbed.calls.enumerated().flatMap { number, call in
      Disturbance.faults.filter { $0 != .stale || call.method == "GET" }.map { Disturbance.call(number, $0) }
    }
  }

  private static func crashes(_ undisturbed: FaultExplorer.Ending) -> [Disturbance] {
    undisturbed.calls.enumerated().flatMap { number, call in
      [.call(number, .crashBefore), .call(number, .crashAfter)]
        + (call.isWrite ? (0..<6).map { Disturbance.twice(number, $0) } : [])
    }
  }

  private static func deaths(_ undisturbed: FaultExplorer.Ending) -> [Disturbance] {
    (0..<undisturbed.commits).flatMap { [.commit(.before($0)), .commit(.after($0))] }
  }

  private static func problems(of ending: FaultExplorer.Ending, _ scenario: FaultScenario) -> [String] {
    var problems = ending.problems
    let writes = ending.writes.map(\.description)
    if writes != scenario.writes { problems.append("sent \(writes), not \(scenario.writes)") }
    let phase = scenario.phase.map { "chat status: \($0) " } ?? "chat status: none"
    let live = "chat live: \(scenario.version.map { "\(ControllerEnvironment.model)/\($0)," } ?? "none")"
    for expected in [phase, live] where !ending.state.contains(where: { $0.hasPrefix(expected) }) {
      problems.append("expected \"\(expected)\" in \(ending.state)")
    }
    return problems.map { "\(scenario), undisturbed: \($0)" }
  }
}
