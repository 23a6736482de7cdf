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
    let harness = try WorkspaceHarness()
    workspaceSwitch.turnOn(harness)
    let lifecycle = EndpointLifecycle(harness: harness, concurrency: workspaceSwitch.concurrency)
    try await lifecycle.createAndUpdate()
    try await lifecycle.drift()
    try await lifecycle.failAndRollBack()
    try await lifecycle.deleteAndRecreate()
  }

  @Test(arguments: [ErrorForm.html, .empty])
  func `a 404 that is not in the API's form creates nothing and deletes nothing`(form: ErrorForm) async throws {
    let harness = try WorkspaceHarness { $0.errorForm = form }
    let result = try await harness.apply(.chat("1"))
    #expect(result?.holdCode == .blocked)
    #expect(harness.workspace.writes.isEmpty)

    harness.workspace.change { $0.errorForm = .json }
    try await harness.requireInSync(.chat("1"), try await harness.apply(.chat("1")), "in the API's words again")
  }
}

/// The steps of a life, each of which leaves the endpoint in sync.
struct EndpointLifecycle {
  let harness: WorkspaceHarness
  let concurrency: ProvisionedConcurrency?
  private typealias Environment = ControllerEnvironment

  private func endpoint(_ version: String) -> DesiredEndpoint {
    DesiredEndpoint(
      name: "chat", config: EndpointConfig(entities: [.llm(version, concurrency: concurrency)]),
      sideSettings: .everything)
  }

  private func requireLive(_ version: String, _ what: String) throws {
    let live = harness.environment.liveVersion()
    try require(live == version, "\(what): version \(live ?? "none") is live, not \(version)")
  }

  func createAndUpdate() async throws {
    try await harness.requireInSync(endpoint("1"), try await applied("1"), "create")
    try requireLive("1", "create")
    try await harness.requireInSync(endpoint("2"), try await applied("2"), "update")
    try requireLive("2", "update")
  }

  /// Applies until nothing is in progress: some errors cannot be distinguished from temporary ones, and the apply then
  /// ends with what it knows, for the next one to continue.
  private func applied(_ version: String) async throws -> ConvergenceResult? {
    var result: ConvergenceResult?
    for _ in 0..<Self.applies {
      result = try await harness.apply(endpoint(version)) ?? result
      if result?.isInSync == true { return result }
      harness.environment.advance(.seconds(60))
    }
    return result
  }

  private static let applies = 4

  func drift() async throws {
    harness.workspace.foreignEdit("chat", config: EndpointConfig(entities: [.llm("1", concurrency: concurrency)]))
    harness.workspace.foreignTags("chat", set: ["team": "other", "theirs": "1"])
    _ = harness.workspace.foreign("PUT", "/api/2.0/serving-endpoints/chat/ai-gateway", ["rate_limits": []])
    try await harness.requireInSync(endpoint("2"), try await applied("2"), "drift")
    try requireLive("2", "drift")
    let tags = harness.workspace.endpoint("chat")?.tags ?? [:]
    try require(tags["team"] == "nlp" && tags["theirs"] == "1", "drift: the tags are \(tags)")
    let limits = harness.workspace.member("ai_gateway", of: "chat")?["rate_limits"]?.arrayValue?.count
    try require(limits == 2, "drift: \(limits ?? 0) rate limits")
  }

  func failAndRollBack() async throws {
    var held: ConvergenceResult?
    for _ in 0..<Self.applies where held?.holdCode != .quarantined {
      held = try await harness.apply(endpoint("3")) ?? held
      harness.environment.advance(.seconds(60))
    }
    try require(held?.holdCode == .quarantined, "rollback: \(held.map { "\($0.ending)" } ?? "nothing was done")")
    try requireLive("2", "rollback")
    let plan = try await harness.diff(endpoint("3"))
    try require(plan.needsPerson && !plan.hasChanges, "rollback: the diff says \(plan.changes.map(\.reason))")
    harness.forget()
    try await harness.apply(endpoint("3"))
    try require(
      harness.workspace.writes.isEmpty, "rollback: a held version was sent again: \(harness.workspace.writes)")
    _ = try await applied("2")
    try await harness.requireNoDrift(endpoint("2"), "back to the good version")
  }

  func deleteAndRecreate() async throws {
    let before = harness.workspace.endpoint("chat")?.id
    for _ in 0..<Self.applies where harness.workspace.endpoint("chat") != nil {
      try await harness.apply(Environment.fleet(), .harnessPruning)
      harness.environment.advance(.seconds(60))
    }
    try require(harness.workspace.endpoint("chat") == nil, "delete: it is still there")
    let plan = try await harness.diff(Environment.fleet(), .harnessPruning)
    try require(plan.isInSync, "delete: the second diff says \(plan.changes.map(\.reason))")
    try await harness.requireInSync(endpoint("1"), try await applied("1"), "make again")
    try require(harness.workspace.endpoint("chat")?.id != before, "create again: the id is the old one")
    try require(harness.workspace.grants(on: "chat")["support"] == "CAN_QUERY", "create again: the grants are missing")
  }
}
