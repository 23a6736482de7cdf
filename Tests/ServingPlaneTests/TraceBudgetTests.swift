import Gateway
import Testing

@testable import ServingPlane

@Suite struct TraceBudgetTests {
  private func trace(parent: String? = nil, isSampled: Bool = true) -> TraceContext {
    TraceContext(
      traceID: String(repeating: "a", count: 32), spanID: String(repeating: "b", count: 16), parentSpanID: parent,
      isSampled: isSampled)
  }

  @Test func `of the traces that nobody asks for, a few in each second are recorded`() {
    var budget = TraceBudget()
    let admitted = (0..<100).count { _ in budget.admits(trace(), at: 1_000_000_000) }
    #expect(admitted == TraceBudget.perSecond)
    let next = budget.admits(trace(), at: 2_000_000_000)
    #expect(next)
  }

  @Test func `each trace that a client asks for is recorded, and none that it declines`() {
    var budget = TraceBudget()
    let parent = String(repeating: "c", count: 16)
    for _ in 0..<100 {
      let isAdmitted = budget.admits(trace(parent: parent), at: 0)
      let isDeclined = budget.admits(trace(parent: parent, isSampled: false), at: 0)
      #expect(isAdmitted && !isDeclined)
    }
    let without = budget.admits(nil, at: 0)
    #expect(!without)
  }
}
