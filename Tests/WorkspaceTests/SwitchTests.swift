import CanonicalJSON
import Controller
import ControllerKit
import Endpoints
import Planning
import TestKit
import Testing

/// The life of an endpoint with settings of every kind, under each switch of the workspace.
@Suite struct SwitchTests {
  @Test(arguments: WorkspaceSwitch.all)
  func `create, update, drift, rollback and delete end correctly, and the second diff is empty`(
    workspaceSwitch: WorkspaceSwitch
  ) async throws {
    let rig = try WorkspaceRig()
    workspaceSwitch.turnOn(rig)
    let life = EndpointLife(rig: rig, concurrency: workspaceSwitch.concurrency)
    try await life.createAndUpdate()
    try await life.drift()
    try await life.failAndGoBack()
    try await life.deleteAndMakeAgain()
  }

  @Test(arguments: [ErrorForm.html, .empty])
  func `a 404 that is not in the API's form creates nothing and deletes nothing`(form: ErrorForm) async throws {
    let rig = try WorkspaceRig { $0.errorForm = form }
    let result = try await rig.apply(.chat("1"))
    #expect(result?.holdCode == .blocked)
    #expect(rig.workspace.writes.isEmpty)

    rig.workspace.change { $0.errorForm = .json }
    try await rig.requireInSync(.chat("1"), try await rig.apply(.chat("1")), "in the API's words again")
  }
}

/// The steps of a life, each of which leaves the endpoint in sync.
struct EndpointLife {
  let rig: WorkspaceRig
  let concurrency: ProvisionedConcurrency?
  private typealias World = ControllerWorld

  private func endpoint(_ version: String) -> DesiredEndpoint {
    DesiredEndpoint(
      name: "chat", config: EndpointConfig(entities: [.llm(version, concurrency: concurrency)]),
      sideSettings: .everything)
  }

  private func requireLive(_ version: String, _ what: String) throws {
    let live = rig.world.liveVersion()
    try require(live == version, "\(what): version \(live ?? "none") is live, not \(version)")
  }

  func createAndUpdate() async throws {
    try await rig.requireInSync(endpoint("1"), try await applied("1"), "create")
    try requireLive("1", "create")
    try await rig.requireInSync(endpoint("2"), try await applied("2"), "update")
    try requireLive("2", "update")
  }

  /// Applies until nothing is in progress: some errors cannot be distinguished from temporary ones, and the apply then
  /// ends with what it knows, for the next one to continue.
  private func applied(_ version: String) async throws -> ConvergenceResult? {
    var result: ConvergenceResult?
    for _ in 0..<Self.applies {
      result = try await rig.apply(endpoint(version)) ?? result
      if result?.isInSync == true { return result }
      rig.world.advance(.seconds(60))
    }
    return result
  }

  private static let applies = 4

  func drift() async throws {
    rig.workspace.foreignEdit("chat", config: EndpointConfig(entities: [.llm("1", concurrency: concurrency)]))
    rig.workspace.foreignTags("chat", set: ["team": "other", "theirs": "1"])
    _ = rig.workspace.foreign("PUT", "/api/2.0/serving-endpoints/chat/ai-gateway", ["rate_limits": []])
    try await rig.requireInSync(endpoint("2"), try await applied("2"), "drift")
    try requireLive("2", "drift")
    let tags = rig.workspace.endpoint("chat")?.tags ?? [:]
    try require(tags["team"] == "nlp" && tags["theirs"] == "1", "drift: the tags are \(tags)")
    let limits = rig.workspace.member("ai_gateway", of: "chat")?["rate_limits"]?.arrayValue?.count
    try require(limits == 2, "drift: \(limits ?? 0) rate limits")
  }

  func failAndGoBack() async throws {
    var held: ConvergenceResult?
    for _ in 0..<Self.applies where held?.holdCode != .quarantined {
      held = try await rig.apply(endpoint("3")) ?? held
      rig.world.advance(.seconds(60))
    }
    try require(held?.holdCode == .quarantined, "rollback: \(held.map { "\($0.ending)" } ?? "nothing was done")")
    try requireLive("2", "rollback")
    let plan = try await rig.diff(endpoint("3"))
    try require(plan.needsPerson && !plan.hasChanges, "rollback: the diff says \(plan.changes.map(\.reason))")
    rig.forget()
    try await rig.apply(endpoint("3"))
    try require(rig.workspace.writes.isEmpty, "rollback: a held version was sent again: \(rig.workspace.writes)")
    _ = try await applied("2")
    try await rig.requireNoDrift(endpoint("2"), "back to the good version")
  }

  func deleteAndMakeAgain() async throws {
    let before = rig.workspace.endpoint("chat")?.id
    for _ in 0..<Self.applies where rig.workspace.endpoint("chat") != nil {
      try await rig.apply(World.fleet(), .rigPruning)
      rig.world.advance(.seconds(60))
    }
    try require(rig.workspace.endpoint("chat") == nil, "delete: it is still there")
    let plan = try await rig.diff(World.fleet(), .rigPruning)
    try require(plan.isInSync, "delete: the second diff says \(plan.changes.map(\.reason))")
    try await rig.requireInSync(endpoint("1"), try await applied("1"), "make again")
    try require(rig.workspace.endpoint("chat")?.id != before, "create again: the id is the old one")
    try require(rig.workspace.grants(on: "chat")["support"] == "CAN_QUERY", "create again: the grants are missing")
  }
}
