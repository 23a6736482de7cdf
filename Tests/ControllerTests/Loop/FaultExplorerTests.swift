import FaultExploration
import Testing

/// `faults` runs all scenarios in a release build; these are the ones that a change breaks first.
@Suite struct FaultExplorerTests {
  @Test func `every fault at every call of the first scenarios ends where the undisturbed run ends`() async throws {
    let findings = try await FaultExploration.explore(first: 2)
    for problem in findings.problems.prefix(12) { Issue.record(Comment(rawValue: problem)) }
    #expect(findings.runs > 100 && findings.problems.isEmpty)
  }
}
