import CanonicalJSON
import Controller
import ControllerKit
import Endpoints
import LibCurl
import Planning
import ServingAPI
import TestKit

/// 4.1: the required form of a request.
extension Quirk {
  static let encoding: [Quirk] = [
    .removable(1, "an omitted scale_to_zero_enabled: false is refused") { handling in
      let drop = CallInterceptor.entities {
        if $0["scale_to_zero_enabled"] == false { $0.set("scale_to_zero_enabled", nil) }
      }
      try await createsAndUpdates(handling, drop)
    },
    .removable(2, "inference tables cannot be switched off if false is dropped") { handling in
      let drop = CallInterceptor.body("PUT", "/ai-gateway") { body in
        var table = body["inference_table_config"] ?? [:]
        if table["enabled"] == false { table.set("enabled", nil) }
        body.set("inference_table_config", table)
      }
      let harness = try WorkspaceHarness(handling == .takenOut ? drop : CallInterceptor())
      func endpoint(_ enabled: Bool) -> DesiredEndpoint {
        let table = InferenceTable(catalog: "main", schema: "logs", tableNamePrefix: "chat", enabled: enabled)
        return .chat("1", settings: SideSettings(gateway: GatewaySettings(inferenceTable: table)))
      }
      try await harness.apply(endpoint(true))
      try await harness.apply(endpoint(false))
      let shown = harness.workspace.member("ai_gateway", of: "chat")?["inference_table_config"]?["enabled"]
      try require(shown == false, "the table's enabled is \(shown?.text() ?? "not there")")
      try await harness.requireNoDrift(endpoint(false), "switched off")
    },
    .removable(3, "a gateway is replaced as a whole: what another client switched on must be sent again") { handling in
      let drop = CallInterceptor.body("PUT", "/ai-gateway") { $0.set("usage_tracking_config", nil) }
      let harness = try WorkspaceHarness(handling == .takenOut ? drop : CallInterceptor())
      func endpoint(_ calls: Int64) -> DesiredEndpoint {
        .chat("1", settings: SideSettings(gateway: GatewaySettings(rateLimits: [RateLimit(key: "user", calls: calls)])))
      }
      try await harness.apply(endpoint(10))
      harness.workspace.foreign(
        "PUT", "/api/2.0/serving-endpoints/chat/ai-gateway",
        [
          "usage_tracking_config": ["enabled": true],
          "rate_limits": [["key": "user", "calls": 10, "renewal_period": "minute"]],
        ])
      try await harness.apply(endpoint(20))
      let shown = harness.workspace.member("ai_gateway", of: "chat")
      try require(shown?["usage_tracking_config"]?["enabled"] == true, "the gateway is \(shown?.text() ?? "gone")")
    },
    .removable(4, "entity_version must be a string") { handling in
      let number = CallInterceptor.entities { entity in
        entity.set("entity_version", entity["entity_version"]?.stringValue.flatMap { Int64($0) }.map { .int($0) })
      }
      try await createsAndUpdates(handling, number)
    },
    .removable(5, "a size and concurrency exclude each other") { handling in
      let both = CallInterceptor.entities { $0.set("workload_size", "Small") }
      let concurrency = ProvisionedConcurrency(min: 4, max: 8)
      try await createsAndUpdates(handling, both, concurrency: concurrency)
    },
    .removable(6, "a computed size must not be sent when concurrency replaces it") { handling in
      let remember = CallInterceptor.body("PUT", "/config") { body in
        body.changeEach("served_entities") { entity in
          if entity["workload_size"] == nil { entity.set("workload_size", "Small") }
        }
      }
      let harness = try WorkspaceHarness(handling == .takenOut ? remember : CallInterceptor())
      try await harness.apply(.chat([.llm("1")]))
      let sized = DesiredEndpoint.chat([.llm("1", concurrency: ProvisionedConcurrency(min: 4, max: 4))])
      try await harness.requireInSync(sized, try await harness.apply(sized), "from a size to concurrency")
    },
    .removable(7, "members of another kind of entity are refused") { handling in
      let throughput = CallInterceptor.entities { $0.set("min_provisioned_throughput", 0) }
      try await createsAndUpdates(handling, throughput)
    },
    .removable(8, "served_models beside served_entities is an error") { handling in
      let both = CallInterceptor.config { $0.set("served_models", $0["served_entities"]) }
      try await createsAndUpdates(handling, both)
    },
    .removable(9, "traffic is required for two or more entities") { handling in
      let drop = CallInterceptor.config { $0.set("traffic_config", nil) }
      let harness = try WorkspaceHarness(handling == .takenOut ? drop : CallInterceptor())
      let split = DesiredEndpoint.chat([
        .llm("1", name: "stable", traffic: 90), .llm("2", name: "next", traffic: 10),
      ])
      try await harness.requireInSync(split, try await harness.apply(split), "two entities")
    },
    .checked(10, "at most 15 entities, each model and version once") {
      let sixteen = (1...16).map {
        "    - {name: e\($0), model: a.b.m, entityVersion: \"\($0)\", workloadType: CPU, size: Small, "
          + "scaleToZero: false, traffic: \($0 == 1 ? 100 : 0)}"
      }
      try requireFinding("15", in: manifest("  servedEntities:\n" + sixteen.joined(separator: "\n")))
    },
    .checked(11, "concurrency is a multiple of four") {
      try requireFinding("4", in: manifest(flat("concurrency: {min: 3, max: 6}")))
    },
    .checked(12, "names have a character set and a length limit, and databricks- is reserved") {
      try requireFinding("databricks-", in: manifest(flat("size: Small"), name: "databricks-chat"))
      try requireFinding("63", in: manifest(flat("size: Small"), name: String(repeating: "a", count: 64)))
      try requireFinding("name", in: manifest(flat("size: Small"), name: "a.b"))
    },
    .removable(13, "names of served entities must not contain dots") { handling in
      let dots = CallInterceptor.config { config in
        config.changeEach("served_entities") { $0.set("name", "main.support.qwen3-1") }
        config.set(
          "traffic_config",
          ["routes": [["served_entity_name": "main.support.qwen3-1", "traffic_percentage": 100]]])
      }
      try await createsAndUpdates(handling, dots)
    },
  ]

  /// An endpoint becomes ready and updates to its next version, or the server refuses.
  static func createsAndUpdates(
    _ handling: Handling, _ undoing: CallInterceptor, concurrency: ProvisionedConcurrency? = nil
  ) async throws {
    let harness = try WorkspaceHarness(handling == .takenOut ? undoing : CallInterceptor())
    for version in ["1", "2"] {
      let endpoint = DesiredEndpoint.chat([.llm(version, concurrency: concurrency)])
      try await harness.requireInSync(endpoint, try await harness.apply(endpoint), "version \(version)")
    }
  }

  // MARK: - Manifests

  static func manifest(_ spec: String, name: String = "chat") -> String {
    """
    apiVersion: serving.setpoint.dev/v1alpha1
    kind: ServingEndpoint
    metadata:
      name: \(name)
    spec:
    \(spec)
    """
  }

  static func flat(_ size: String, version: String = "\"1\"", workload: String = "A10") -> String {
    """
      model: main.support.qwen3
      entityVersion: \(version)
      workloadType: \(workload)
      \(size)
      scaleToZero: false
    """
  }

  /// What a user is told about a manifest before anything is sent, rules included.
  static func findings(_ text: String) -> [Finding] {
    let set = ManifestSet.read([(file: "chat.yaml", bytes: Array(text.utf8))])
    return set.findings + set.manifests.flatMap { $0.limitFindings() }
  }

  static func requireFinding(_ word: String, in text: String) throws {
    let found = findings(text)
    try require(found.contains { $0.description.contains(word) }, "no finding for \(word): \(found)")
  }
}
