import CanonicalJSON
import Controller
import ControllerKit
import Endpoints
import Planning
import TestKit
import Testing

/// What may happen to a rollout or an endpoint, besides the switches.
@Suite struct FateTests {
  private typealias World = ControllerWorld

  @Test func `a rollout slower than its deadline is left alone and completes later`() async throws {
    let rig = try WorkspaceRig()
    try await rig.apply(.chat("1"))
    rig.workspace.setFate(.readyAfter(.seconds(3 * 3600)), model: World.model, version: "2")
    let slow = DesiredEndpoint.chat("2", rollout: RolloutPolicy(deadline: .seconds(1800)))
    rig.forget()
    let result = try await rig.apply(slow, limits: ConvergenceLimits(timeout: .seconds(3600)))
    guard case .underWay(_, timeIsOver: true) = result?.ending else {
      Issue.record("\(result.map { "\($0.ending)" } ?? "nothing was done")")
      return
    }
    #expect(rig.workspace.writes.allSatisfy { $0.method != "DELETE" })
    #expect(rig.world.liveVersion() == "1")
    rig.world.advance(.seconds(3 * 3600))
    try await rig.requireInSync(slow, try await rig.apply(slow), "when it is done")
  }

  @Test func `an endpoint that is deleted during a wait is created again`() async throws {
    let rig = try WorkspaceRig()
    try await rig.apply(.chat("1"))
    rig.workspace.setFates([.vanishes(polls: 2), .ready()], model: World.model, version: "2")
    try await rig.requireInSync(.chat("2"), try await rig.apply(.chat("2")), "deleted meanwhile")
  }

  @Test(arguments: [false, true])
  func `a first deployment that failed is repaired, not deleted`(hidesFirstFailure: Bool) async throws {
    let rig = try WorkspaceRig { $0.hidesFirstFailure = hidesFirstFailure }
    let failed = try await rig.apply(.chat("3"))
    #expect(failed?.isSuccess == false)
    let id = rig.workspace.endpoint("chat")?.id
    try await rig.requireInSync(.chat("1"), try await rig.apply(.chat("1")), "repaired")
    #expect(rig.workspace.endpoint("chat")?.id == id)
  }

  @Test func `an update that a user canceled is not sent again`() async throws {
    let rig = try WorkspaceRig()
    try await rig.apply(.chat("1"))
    rig.workspace.setFate(.hangs, model: World.model, version: "2")
    _ = try await rig.apply(.chat("2"), limits: ConvergenceLimits(timeout: .seconds(60)))
    rig.workspace.cancelUpdate("chat")
    rig.forget()
    let result = try await rig.apply(.chat("2"))
    #expect(result?.isSuccess == false)
    #expect(!rig.workspace.writes.contains { $0.path.hasSuffix("/config") })
    #expect(rig.world.liveVersion() == "1")
  }

  @Test func `an endpoint scaled to zero is in sync`() async throws {
    let rig = try WorkspaceRig()
    try await rig.apply(.chat("1"))
    rig.workspace.scaleToZero("chat")
    try await rig.requireNoDrift(.chat("1"), "at zero")
  }

  @Test func `an endpoint that a user stopped is held, not written to, and in sync once it is started`() async throws {
    let rig = try WorkspaceRig()
    try await rig.apply(.chat("1"))
    rig.workspace.stop("chat")
    rig.forget()
    let stopped = try await rig.apply(.chat("1"))
    #expect(stopped?.isInSync != true)
    #expect(!rig.workspace.writes.contains { $0.path.hasSuffix("/config") })
    rig.workspace.start("chat")
    _ = rig.shown()
    _ = try await rig.apply(.chat("1"))
    try await rig.requireNoDrift(.chat("1"), "started")
  }

  @Test func `a preview that is off is reported in the server's words, and the endpoint becomes ready when it is on`()
    async throws
  {
    let rig = try WorkspaceRig { $0.gatedModels = [World.model] }
    let refused = try await rig.apply(.chat("1"))
    let words = try #require(refused?.last?.decision.reason.detail)
    #expect(words.contains("Model entrypoint is not supported for your workspace"))
    rig.workspace.change { $0.gatedModels = [] }
    try await rig.requireInSync(.chat("2"), try await rig.apply(.chat("2")), "the preview is on")
  }

  @Test func `a refused gateway block is reported in the server's words, and the rest is applied`() async throws {
    let rig = try WorkspaceRig { $0.refusedGatewayBlocks = ["usage_tracking_config"] }
    var settings = SideSettings.everything
    settings.gateway = nil
    try await rig.apply(.chat("1", settings: settings))
    let result = try await rig.apply(.chat("1"), limits: ConvergenceLimits(timeout: .seconds(600)))
    let words = "\(result.map { "\($0.ending) \($0.last?.decision.degraded ?? "")" } ?? "")"
    #expect(words.contains("usage_tracking_config is not supported"))
    #expect(rig.world.liveVersion() == "1")
    rig.workspace.change { $0.refusedGatewayBlocks = [] }
    rig.world.advance(.seconds(3600))
    try await rig.requireInSync(.chat("1"), try await rig.apply(.chat("1")), "taken")
  }
}
