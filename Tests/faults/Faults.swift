import FaultExploration
import TestKit

/// `faults`: a controller in virtual time, against a workspace that fails. First every fault at every call of every
/// scenario, then a thousand endpoints with faults at random. Exits 1 if a run ends anywhere else than without faults.
@main
struct Faults {
  static func main() async throws {
    let clock = ContinuousClock()
    let start = clock.now
    var explored = try await FaultExploration.explore()
    if explored.runs <= 1000 { explored.problems.append("only \(explored.runs) runs; expected more than 1000") }
    report(
      "fault explorer: \(explored.runs) runs, \(FaultExploration.scenarioCount) scenarios, \(explored.problems.count) "
        + "ended elsewhere, in \((clock.now - start).components.seconds) s", explored.problems)
    let random = try await RandomFaultRun(endpoints: 1000).run()
    report(random.summary, random.problems)
    if !explored.problems.isEmpty || !random.problems.isEmpty { exitNow(1) }
  }

  private static func report(_ summary: String, _ problems: [String]) {
    print(summary)
    for problem in problems.prefix(12) { print("FAILED \(problem)") }
    flushOutput()
  }
}
