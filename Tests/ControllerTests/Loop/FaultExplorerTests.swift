import Controller
import ControllerKit
import TestKit
import Testing

/// Whatever fault hits a call, and wherever the process is killed, the controller ends in the same state as without it.
@Suite struct FaultExplorerTests {
  @Test
  func `every fault at every call of every scenario ends in the same state as the undisturbed run`() async throws {
    let clock = ContinuousClock()
    let begun = clock.now
    let findings = try await withThrowingTaskGroup(of: Findings.self) { group in
      for scenario in FaultScenario.all { group.addTask { try await explore(scenario) } }
      return try await group.reduce(into: Findings()) { $0.add($1) }
    }
    print(
      "fault explorer: \(findings.runs) runs, \(FaultScenario.all.count) scenarios, \(findings.faults.count) ended "
        + "elsewhere, in \((clock.now - begun).components.seconds) s")
    for fault in findings.faults.prefix(12) { Issue.record(Comment(rawValue: fault)) }
    #expect(findings.runs > 1000 && findings.faults.isEmpty)
  }

  private struct Findings: Sendable {
    var runs = 0
    var faults: [String] = []

    mutating func add(_ other: Findings) {
      runs += other.runs
      faults += other.faults
    }
  }

  private func explore(_ scenario: FaultScenario) async throws -> Findings {
    var findings = Findings()
    for (order, disturbances) in Self.roads {
      let explorer = try await FaultExplorer(scenario, order: order)
      let undisturbed = try await explorer.run(.none)
      check(undisturbed, scenario)
      findings.runs += 1
      for disturbance in disturbances(undisturbed) {
        let ending = try await explorer.run(disturbance)
        findings.runs += 1
        let fault = explorer.fault(of: ending, after: disturbance, undisturbed: undisturbed)
        if let fault { findings.faults.append(fault) }
      }
    }
    return findings
  }

  private typealias Road = (
    order: [ControllerRig.Job], disturbances: @Sendable (FaultExplorer.Ending) -> [Disturbance]
  )

  /// The concurrent jobs of a controller, in every sequence that makes a difference. After a crash this matters: a new
  /// process may observe endpoints that an earlier one knew before it has read the source.
  private static let roads: [Road] = [
    ([.sync, .list, .work], { [.noNotice] + faults($0) }),
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

  private func check(_ ending: FaultExplorer.Ending, _ scenario: FaultScenario) {
    #expect(ending.problems.isEmpty, "\(scenario)")
    #expect(ending.writes.map(\.description) == scenario.writes, "\(scenario)")
    let phase = scenario.phase.map { "chat status: \($0) " } ?? "chat status: none"
    #expect(ending.state.contains { $0.hasPrefix(phase) }, "\(scenario): \(ending.state)")
    let live = "chat live: \(scenario.version.map { "\(ControllerWorld.model)/\($0)," } ?? "none")"
    #expect(ending.state.contains { $0.hasPrefix(live) }, "\(scenario): \(ending.state)")
  }
}
