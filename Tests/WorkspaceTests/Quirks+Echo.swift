import CanonicalJSON
import Controller
import ControllerKit
import Endpoints
import LibCurl
import ModelRegistry
import Planning
import ServingAPI
import TestKit

/// 4.2: what is read back differs from what was sent and is not drift.
extension Quirk {
  static let echo: [Quirk] = [
    .removable(14, "the traffic of a single entity is filled in") { handling in
      // Our own bodies contain it; here it is lost in transit, and the server fills it in.
      let harness = try WorkspaceHarness(.config { $0.set("traffic_config", nil) })
      let endpoint = DesiredEndpoint.chat("1")
      let result = try await harness.apply(endpoint)
      if handling == .takenOut {
        var sent = harness.lastBody("POST", "/serving-endpoints")?["config"] ?? [:]
        sent.set("traffic_config", nil)
        let found = NaiveDiff.paths(sent, harness.shown()?["config"])
        try require(!found.contains("traffic_config"), "drift at \(found)")
      }
      try await harness.requireInSync(endpoint, result, "filled in")
    },
    echoed(15, "both names are returned on routes", "config.traffic_config.routes[0].served_model_name"),
    echoed(
      16, "Small is returned beside concurrency", "config.served_entities[0].workload_size",
      .chat([.llm("1", concurrency: ProvisionedConcurrency(min: 4, max: 4))])
    ) { $0.namesSizeBesideConcurrency = true },
    echoed(17, "route_optimized and description are returned although nobody set them", "route_optimized"),
    echoed(18, "null and empty are the same", "description", .chat("1", settings: SideSettings())) {
      $0.writesNullForEmpty = true
    },
    echoed(19, "budget_policy_id is never echoed", "budget_policy_id", .chat("1")),
    .checked(20, "burst_scaling_enabled and plaintext secrets are never echoed") {
      // No manifest can express them: if an endpoint outside the fleet has them, it is not adopted.
      let harness = try WorkspaceHarness()
      harness.workspace.foreign(
        "POST", "/api/2.0/serving-endpoints",
        [
          "name": "chat",
          "config": [
            "served_entities": [
              [
                "name": "gpt",
                "external_model": [
                  "name": "gpt", "provider": "openai", "task": "llm/v1/chat",
                  "openai_config": ["openai_api_key_plaintext": "sk-sesame"],
                ],
              ]
            ]
          ],
        ])
      _ = harness.shown()
      let result = try await harness.apply(.chat("1"), .harnessAdopting)
      try require(result?.isInSync != true, "it was adopted")
      try require(harness.workspace.writes.allSatisfy { $0.method != "PUT" }, "its config was replaced")
    },
    .removable(21, "table_names are returned as a profile; a profile that nobody requested stays") { handling in
      let harness = try WorkspaceHarness { $0.givesTelemetry = true }
      let unmanaged = DesiredEndpoint.chat("1", settings: SideSettings(tags: ["team": "nlp"]))
      try await harness.requireInSync(unmanaged, try await harness.apply(unmanaged), "unmanaged")
      let profile = harness.workspace.member("telemetry_config", of: "chat")?["telemetry_profile_id"]
      try require(profile == "workspace-default", "the workspace's own profile is \(profile?.text() ?? "gone")")
      let managed = DesiredEndpoint.chat(
        "1", settings: SideSettings(tags: ["team": "nlp"], telemetry: TelemetrySettings(logsTable: "main.logs.chat")))
      _ = try await harness.apply(managed)
      if handling == .takenOut {
        let sent = harness.lastBody("PATCH", "/telemetry-config")?["telemetry_config"]
        let naive = NaiveDiff.paths(sent, harness.shown()?["telemetry_config"])
        try require(naive.isEmpty, "drift at \(naive)")
      }
      try await harness.requireNoDrift(managed, "managed")
    },
    echoed(
      22, "entities and tags are returned in the server's own order", "config.served_entities[0].name",
      .chat([.llm("1", name: "a", traffic: 50), .llm("2", name: "b", traffic: 50)])
    ) { $0.order = .descending },
    .noConcern(
      23, "scale_to_zero_enabled is forced to false for some system.ai models",
      "those are pay-per-token and provisioned throughput; custom models, which Setpoint serves, keep what was sent"),
    .removable(24, "aliases are returned only on request") { handling in
      let forget = CallInterceptor(request: { $0.url = $0.url.replacing("include_aliases=true", with: "") })
      let harness = try WorkspaceHarness(handling == .takenOut ? forget : CallInterceptor())
      let aliases = try await ModelDirectoryClient(harness.client).model(ControllerEnvironment.model).aliases ?? []
      try require(aliases.map(\.aliasName) == ["champion"], "the aliases are \(aliases.map(\.aliasName))")
    },
    .removable(25, "inherited grants and the deployer's own are not drift") { handling in
      let flatten = CallInterceptor.answers { path, json in
        guard path.contains("/permissions/") else { return }
        json.changeEach("access_control_list") { entry in
          entry.changeEach("all_permissions") { $0.set("inherited", false) }
        }
      }
      let harness = try WorkspaceHarness(handling == .takenOut ? flatten : CallInterceptor())
      let exact = DesiredEndpoint.chat(
        "1",
        settings: SideSettings(access: AccessSettings(mode: .exact, grants: [Grant(.group("support"), .canQuery)])))
      let result = try await harness.apply(exact, limits: ConvergenceLimits(timeout: .seconds(3600), concurrency: 1))
      try await harness.requireInSync(exact, result, "exact access")
      let grants = harness.workspace.grants(on: "chat")
      try require(
        grants == ["support": "CAN_QUERY", "deployer@example.com": "CAN_MANAGE"], "the grants are \(grants)")
    },
    echoed(26, "unknown members appear", "a_member_of_the_future") { $0.speaksOfTheFuture = true },
    .removable(27, "a list compared by index reports the wrong element") { handling in
      let three = ["a", "b", "c"].enumerated().map { index, name in
        ServedEntity.llm("\(index + 1)", name: name, traffic: index == 0 ? 100 : 0)
      }
      let harness = try WorkspaceHarness { $0.order = .descending }
      harness.workspace.setBehavior(.ready(), model: ControllerEnvironment.model, version: "3")
      try await harness.apply(.chat(three))
      var edited = three
      edited[1] = .llm("2", name: "b", environment: ["LEVEL": "DEBUG"], traffic: 0)
      harness.workspace.foreignEdit("chat", config: EndpointConfig(entities: edited))
      _ = try await harness.diff(.chat(three))
      let fields =
        handling == .inPlace
        ? try await harness.diff(.chat(three)).changes.flatMap(\.fields).map(\.path)
        : NaiveDiff.paths(harness.lastBody("POST", "/serving-endpoints")?["config"], harness.shown()?["config"])
      try require(
        !fields.isEmpty && fields.allSatisfy { $0.contains("[name=b]") }, "not of b alone: \(fields)")
    },
    .checked(28, "a secret must not move to another entity because the server sorts them") {
      let entities = [
        ServedEntity.llm("2", name: "b", environment: ["KEY": "{{secrets/llm/b}}"], traffic: 100),
        .llm("1", name: "a", environment: ["KEY": "{{secrets/llm/a}}"], traffic: 0),
      ]
      let harness = try WorkspaceHarness { $0.order = .alphabetical }
      try await harness.apply(.chat(entities))
      harness.workspace.foreignEdit("chat", config: EndpointConfig(entities: [.llm("1")]))
      try await harness.apply(.chat(entities))
      let sent = harness.lastBody("PUT", "/config")?["served_entities"]?.arrayValue ?? []
      try require(sent.count == 2, "the drift was not corrected")
      for entity in sent {
        let name = entity["name"]?.stringValue ?? ""
        try require(
          entity["environment_vars"]?["KEY"] == .string("{{secrets/llm/\(name)}}"), "\(name) has \(entity.text())")
      }
    },
    .checked(29, "a needless config update is a whole rollout") {
      let harness = try WorkspaceHarness { $0.order = .random(seed: 7) }
      let endpoint = DesiredEndpoint.chat("1")
      try await harness.requireInSync(endpoint, try await harness.apply(endpoint), "first")
      let retagged = DesiredEndpoint.chat("1", settings: SideSettings(tags: ["team": "other"]))
      harness.forget()
      try await harness.apply(retagged)
      try require(!harness.workspace.writes.contains { $0.path.hasSuffix("/config") }, "\(harness.workspace.writes)")
      try require(harness.workspace.endpoint("chat")?.active?.version == 1, "another config version")
    },
  ]

  /// With our diff nothing differs after an apply; with one that does not know the meaning of fields, this path does.
  private static func echoed(
    _ number: Int, _ what: String, _ path: String, _ endpoint: DesiredEndpoint? = nil,
    _ behaviors: @escaping @Sendable (inout WorkspaceBehaviors) -> Void = { _ in }
  ) -> Quirk {
    .removable(number, what) { handling in
      let harness = try WorkspaceHarness(behaviors: behaviors)
      let endpoint = endpoint ?? .chat("1")
      let result = try await harness.apply(endpoint)
      if handling == .takenOut {
        let found = harness.naiveDrift.filter { $0.hasPrefix(path) }
        try require(found.isEmpty, "drift at \(found)")
      }
      try await harness.requireInSync(endpoint, result, what)
    }
  }
}
