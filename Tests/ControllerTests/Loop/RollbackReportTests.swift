import Controller
import ControllerKit
import History
import Planning
import TestKit
import Testing

/// When a controller reports a rollback: once, when it is sent.
@Suite struct RollbackReportTests {
  private func harness(
    _ options: ControllerOptions = ControllerOptions(fleet: "test")
  ) async throws -> ControllerHarness {
    let environment = try ControllerEnvironment()
    ControllerEnvironment.setVersions(environment.workspace)
    let harness = ControllerHarness(environment, options)
    harness.source.set(["chat.yaml": TestSource.manifest(version: "1")], commit: "c1")
    try await harness.settle()
    return harness
  }

  private func rollbacks(_ harness: ControllerHarness) throws -> Double? {
    try Exposition(harness.metrics.text(now: harness.environment.now))[
      "setpoint_rollbacks_total", ["endpoint": "chat"]]
  }

  private func told(_ harness: ControllerHarness) -> [String] {
    harness.notifications.all.filter { $0.kind == .rollback }.map(\.what)
  }

  @Test(arguments: [false, true])
  func `a rollback that waits for an update is reported when it is sent, and once`(isRestarted: Bool) async throws {
    let harness = try await harness()
    let workspace = harness.environment.workspace
    workspace.setBehavior(.ready(polls: 20), model: ControllerEnvironment.model, version: "2")
    harness.source.set(["chat.yaml": TestSource.manifest(version: "2")], commit: "c2")
    harness.reportChange()
    try await harness.run(for: .milliseconds(10))
    try await harness.environment.reconciler().rollBack("chat", to: nil)
    try await harness.run(for: .seconds(5))
    let due = try #require(await harness.status())
    #expect(due.phase == .rollingBack && due.reason == .askedFor)
    #expect(told(harness).isEmpty)
    #expect(try rollbacks(harness) == 0)
    if isRestarted { harness.restart() }
    workspace.setBehavior(.ready(polls: 5), model: ControllerEnvironment.model, version: "1")
    try await harness.run(for: .seconds(1200))
    #expect(harness.environment.liveVersion() == "1")
    #expect(await harness.status()?.reason == .rolledBack)
    #expect(told(harness) == ["is moving to the chosen revision"])
    #expect(try rollbacks(harness) == 1)
  }

  @Test func `a rollback after a failed verification is reported once, however long it takes`() async throws {
    let harness = try await harness()
    harness.environment.workspace.setBehavior(.ready(polls: 5), model: ControllerEnvironment.model, version: "1")
    setWrongVersion(harness)
    try await harness.run(for: .seconds(1200))
    #expect(harness.environment.liveVersion() == "1")
    #expect(told(harness) == ["is being rolled back"])
    #expect(try rollbacks(harness) == 1)
  }

  @Test(arguments: [false, true])
  func `a rollback that waits for the write budget is reported when it is sent, and once`(
    isRestarted: Bool
  ) async throws {
    let budget = ControllerOptions.WriteBudget(writes: 2, period: .seconds(3600))
    let harness = try await harness(ControllerOptions(fleet: "test", writeBudget: budget))
    setWrongVersion(harness)
    try await harness.run(for: .seconds(1200))
    #expect(harness.environment.liveVersion() == "4")
    #expect(await harness.status()?.phase == .withheld)
    #expect(told(harness).isEmpty)
    #expect(try rollbacks(harness) == 0)
    if isRestarted { harness.restart() }
    try await harness.run(for: .seconds(4800))
    #expect(harness.environment.liveVersion() == "1")
    #expect(told(harness) == ["is being rolled back"])
    #expect(try rollbacks(harness) == 1)
  }

  @Test func `a controller does not report a rollback that an earlier one sent`() async throws {
    let harness = try await harness()
    harness.environment.workspace.setBehavior(.ready(polls: 5), model: ControllerEnvironment.model, version: "1")
    setWrongVersion(harness)
    harness.reportChange()
    let end = harness.environment.now + .seconds(1200)
    while told(harness).isEmpty, harness.environment.now < end { try await harness.run(for: .milliseconds(100)) }
    harness.restart()
    try await harness.run(for: .seconds(1200))
    #expect(harness.environment.liveVersion() == "1")
    #expect(told(harness) == ["is being rolled back"])
    #expect(try rollbacks(harness) == 1)
  }

  /// The manifest's version becomes one that is ready and fails its verification.
  private func setWrongVersion(_ harness: ControllerHarness) {
    harness.source.set(
      [
        "chat.yaml": TestSource.manifest(
          version: "4", extra: "  rollout: {verify: [{chat: hi, expect: {contains: Hello}}]}")
      ], commit: "c2")
  }
}
