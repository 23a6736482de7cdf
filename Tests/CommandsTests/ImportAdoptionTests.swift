import CanonicalJSON
import Endpoints
import FoundationEssentials
import ServingAPI
import TestKit
import Testing

/// A workspace full of endpoints that users created by hand is adopted, and nothing but ownership tags changes.
@Suite struct ImportAdoptionTests {
  private static let count = 50

  @Test(arguments: [WorkspaceOrder.descending, .random(seed: 7)])
  func `fifty varied endpoints are imported, adopted and in sync, and only tags change`(
    order: WorkspaceOrder
  ) async throws {
    var behaviors = WorkspaceBehaviors()
    behaviors.hasFoundationEndpoints = true
    behaviors.speaksOfTheFuture = true
    behaviors.order = order
    let workspace = WorkspaceDouble(behaviors: behaviors)
    let varied = (0..<Self.count).map(VariedEndpoint.init)
    workspace.setModel(VariedEndpoint.model, versions: Dictionary(uniqueKeysWithValues: (1...60).map { ($0, .ready) }))
    for endpoint in varied { try endpoint.make(in: workspace) }
    let before = varied.map { EndpointSnapshot($0.name, workspace) }
    workspace.forgetCalls()

    try await withTemporaryDirectory { directory in
      let fleet = "\(directory)/fleet"
      func run(_ arguments: String...) async -> CommandRun {
        await CommandRun(
          arguments + ["-f", fleet, "--state", "\(directory)/state"], workspace: workspace, timing: workspace.timing)
      }

      let imported = await CommandRun(["import", "--all", "--out", fleet], workspace: workspace)
      #expect(imported.code == 1, "a fallback of the gateway is omitted: \(imported)")
      #expect(imported.lines.count == Self.count)

      let planned = await run("diff", "--adopt", "-o", "json")
      #expect(planned.code == 1, "\(planned)")
      let plan = try JSONValue(parsing: planned.output)
      #expect(plan["summary"]?["adopt"]?.intValue == Int64(Self.count))
      let changes = plan["changes"]?.arrayValue ?? []
      #expect(changes.count == Self.count)
      for change in changes {
        let fields = (change["fields"]?.arrayValue ?? []).filter { $0["path"]?.stringValue != "fleet" }
        #expect(fields.isEmpty, "\(change.text(.pretty))")
      }
      #expect(workspace.writes.isEmpty)

      let applied = await run("apply", "--adopt")
      #expect(applied.code == 0, "\(applied)")
      let names = Set(varied.map(\.name))
      #expect(
        Set(workspace.writes.map(\.description)) == Set(names.map { "PATCH /api/2.0/serving-endpoints/\($0)/tags" }))
      #expect(varied.map { EndpointSnapshot($0.name, workspace) } == before)

      workspace.forgetCalls()
      let empty = await run("diff")
      #expect(empty.code == 0, "\(empty)")
      #expect(empty.output == "No changes: \(Self.count) endpoints are in sync.\n")
      #expect(workspace.writes.isEmpty)

      let again = await CommandRun(["import", "--all"], workspace: workspace)
      #expect(!again.output.contains("setpoint-"), "Setpoint's marks are no part of a manifest")
    }
  }
}

/// Everything about an endpoint that an adoption must not change.
private struct EndpointSnapshot: Equatable {
  let name: String
  let members: [String: JSONValue]
  let tags: [String: String]
  let grants: [String: String]

  init(_ name: String, _ workspace: WorkspaceDouble) {
    self.name = name
    let keys = [
      "id", "creator", "config", "pending_config", "ai_gateway", "email_notifications", "telemetry_config",
      "description", "route_optimized", "last_updated_timestamp",
    ]
    members = Dictionary(
      uniqueKeysWithValues: keys.map { ($0, Self.unordered(workspace.member($0, of: name) ?? .null)) })
    tags = (workspace.endpoint(name)?.tags ?? [:]).filter { !$0.key.hasPrefix("setpoint-") }
    grants = workspace.grants(on: name)
  }

  /// The workspace returns lists in its own order.
  private static func unordered(_ value: JSONValue) -> JSONValue {
    switch value {
    case .array(let items): .array(items.map(unordered).sorted { $0.text() < $1.text() })
    case .object(let members, _): .object(members.mapValues(unordered))
    default: value
    }
  }
}

/// One of many endpoints, each with a different mixture of settings.
private struct VariedEndpoint {
  static let model = "main.support.hello"
  let number: Int
  var name: String { ["team", "Chat_", "x-", "9lives"][number % 4] + "\(number)" }

  func make(in workspace: WorkspaceDouble) throws {
    try workspace.make(
      JSONValue.object(body).text(), by: number % 7 == 0 ? "somebody@example.com" : "deployer@example.com")
    let entries: [[String: JSONValue]] = [
      ["group_name": "support", "permission_level": "CAN_QUERY"],
      ["user_name": "a@example.com", "permission_level": "CAN_VIEW"],
      [
        "service_principal_name": "0b5e0bd2-1f8a-4f2e-9d43-7a1d6a1f0c11", "permission_level": "CAN_MANAGE",
      ],
    ]
    let deployer: [String: JSONValue] = ["user_name": "deployer@example.com", "permission_level": "CAN_MANAGE"]
    workspace.grant([deployer] + entries.prefix(number % 4), on: name)
  }

  private var body: [String: JSONValue] {
    var body: [String: JSONValue] = ["name": .string(name), "config": .object(config)]
    if number % 3 > 0 { body["tags"] = tags }
    if number % 5 == 1 { body["description"] = .string("Endpoint \(number): say \"hello\" # politely") }
    if number % 6 == 2 { body["route_optimized"] = true }
    if let gateway { body["ai_gateway"] = gateway }
    switch number % 4 {
    case 1: body["email_notifications"] = ["on_update_failure": ["oncall@example.com"]]
    case 2:
      body["email_notifications"] = [
        "on_update_success": ["b@example.com", "a@example.com"], "on_update_failure": ["oncall@example.com"],
      ]
    default: break
    }
    if number % 8 == 3 {
      body["telemetry_config"] = [
        "table_names": ["logs_table": "main.telemetry.logs", "metrics_table": "main.telemetry.metrics"],
        "inference_table_config": ["sampling_fraction": 0.25],
      ]
    }
    return body
  }

  private var tags: JSONValue {
    let all: [JSONValue] = [
      ["key": "cost-center", "value": "4411"], ["key": "no", "value": "no"], ["key": "empty"],
      ["key": "with space", "value": "a: b # c"],
    ]
    return .array(Array(all.prefix(1 + number % 4)))
  }

  private var gateway: JSONValue? {
    switch number % 6 {
    case 1: ["usage_tracking_config": ["enabled": true]]
    case 2:
      [
        "rate_limits": [
          ["key": "user", "calls": 60, "renewal_period": "minute"],
          ["key": "user_group", "principal": "support", "tokens": 90_000, "renewal_period": "minute"],
          ["key": "endpoint", "calls": 600, "tokens": 1_000_000, "renewal_period": "minute"],
        ]
      ]
    case 3:
      [
        "inference_table_config": ["catalog_name": "main", "schema_name": "logs", "enabled": true],
        "usage_tracking_config": ["enabled": false],
      ]
    case 4: ["fallback_config": ["enabled": true], "usage_tracking_config": ["enabled": true]]
    default: nil
    }
  }

  private var config: [String: JSONValue] {
    let count = [1, 1, 2, 1, 3][number % 5]
    let entities = (0..<count).map { JSONValue.object(entity($0)) }
    // Some were created years ago, with the older field names.
    let isOld = number % 10 == 3
    var config: [String: JSONValue] = [isOld ? "served_models" : "served_entities": .array(entities)]
    if count > 1 {
      let shares = count == 2 ? [90, 10] : [80, 20, 0]
      config["traffic_config"] = [
        "routes": .array(
          (0..<count).map { index in
            ["served_entity_name": .string(entityName(index)), "traffic_percentage": .int(Int64(shares[index]))]
          })
      ]
    }
    return config
  }

  /// Every second endpoint leaves the names of its entities to the server.
  private func entityName(_ index: Int) -> String {
    number % 2 == 0 ? "hello-\(number + index + 1)" : "role_\(index)"
  }

  private func entity(_ index: Int) -> [String: JSONValue] {
    let isOld = number % 10 == 3
    var entity: [String: JSONValue] = [
      isOld ? "model_name" : "entity_name": .string(Self.model),
      isOld ? "model_version" : "entity_version": .string("\(number + index + 1)"),
      "scale_to_zero_enabled": .bool(number % 3 == 0),
    ]
    if number % 2 == 1 { entity["name"] = .string(entityName(index)) }
    let types = ["CPU", "GPU_SMALL", "GPU_MEDIUM", "MULTIGPU_MEDIUM", "GPU_XLARGE", "GPU_OF_TOMORROW"]
    if number % 7 > 0 { entity["workload_type"] = .string(types[(number + index) % types.count]) }
    switch number % 6 {
    case 0: break
    case 1: entity["workload_size"] = "Small"
    case 2: entity["workload_size"] = "Medium"
    case 3: entity["workload_size"] = "Huge"
    case 4:
      entity["min_provisioned_concurrency"] = 4
      entity["max_provisioned_concurrency"] = 8
    default:
      entity["min_provisioned_concurrency"] = 16
      entity["max_provisioned_concurrency"] = 16
    }
    switch (number + index) % 4 {
    case 1: entity["environment_vars"] = ["HF_TOKEN": "{{secrets/llm/hf}}"]
    case 2: entity["environment_vars"] = ["VLLM_LOGGING_LEVEL": "INFO", "PATHS": "a:b", "EMPTY": "", "YES": "yes"]
    case 3: entity["environment_vars"] = ["LINES": "one\ntwo\n", "API_KEY": "{{secrets/llm/key}}", "N": "007"]
    default: break
    }
    return entity
  }
}
