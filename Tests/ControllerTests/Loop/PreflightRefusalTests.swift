import Controller
import ControllerKit
import Endpoints
import History
import Planning
import Synchronization
import TestKit
import Testing

/// A config that the preflight checks refuse is waited for, like a version that is not registered yet.
@Suite struct PreflightRefusalTests {
  /// The result of the checks, which a test changes.
  private final class Checks: Sendable {
    private struct State {
      var outcome = PreflightFinding.Outcome.passed
      var isOutOfOrder = false
      var checked: [PlanAction] = []
    }

    struct OutOfOrder: Error {}

    private let state = Mutex(State())

    func set(_ outcome: PreflightFinding.Outcome) { state.withLock { $0.outcome = outcome } }
    func fail() { state.withLock { $0.isOutOfOrder = true } }
    var checked: [PlanAction] { state.withLock { $0.checked } }

    func findings(_ decision: Decision) throws -> [PreflightFinding] {
      try state.withLock { state in
        state.checked.append(decision.action)
        if state.isOutOfOrder { throw OutOfOrder() }
        return [PreflightFinding(.weightsFit, state.outcome, "the weights do not fit")]
      }
    }
  }

  private let environment: ControllerEnvironment
  private let checks = Checks()
  private let harness: ControllerHarness

  init() throws {
    environment = try ControllerEnvironment()
    ControllerEnvironment.setVersions(environment.workspace)
    harness = ControllerHarness(environment, preflight: { [checks] _, decision in try checks.findings(decision) })
  }

  private func set(_ version: String) {
    harness.source.set(["chat.yaml": TestSource.manifest(version: version)], commit: "c\(version)")
  }

  private var sends: Int {
    environment.workspace.writes.count { $0.path.hasSuffix("/config") || $0.method == "POST" }
  }

  private func refusals() async throws -> [HistoryEvent] {
    try await environment.history.events(of: environment.reconciler().key("chat")).filter {
      $0.what.contains("preflight")
    }
  }

  @Test func `a refused config is not sent, is reported once, and is sent when the checks pass`() async throws {
    set("1")
    try await harness.settle()
    #expect(environment.liveVersion() == "1")
    environment.workspace.forgetCalls()
    checks.set(.refused)
    set("2")
    try await harness.run(for: .seconds(600))
    #expect(sends == 0)
    #expect(environment.workspace.endpoint("chat")?.tags[FleetTags.held] == nil)
    let status = try #require(await harness.status())
    #expect(status.phase == .blocked && status.reason == .blocked)
    #expect(status.why.contains("the weights do not fit"))
    #expect(status.desired?.contains("/2") == true, "what it waits for remains visible")
    #expect(try await refusals().map(\.why) == ["the weights do not fit"])
    harness.restart()
    try await harness.run(for: .seconds(300))
    #expect(try await refusals().count == 1, "a restart does not report it again")
    checks.set(.passed)
    try await harness.run(for: .seconds(120))
    #expect(environment.liveVersion() == "2")
    #expect(await harness.status()?.phase == .inSync)
  }

  @Test func `an endpoint that the checks refuse is not created, and waits for what is still missing`() async throws {
    checks.set(.waiting)
    set("1")
    try await harness.run(for: .seconds(300))
    #expect(sends == 0)
    #expect(await harness.status()?.phase == .blocked)
    checks.set(.passed)
    try await harness.run(for: .seconds(120))
    #expect(environment.liveVersion() == "1")
  }

  @Test(arguments: [PreflightFinding.Outcome.passed, .warning, .notChecked, .notKnown])
  func `any other finding keeps nothing back`(outcome: PreflightFinding.Outcome) async throws {
    checks.set(outcome)
    set("1")
    try await harness.settle()
    #expect(environment.liveVersion() == "1")
    #expect(try await refusals().isEmpty)
  }

  @Test func `checks that cannot be made keep nothing back`() async throws {
    checks.fail()
    set("1")
    try await harness.settle()
    #expect(environment.liveVersion() == "1")
    #expect(try await refusals().isEmpty)
  }

  @Test func `checks that get no response keep nothing back`() async throws {
    let harness = ControllerHarness(
      environment,
      preflight: { _, _ in
        try await Task.sleep(for: .seconds(3600))
        return []
      },
      alarm: { limit in #expect(limit == .seconds(60)) })
    harness.source.set(["chat.yaml": TestSource.manifest(version: "1")], commit: "c1")
    try await harness.settle()
    #expect(environment.liveVersion() == "1")
    #expect(try await refusals().isEmpty)
  }

  @Test func `a hold is not lifted for a config that the checks refuse`() async throws {
    set("1")
    try await harness.settle()
    set("3")
    try await harness.run(for: .seconds(600))
    #expect(await harness.status()?.reason == .quarantined)
    environment.workspace.forgetCalls()
    checks.set(.refused)
    set("2")
    try await harness.run(for: .seconds(600))
    #expect(environment.workspace.writes.isEmpty)
    #expect(environment.workspace.endpoint("chat")?.tags[FleetTags.held] != nil)
    #expect(await harness.status()?.phase == .blocked)
    checks.set(.passed)
    try await harness.run(for: .seconds(120))
    #expect(environment.liveVersion() == "2")
    #expect(environment.workspace.endpoint("chat")?.tags[FleetTags.held] == nil)
  }

  @Test func `a config that is refused again after another one is reported again`() async throws {
    set("1")
    try await harness.settle()
    checks.set(.refused)
    for _ in 0..<2 {
      set("2")
      try await harness.run(for: .seconds(300))
      #expect(await harness.status()?.phase == .blocked)
      set("1")
      try await harness.run(for: .seconds(300))
      #expect(await harness.status()?.phase == .inSync)
    }
    #expect(try await refusals().count == 2)
  }

  @Test func `a rollback does not wait for checks`() async throws {
    set("1")
    try await harness.settle()
    set("3")
    try await harness.run(for: .seconds(600))
    #expect(await harness.status()?.reason == .quarantined)
    #expect(environment.liveVersion() == "1")
    #expect(checks.checked == [.create, .update])
  }
}
