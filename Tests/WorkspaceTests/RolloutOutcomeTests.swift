import CanonicalJSON
import Controller
import ControllerKit
import Endpoints
import Planning
import TestKit
import Testing

/// What may happen to a rollout or an endpoint, besides the switches.
@Suite struct RolloutOutcomeTests {
  private typealias Environment = ControllerEnvironment

  @Test func `a rollout slower than its deadline is left alone and completes later`() async throws {
    let harness = try WorkspaceHarness()
    try await harness.apply(.chat("1"))
    harness.workspace.setBehavior(.readyAfter(.seconds(3 * 3600)), model: Environment.model, version: "2")
    let slow = DesiredEndpoint.chat("2", rollout: RolloutPolicy(deadline: .seconds(1800)))
    harness.forget()
    let result = try await harness.apply(slow, limits: ConvergenceLimits(timeout: .seconds(3600)))
    guard case .underWay(_, timeIsOver: true) = result?.ending else {
      Issue.record("\(result.map { "\($0.ending)" } ?? "nothing was done")")
      return
    }
    #expect(harness.workspace.writes.allSatisfy { $0.method != "DELETE" })
    #expect(harness.environment.liveVersion() == "1")
    harness.environment.advance(.seconds(3 * 3600))
    try await harness.requireInSync(slow, try await harness.apply(slow), "when it is done")
  }

  @Test func `an endpoint that is deleted during a wait is created again`() async throws {
    let harness = try WorkspaceHarness()
    try await harness.apply(.chat("1"))
    harness.workspace.setBehaviors([.vanishes(polls: 2), .ready()], model: Environment.model, version: "2")
    try await harness.requireInSync(.chat("2"), try await harness.apply(.chat("2")), "deleted meanwhile")
  }

  @Test(arguments: [false, true])
  func `a first deployment that failed is repaired, not deleted`(hidesFirstFailure: Bool) async throws {
    let harness = try WorkspaceHarness { $0.hidesFirstFailure = hidesFirstFailure }
    let failed = try await harness.apply(.chat("3"))
    #expect(failed?.isSuccess == false)
    let id = harness.workspace.endpoint("chat")?.id
    try await harness.requireInSync(.chat("1"), try await harness.apply(.chat("1")), "repaired")
    #expect(harness.workspace.endpoint("chat")?.id == id)
  }

  @Test func `an update that a user canceled is not sent again`() async throws {
    let harness = try WorkspaceHarness()
    try await harness.apply(.chat("1"))
    harness.workspace.setBehavior(.hangs, model: Environment.model, version: "2")
    _ = try await harness.apply(.chat("2"), limits: ConvergenceLimits(timeout: .seconds(60)))
    harness.workspace.cancelUpdate("chat")
    harness.forget()
    let result = try await harness.apply(.chat("2"))
    #expect(result?.isSuccess == false)
    #expect(!harness.workspace.writes.contains { $0.path.hasSuffix("/config") })
    #expect(harness.environment.liveVersion() == "1")
  }

  @Test func `an endpoint scaled to zero is in sync`() async throws {
    let harness = try WorkspaceHarness()
    try await harness.apply(.chat("1"))
    harness.workspace.scaleToZero("chat")
    try await harness.requireNoDrift(.chat("1"), "at zero")
  }

  @Test func `an endpoint that a user stopped is held, not written to, and in sync once it is started`() async throws {
    let harness = try WorkspaceHarness()
    try await harness.apply(.chat("1"))
    harness.workspace.stop("chat")
    harness.forget()
    let stopped = try await harness.apply(.chat("1"))
    #expect(stopped?.isInSync != true)
    #expect(!harness.workspace.writes.contains { $0.path.hasSuffix("/config") })
    harness.workspace.start("chat")
    _ = harness.shown()
    _ = try await harness.apply(.chat("1"))
    try await harness.requireNoDrift(.chat("1"), "started")
  }

  @Test func `a preview that is off is reported in the server's words, and the endpoint becomes ready when it is on`()
    async throws
  {
    let harness = try WorkspaceHarness { $0.gatedModels = [Environment.model] }
    let refused = try await harness.apply(.chat("1"))
    let words = try #require(refused?.last?.decision.reason.detail)
    #expect(words.contains("Model entrypoint is not supported for your workspace"))
    harness.workspace.change { $0.gatedModels = [] }
    try await harness.requireInSync(.chat("2"), try await harness.apply(.chat("2")), "the preview is on")
  }

  @Test func `a refused gateway block is reported in the server's words, and the rest is applied`() async throws {
    let harness = try WorkspaceHarness { $0.refusedGatewayBlocks = ["usage_tracking_config"] }
    var settings = SideSettings.everything
    settings.gateway = nil
    try await harness.apply(.chat("1", settings: settings))
    let result = try await harness.apply(.chat("1"), limits: ConvergenceLimits(timeout: .seconds(600)))
    let words = "\(result.map { "\($0.ending) \($0.last?.decision.degraded ?? "")" } ?? "")"
    #expect(words.contains("usage_tracking_config is not supported"))
    #expect(harness.environment.liveVersion() == "1")
    harness.workspace.change { $0.refusedGatewayBlocks = [] }
    harness.environment.advance(.seconds(3600))
    try await harness.requireInSync(.chat("1"), try await harness.apply(.chat("1")), "taken")
  }
}
