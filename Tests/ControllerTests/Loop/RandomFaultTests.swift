import FaultExploration
import Testing

/// `faults` runs this with a thousand endpoints in a release build.
@Suite struct RandomFaultTests {
  @Test func `a provider that fails every third call costs at most two and a half times the calls`() async throws {
    let findings = try await RandomFaultRun(endpoints: 100).run()
    for problem in findings.problems { Issue.record(Comment(rawValue: problem)) }
    #expect(findings.problems.isEmpty, "\(findings.summary)")
  }
}
