import CanonicalJSON
import Controller
import ControllerKit
import Endpoints
import History
import ModelRegistry
import Planning
import ServingAPI
import Synchronization
import TestKit

/// 4.3: live state changes meanwhile.
extension Quirk {
  static let races: [Quirk] = [
    .removable(30, "a config update while another runs is a conflict") { handling in
      let harness = try WorkspaceHarness(handling == .takenOut ? hidesUpdates : CallInterceptor())
      try await harness.apply(.chat("1"))
      harness.workspace.setBehaviors([.ready(polls: 4), .ready()], model: Environment.model, version: "2")
      harness.workspace.foreignEdit("chat", config: EndpointConfig(entities: [.llm("2")]))
      harness.forget()
      _ = try await harness.apply(.chat("4"))
      try require(harness.count(409) == 0, "\(harness.count(409)) calls were refused as conflicts")
      try await harness.requireNoDrift(.chat("4"), "after another client's update")
    },
    .removable(31, "telemetry is refused during an update") { handling in
      let harness = try WorkspaceHarness(handling == .takenOut ? hidesUpdates : CallInterceptor())
      let plain = SideSettings(tags: ["team": "nlp"])
      try await harness.apply(.chat("1", settings: plain))
      harness.workspace.setBehavior(.ready(polls: 4), model: Environment.model, version: "2")
      harness.workspace.foreignEdit("chat", config: EndpointConfig(entities: [.llm("2")]))
      harness.forget()
      let observed = DesiredEndpoint.chat(
        "1", settings: SideSettings(tags: ["team": "nlp"], telemetry: TelemetrySettings(logsTable: "main.logs.chat")))
      _ = try await harness.apply(observed)
      try require(harness.count(409) == 0, "\(harness.count(409)) calls were refused as conflicts")
      try await harness.requireNoDrift(observed, "with telemetry")
    },
    .removable(32, "UPDATE_FAILED stays, and is not this apply's failure") { handling in
      let harness = try WorkspaceHarness()
      try await harness.apply(.chat("1"))
      harness.workspace.foreignEdit("chat", config: EndpointConfig(entities: [.llm("3")]))
      for _ in 0..<3 { _ = try await harness.client.json(APICall("GET", "/api/2.0/serving-endpoints/chat")) }
      let retagged = DesiredEndpoint.chat("1", settings: SideSettings(tags: ["team": "other"]))
      let result = try await harness.apply(retagged)
      if handling == .takenOut {
        // A waiter that checks only the state.
        let state = harness.shown()?["state"]?["config_update"]?.stringValue ?? ""
        try require(state != "UPDATE_FAILED", "the apply failed: \(state)")
      }
      try require(result?.isInSync == true, "\(result.map { "\($0.ending)" } ?? "nothing was done")")
      try require(harness.workspace.endpoint("chat")?.tags["team"] == "other", "the tag is missing")
    },
    .removable(33, "an endpoint without a config is NOT_UPDATING from the start") { handling in
      let harness = try WorkspaceHarness()
      harness.workspace.foreign("POST", "/api/2.0/serving-endpoints", ["name": "chat"], by: "deployer@example.com")
      if handling == .takenOut {
        let isDone = harness.shown()?["state"]?["config_update"] == "NOT_UPDATING"
        try require(!isDone || harness.environment.liveVersion() == "1", "a waiter takes an empty endpoint for done")
      }
      let endpoint = DesiredEndpoint.chat([.llm("1")])
      try await harness.requireInSync(
        endpoint, try await harness.apply(endpoint, .harnessAdopting), "an empty endpoint")
      try require(harness.environment.liveVersion() == "1", "nothing is served")
    },
    .checked(34, "a create whose response was lost is a conflict when it is retried") {
      let harness = try WorkspaceHarness()
      harness.workspace.fail("POST", path: "/serving-endpoints", with: .loseAnswer)
      let result = try await harness.apply(.chat("1"))
      let made = harness.workspace.landed.count { $0.method == "POST" }
      try require(made == 1, "it was created \(made) times")
      try await harness.requireInSync(.chat("1"), result, "a lost answer")
    },
    .checked(35, "a deleted name may stay in use for a while") {
      let harness = try WorkspaceHarness { $0.nameLingers = 3 }
      func endpoint(_ routeOptimized: Bool) -> DesiredEndpoint {
        .chat("1", settings: SideSettings(creation: CreationSettings(routeOptimized: routeOptimized)))
      }
      try await harness.apply(endpoint(false))
      let id = harness.workspace.endpoint("chat")?.id
      let result = try await harness.apply(endpoint(true), .harnessRecreating)
      try await harness.requireInSync(endpoint(true), result, "recreated")
      try require(harness.workspace.endpoint("chat")?.id != id, "the id is the old one")
    },
    .checked(36, "live state changes between plan and apply") {
      let harness = try WorkspaceHarness()
      try await harness.apply(.chat("1"))
      let fleet = ControllerEnvironment.fleet(.chat("2"))
      let reconciler = harness.reconciler(.harness)
      let items = try await reconciler.survey(fleet)
      let plan = try await reconciler.plan(fleet)
      let saved = SavedPlan(plan, of: items, options: .harness, key: harness.environment.history.key)
      harness.workspace.foreignEdit("chat", config: EndpointConfig(entities: [.llm("4")]))
      _ = try await harness.diff(.chat("2"))
      let moved = saved.movements(now: try await reconciler.survey(fleet), replanned: try await reconciler.plan(fleet))
      try require(moved.contains { $0.contains("chat") }, "the move is not reported: \(moved)")
    },
    .removable(37, "nothing arbitrates between two reconcilers") { handling in
      let claim = CallInterceptor.answers { _, json in
        json.changeEach("tags") { if $0["key"] == "setpoint-fleet" { $0.set("value", "test") } }
      }
      let harness = try WorkspaceHarness(handling == .takenOut ? claim : CallInterceptor())
      harness.workspace.foreignEdit(
        "chat", config: EndpointConfig(entities: [.llm("1")]), tags: ["setpoint-fleet": "another"])
      _ = try await harness.apply(.chat("2"))
      try require(
        harness.workspace.writes.isEmpty, "an endpoint outside the fleet was written to: \(harness.workspace.writes)")
    },
    .checked(38, "a version may be registering for half an hour") {
      let harness = try WorkspaceHarness()
      harness.workspace.setRegistering(Environment.model, version: 2, looks: 1)
      let resolver = VersionResolver(harness.client)
      do {
        try await resolver.requireServable(model: Environment.model, version: "2")
        throw QuirkViolation(description: "a version that is registering was reported as servable")
      } catch let error as ModelRegistryError {
        try require(error.kind == .notYetRegistered, "\(error)")
      }
      try await resolver.requireServable(model: Environment.model, version: "2")
    },
    .checked(39, "moving an alias does not move the endpoint") {
      let harness = try WorkspaceHarness()
      try await harness.apply(try await byAlias(harness))
      harness.workspace.setModel(Environment.model, versions: [1: .ready, 2: .ready], aliases: ["champion": 2])
      let moved = try await byAlias(harness)
      let paths = try await harness.diff(moved).changes.flatMap(\.fields).map(\.path)
      try require(paths.contains("spec.entityVersion"), "the diff names \(paths)")
      try await harness.apply(moved)
      try require(
        harness.environment.liveVersion() == "2", "version \(harness.environment.liveVersion() ?? "none") is live")
    },
    .checked(40, "an alias may move between plan and apply") {
      let harness = try WorkspaceHarness()
      let fleet = try await byAlias(harness)
      harness.workspace.setModel(Environment.model, versions: [1: .ready, 2: .ready], aliases: ["champion": 2])
      try await harness.apply(fleet)
      try require(
        harness.environment.liveVersion() == "1",
        "version \(harness.environment.liveVersion() ?? "none") is live, 1 was planned")
    },
  ]

  private typealias Environment = ControllerEnvironment

  /// The manifest whose version is `@champion`, as it resolves now.
  private static func byAlias(_ harness: WorkspaceHarness) async throws -> DesiredFleet {
    let text = manifest(flat("size: Small", version: "\"@champion\""))
    let set = ManifestSet.read([(file: "chat.yaml", bytes: Array(text.utf8))])
    let resolver = VersionResolver(harness.client)
    return try await DesiredFleet.resolve(set) { try await resolver.resolve(model: $0.model, alias: $0.name) }
  }

  /// Shows every endpoint as if no update were in progress.
  private static let hidesUpdates = CallInterceptor.answers { _, json in
    guard var state = json["state"], json["config"] != nil else { return }
    state.set("config_update", "NOT_UPDATING")
    json.set("state", state)
    json.set("pending_config", nil)
  }
}
