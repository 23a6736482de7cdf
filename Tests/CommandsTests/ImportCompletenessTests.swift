import FoundationEssentials
import TestKit
import Testing

/// Exit 0 means that everything was reported: what is omitted, unresolved or converted.
@Suite struct ImportCompletenessTests {
  private static func bundle(_ block: String) -> String {
    """
    resources:
      model_serving_endpoints:
        chat:
          name: chat
    \(block)
    """
  }

  private static let config = """
          config:
            served_entities:
              - {name: main, entity_name: ml.prod.qwen, entity_version: "4", scale_to_zero_enabled: true}
    """

  @Test(arguments: [
    ("      ai_gateway: {guardrails: {input: {pii: {behavior: BLOCK}}}}", "ai_gateway.guardrails"),
    ("      ai_gateway: {fallback_config: {enabled: true}}", "ai_gateway.fallback_config"),
    ("      ai_gateway: {rate_limits: [{key: user, calls: 5, burst: 2}]}", "ai_gateway.rate_limits[0].burst"),
    ("      ai_gateway: {inference_table_config: {enabled: true}}", "ai_gateway.inference_table_config"),
    ("      permissions: [{group_name: g, level: CAN_ADMINISTER}]", "permissions[0]"),
    ("      permissions: [{level: CAN_QUERY}]", "permissions[0]"),
    ("      rate_limits: [{key: user, calls: 5}]", "rate_limits"),
    ("      new_setting: {a: 1}", "new_setting"), ("      tags: [{value: x}]", "tags[0]"),
    ("      tags: [{key: a, value: x}, {key: a, value: z}]", "tags[1]"),
    ("      uc_system_metrics_export_state: FIRST_PARTY_EXPORT_ENABLED", "uc_system_metrics_export_state"),
  ])
  func `a setting that a manifest cannot express is reported on standard error with its location, and exits with 1`(
    line: String, path: String
  ) async {
    let run = await CommandRun(["import", "--from-bundle", "-"], input: Self.bundle(Self.config + "\n" + line))
    #expect(run.code == 1, "\(run)")
    #expect(run.notes.contains("warning: resources.model_serving_endpoints.chat.\(path): omitted: "), "\(run)")
    #expect(run.notes.contains("the endpoint is created without it"))
    #expect(run.notes.contains("chat: omitted: \(path)"), "\(run)")
    #expect(run.output.contains("# omitted: \(path): "))
    #expect(run.output.contains("the endpoint is created without it"))
    #expect(!run.output.contains("stays"), "nothing is left to keep")
  }

  @Test(arguments: [
    ("auto_capture_config: {catalog_name: c, schema_name: s, enabled: true}", "config.auto_capture_config"),
    (
      "traffic_config: {routes: [{served_model_name: nobody, traffic_percentage: 100}]}",
      "config.traffic_config.routes[0]"
    ),
    ("traffic_config: {routes: [{traffic_percentage: 100}]}", "config.traffic_config.routes[0]"),
    ("served_models: [{model_name: m, model_version: '1'}]", "config.served_models"),
  ])
  func `a field of the config is reported as well`(line: String, path: String) async {
    let run = await CommandRun(
      ["import", "--from-bundle", "-"], input: Self.bundle(Self.config + "\n        " + line))
    #expect(run.code == 1, "\(run)")
    #expect(run.notes.contains("warning: resources.model_serving_endpoints.chat.\(path): omitted: "), "\(run)")
    #expect(run.output.contains("# omitted: \(path): "), "\(run)")
  }

  @Test(arguments: [
    ("instance_profile_arn: arn:aws:iam::1:instance-profile/x", "instance_profile_arn"),
    ("burst_scaling_enabled: true", "burst_scaling_enabled"), ("warm_up: {seconds: 5}", "warm_up"),
    ("environment_vars: {A: , B: x}", "environment_vars.A"),
  ])
  func `a field of a served entity is reported as well`(line: String, member: String) async {
    let config = """
            config:
              served_entities:
                - entity_name: ml.prod.qwen
                  entity_version: "4"
                  \(line)
      """
    let run = await CommandRun(["import", "--from-bundle", "-"], input: Self.bundle(config))
    #expect(run.code == 1, "\(run)")
    #expect(
      run.notes.contains("-:9:") && run.notes.contains("chat.config.served_entities[0].\(member): omitted: "), "\(run)"
    )
    #expect(run.output.contains("omitted: ") && run.output.contains(member))
  }

  @Test func `empty settings are not reported`() async {
    let lines = """

            ai_gateway: {guardrails: {}, usage_tracking_config: {enabled: false}}
            tags: []
            description: ""
            new_setting: false
      """
    let run = await CommandRun(["import", "--from-bundle", "-"], input: Self.bundle(Self.config + lines))
    #expect(run.code == 0, "\(run)")
    #expect(run.notes == "")
  }

  @Test func `scalars are converted as their text is written`() async {
    let block = """
            tags: [{key: cost-center, value: 4411}, {key: rate, value: 1.10}, {key: on, value: true}]
            route_optimized: "true"
            description: 7
            config:
              served_entities:
                - name: 12
                  entity_name: ml.prod.qwen
                  entity_version: 4
                  workload_size: Small
                  scale_to_zero_enabled: "true"
                  environment_vars: {PORT: 8080, DEBUG: true, RATE: 1.10, HEX: 0x1F, ZIP: 01234, OFF: off, NONE: "null"}
              traffic_config: {routes: [{served_model_name: 12, traffic_percentage: "100"}]}
      """
    let run = await CommandRun(["import", "--from-bundle", "-"], input: Self.bundle(block))
    #expect(run.code == 0, "\(run)")
    for line in [
      "PORT: \"8080\"", "DEBUG: \"true\"", "RATE: \"1.10\"", "HEX: \"0x1F\"", "ZIP: \"01234\"", "\"OFF\": \"off\"",
      "NONE: \"null\"", "cost-center: \"4411\"", "rate: \"1.10\"", "\"on\": \"true\"", "routeOptimized: true",
      "scaleToZero: true", "description: \"7\"", "name: \"12\"",
    ] {
      #expect(
        run.output.contains("\(line)\n") || run.output.contains("\(line.replacing("\"OFF\"", with: "OFF"))\n"),
        "\(line) in \(run)")
    }
    #expect(await CommandRun(["validate", "-f", "-"], input: run.output).code == 0, "\(run)")
  }

  @Test func `scalars are converted in Terraform's JSON as well`() async {
    let text = """
      {"resource": {"databricks_model_serving": {"chat": {"name": "chat",
        "tags": [{"key": "cost-center", "value": 4411}], "route_optimized": "false",
        "config": {"served_entities": [{"entity_name": "ml.prod.qwen", "entity_version": 4,
          "scale_to_zero_enabled": "true", "min_provisioned_concurrency": "4", "max_provisioned_concurrency": "8",
          "environment_vars": {"PORT": 8080, "DEBUG": true, "RATE": 1.10}}]}}},
        "databricks_permissions": {"p": {"serving_endpoint_id": "${databricks_model_serving.chat.id}",
          "access_control": {"group_name": 42, "permission_level": "CAN_QUERY"}}}}}
      """
    let run = await CommandRun(["import", "--from-terraform", "-"], input: text)
    #expect(run.code == 0, "\(run)")
    for line in [
      "PORT: \"8080\"", "DEBUG: \"true\"", "RATE: \"1.10\"", "cost-center: \"4411\"", "scaleToZero: true", "min: 4",
      "max: 8",
      "group: \"42\"",
    ] {
      #expect(run.output.contains("\(line)\n"), "\(line) in \(run)")
    }
  }

  @Test func `a value that cannot be converted is an error with its location`() async {
    let block = """
            config:
              served_entities:
                - {entity_name: m, entity_version: "1", scale_to_zero_enabled: maybe, environment_vars: {A: [1]}}
      """
    let run = await CommandRun(["import", "--from-bundle", "-"], input: Self.bundle(block))
    #expect(run.code == 1)
    #expect(run.notes.contains("scale_to_zero_enabled: expected true or false, found a string"), "\(run)")
    #expect(run.notes.contains("environment_vars.A: expected a string, found an array"))
  }

  // MARK: Names

  @Test func `an unresolved name is left to complete by hand, and no file name begins with a dash`() async throws {
    let text = """
      resources:
        model_serving_endpoints:
          ${var.endpoint_name}:
            config: {served_entities: [{entity_name: m, entity_version: "1"}]}
          --:
            name: ${var.other}
            config: {served_entities: [{entity_name: m, entity_version: "1"}]}
      """
    try await withTemporaryDirectory { directory in
      let run = await CommandRun(["import", "--from-bundle", "-", "--out", directory], input: text)
      #expect(run.code == 1, "\(run)")
      #expect(Set(run.lines) == ["\(directory)/var-endpoint_name.yaml", "\(directory)/endpoint.yaml"])
      #expect(run.notes.contains("${var.endpoint_name}: to complete by hand: name\n"), "\(run)")
      #expect(run.notes.contains("--: to complete by hand: name\n"))
      #expect(
        run.notes.contains("-:4:7: warning: resources.model_serving_endpoints.${var.endpoint_name}.name: is not set"))
      let manifest = try String(contentsOfFile: "\(directory)/var-endpoint_name.yaml", encoding: .utf8)
      #expect(manifest.contains("# to complete by hand: name, which is not set at -:4:7\n"))
      #expect(await CommandRun(["validate", "-f", "\(directory)/endpoint.yaml"]).code == 1)
    }
  }

  @Test func `an entity without a version is named in full`() async {
    let text = Self.bundle("      config: {served_entities: [{entity_name: main.rag.wiki-rag}]}")
    let run = await CommandRun(["import", "--from-bundle", "-"], input: text)
    #expect(run.code == 1)
    #expect(run.notes.contains("skipped: chat: main.rag.wiki-rag has no version; it is a feature spec"), "\(run)")
  }
}
