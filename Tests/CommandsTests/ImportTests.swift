import CanonicalJSON
import Endpoints
import FoundationEssentials
import ServingAPI
import TestKit
import Testing

/// Manifests of live endpoints.
@Suite struct ImportTests {
  @Test func `a plain endpoint is five lines without any default`() async throws {
    let workspace = WorkspaceDouble()
    try await workspace.serve("support-chat", version: "7", tags: ["setpoint-fleet": "x", "setpoint-owns": "a"])
    let run = await CommandRun(["import", "support-chat"], workspace: workspace)
    #expect(run.code == 0, "\(run)")
    #expect(
      run.output == """
        # versions are the live numbers; the API does not report aliases: write "@alias" to follow one
        apiVersion: serving.setpoint.dev/v1alpha1
        kind: ServingEndpoint
        metadata:
          name: support-chat
        spec:
          model: main.support.hello
          entityVersion: "7"

        """)
    #expect(workspace.writes.isEmpty)
  }

  @Test func `everything that a manifest can express is in it, and the rest is a comment`() async throws {
    let workspace = WorkspaceDouble()
    try workspace.make(
      #"""
      {"name": "chat", "description": "For support.", "route_optimized": true, "tags": [{"key": "team", "value": "nlp"}],
       "config": {"served_entities": [
         {"name": "main", "entity_name": "ml.prod.qwen", "entity_version": "4", "workload_type": "GPU_MEDIUM",
          "min_provisioned_concurrency": 4, "max_provisioned_concurrency": 8, "scale_to_zero_enabled": false,
          "instance_profile_arn": "arn:aws:iam::1:instance-profile/x",
          "environment_vars": {"LEVEL": "INFO", "HF_TOKEN": "{{secrets/llm/hf}}"}},
         {"name": "next", "entity_name": "ml.prod.qwen", "entity_version": "5", "workload_type": "GPU_MEDIUM",
          "workload_size": "Medium", "scale_to_zero_enabled": true}],
        "traffic_config": {"routes": [{"served_entity_name": "main", "traffic_percentage": 90},
                                      {"served_entity_name": "next", "traffic_percentage": 10}]}},
       "ai_gateway": {"rate_limits": [{"key": "user", "calls": 60, "renewal_period": "minute"}],
         "usage_tracking_config": {"enabled": true}, "fallback_config": {"enabled": true},
         "inference_table_config": {"catalog_name": "main", "schema_name": "logs", "enabled": true,
           "table_name_prefix": "chat"}},
       "email_notifications": {"on_update_failure": ["oncall@example.com"]},
       "telemetry_config": {"table_names": {"logs_table": "main.t.logs"},
         "inference_table_config": {"sampling_fraction": 0.5}}}
      """#)
    workspace.grant([["group_name": "support", "permission_level": "CAN_QUERY"]], on: "chat")
    let run = await CommandRun(["import", "chat"], workspace: workspace)
    #expect(run.code == 1, "\(run)")
    #expect(run.notes.contains("chat: omitted: ai_gateway.fallback_config, instance_profile_arn of main\n"), "\(run)")
    let profile = try #require(workspace.member("telemetry_config", of: "chat")?["telemetry_profile_id"]?.stringValue)
    #expect(
      run.output == """
        # omitted: ai_gateway.fallback_config: a manifest has no field for it; the live setting is kept
        # versions are the live numbers; the API does not report aliases: write "@alias" to follow one
        apiVersion: serving.setpoint.dev/v1alpha1
        kind: ServingEndpoint
        metadata:
          name: chat
        spec:
          servedEntities:
          # omitted: instance_profile_arn: a manifest has no field for it; an endpoint with it cannot be adopted
          - name: main
            model: ml.prod.qwen
            entityVersion: "4"
            workloadType: GPU_MEDIUM
            concurrency:
              min: 4
              max: 8
            environment:
              HF_TOKEN: "{{secrets/llm/hf}}"
              LEVEL: INFO
            traffic: 90
          - name: next
            model: ml.prod.qwen
            entityVersion: "5"
            workloadType: GPU_MEDIUM
            size: Medium
            scaleToZero: true
            traffic: 10
          tags:
            team: nlp
          gateway:
            rateLimits:
            - key: user
              calls: 60
            usageTracking: true
            inferenceTable:
              catalog: main
              schema: logs
              tableNamePrefix: chat
          access:
          - group: support
            level: CanQuery
          notifications:
            onUpdateFailure:
            - oncall@example.com
          # the API reports the profile, not its table names
          telemetry:
            profileId: \(profile)
            samplingFraction: 0.5
          description: For support.
          routeOptimized: true

        """)
    #expect(await CommandRun(["validate", "-f", "-"], input: run.output).code == 0)
  }

  @Test(arguments: [
    ("HF_TOKEN", "hunter2-hunter2"), ("ENDPOINT", "https://me:hunter2-hunter2@example.com"),
    ("LICENCE", "dapi0123456789hunter2-hunter2"), ("SETPOINT_ENGINE_ARGS", #"["--api-key","hunter2-hunter2"]"#),
  ])
  func `a possible credential is in no output`(variable: String, value: String) async throws {
    let workspace = WorkspaceDouble()
    try await workspace.serve("chat", environment: [variable: value, "MONKEY": "see"])
    for command in [["import", "chat"], ["get", "chat", "-o", "yaml"], ["get", "chat", "-o", "json"]] {
      let run = await CommandRun(command, workspace: workspace)
      #expect(run.code == 0, "\(run)")
      #expect(!(run.output + run.notes).contains("hunter2"), "\(run)")
      #expect(run.output.contains("see"), "MONKEY only ends in a word that a credential has")
    }
    let run = await CommandRun(["import", "chat"], workspace: workspace)
    #expect(run.notes.contains("chat: the value of \(variable) is not printed"), "\(run)")
    #expect(await CommandRun(["validate", "-f", "-"], input: run.output).code == 0, "\(run)")
  }

  @Test func `a server's text cannot escape from a comment`() async throws {
    let workspace = WorkspaceDouble()
    try workspace.make(
      #"""
      {"name": "chat", "config": {"served_entities": [
        {"name": "main", "entity_name": "a.b.c", "entity_version": "1", "scale_to_zero_enabled": false}]},
       "ai_gateway": {"x\nspec: {suspend: true}\n#": {"enabled": true}}}
      """#)
    let run = await CommandRun(["import", "chat"], workspace: workspace)
    #expect(run.output.contains(#"x\x0Aspec"#), "\(run)")
    #expect(try ManifestSet.read([("-", Array(run.output.utf8))]).manifests.first?.desired().suspend == false)
  }

  @Test func `fields that a manifest does not accept are omitted, and the rest is kept`() async throws {
    let workspace = WorkspaceDouble()
    try workspace.make(
      #"""
      {"name": "chat", "config": {"served_entities": [
        {"name": "main", "entity_name": "a.b.c", "entity_version": "1", "scale_to_zero_enabled": false}]},
       "tags": [{"key": "team", "value": "nlp"}], "email_notifications": {"on_update_success": ["a team"]}}
      """#)
    let run = await CommandRun(["import", "chat"], workspace: workspace)
    #expect(run.code == 1, "\(run)")
    #expect(run.notes.contains("chat: omitted: notifications"))
    #expect(run.output.contains("# omitted: notifications: manifests do not accept it: \"a team\" is not an email"))
    #expect(run.output.contains("team: nlp"))
    #expect(await CommandRun(["validate", "-f", "-"], input: run.output).code == 0)
  }

  @Test
  func `endpoints that no manifest can describe are named with the reason, and the others are imported`() async throws {
    let workspace = WorkspaceDouble()
    try await workspace.serve("good")
    try workspace.make(#"{"name": "empty"}"#)
    try workspace.make(
      #"""
      {"name": "external", "config": {"served_entities": [{"name": "gpt", "external_model":
        {"name": "gpt-5", "provider": "openai", "task": "llm/v1/chat",
         "openai_config": {"openai_api_key": "{{secrets/a/b}}"}}}]}}
      """#)
    try await workspace.serve("throughput")
    workspace.fail(
      "GET", path: "/throughput",
      with: .response(
        status: 200,
        body: #"""
          {"name": "throughput", "config": {"config_version": 1, "served_entities": [{"name": "pt",
            "entity_name": "system.ai.llama", "entity_version": "1", "max_provisioned_throughput": 970}]}}
          """#))
    let run = await CommandRun(["import", "--all"], workspace: workspace)
    #expect(run.code == 1, "\(run)")
    #expect(run.notes.contains("skipped: empty: it has no config to describe"))
    #expect(run.notes.contains("skipped: external: it serves an external model (gpt)"))
    #expect(run.notes.contains("skipped: throughput: it is sized by provisioned throughput (pt)"))
    #expect(ManifestSet.read([("-", Array(run.output.utf8))]).manifests.map(\.name) == ["good"])
  }

  @Test func `Databricks' own endpoints are skipped with --all and refused by name`() async throws {
    var behaviors = WorkspaceBehaviors()
    behaviors.hasFoundationEndpoints = true
    let workspace = WorkspaceDouble(behaviors: behaviors)
    try await workspace.serve("good")
    let all = await CommandRun(["import", "--all"], workspace: workspace)
    #expect(all.code == 0, "\(all)")
    #expect(all.notes.contains("skipped because they are Databricks' own: databricks-"))
    #expect(!all.output.contains("databricks-"))
    let one = await CommandRun(["import", "databricks-meta-llama"], workspace: workspace)
    #expect(one.code == 1, "\(one)")
    #expect(one.output == "")
  }

  @Test func `a missing endpoint and an unreadable one do not affect the others`() async throws {
    let workspace = WorkspaceDouble()
    try await workspace.serve("good")
    try await workspace.serve("closed")
    workspace.fail(
      "GET", path: "/closed",
      with: .answer(status: 403, errorCode: "PERMISSION_DENIED", message: "User does not have CAN_VIEW"))
    let run = await CommandRun(["import", "nobody", "closed", "good"], workspace: workspace)
    #expect(run.code == 1, "\(run)")
    #expect(run.notes.contains("skipped: nobody: not found at https://workspace.example.com"))
    #expect(run.notes.contains("skipped: closed: it cannot be read: User does not have CAN_VIEW"))
    #expect(run.output.contains("name: good"))
    let near = await CommandRun(["import", "godo"], workspace: workspace)
    #expect(
      near.notes.contains("skipped: godo: not found at https://workspace.example.com; did you mean \"good\"?"),
      "\(near)")
  }

  @Test func `permissions that may not be read become a comment`() async throws {
    let workspace = WorkspaceDouble()
    try await workspace.serve("good")
    workspace.setPlan { _, call in
      call.path.hasPrefix("/api/2.0/permissions")
        ? .answer(status: 403, errorCode: "PERMISSION_DENIED", message: "ask an admin") : nil
    }
    let run = await CommandRun(["import", "good"], workspace: workspace)
    #expect(run.code == 1, "\(run)")
    #expect(run.output.contains("# omitted: access: permissions cannot be read: ask an admin"))
  }

  @Test func `a first rollout in progress is imported from the pending config`() async throws {
    let workspace = WorkspaceDouble()
    workspace.setBehavior(.hangs, model: "main.support.hello", version: "2")
    _ = try await workspace.provider.create("chat", config: Manifests.config(version: "2"), tags: [:])
    let run = await CommandRun(["import", "chat"], workspace: workspace)
    #expect(run.code == 0, "\(run)")
    #expect(run.output.contains("# from a rollout that is not active yet\n"))
    #expect(run.output.contains("entityVersion: \"2\""))
  }

  // MARK: - Files

  @Test func `each manifest has its own file, which is overwritten only on request`() async throws {
    let workspace = WorkspaceDouble()
    try await workspace.serve("one")
    try await workspace.serve("two", version: "2")
    try await withTemporaryDirectory { directory in
      let out = "\(directory)/deep/fleet"
      let run = await CommandRun(["import", "--all", "--out", out], workspace: workspace)
      #expect(run.code == 0, "\(run)")
      #expect(run.lines == ["\(out)/one.yaml", "\(out)/two.yaml"])
      #expect(await CommandRun(["validate", "-f", out]).code == 0)

      try Data("mine".utf8).write(to: URL(filePath: "\(out)/one.yaml"))
      try FileManager.default.removeItem(atPath: "\(out)/two.yaml")
      let again = await CommandRun(["import", "--all", "--out", out], workspace: workspace)
      #expect(again.code == 1, "\(again)")
      #expect(again.notes.contains("where: \(out)/one.yaml"))
      #expect(try String(contentsOfFile: "\(out)/one.yaml", encoding: .utf8) == "mine")
      #expect(!FileManager.default.fileExists(atPath: "\(out)/two.yaml"), "all or nothing")

      #expect(await CommandRun(["import", "--all", "--out", out, "--force"], workspace: workspace).code == 0)
      #expect(await CommandRun(["validate", "-f", out]).code == 0)
    }
  }

  @Test(arguments: [
    (["import"], "error: no endpoints are specified; pass their names, or --all\n"),
    (["import", "a", "--all"], "error: endpoint names and --all cannot be combined\n"),
    (["import", "a", "--force"], "error: --force requires --out DIR\n"),
    (["import", "a", "--target", "dev"], "error: --target requires --from-bundle\n"),
    (["import", "--from-bundle", "x", "--from-terraform", "y"], "cannot be combined\n"),
  ])
  func `contradictory options are a usage error`(arguments: [String], words: String) async {
    let run = await CommandRun(arguments)
    #expect(run.code == 64)
    #expect(run.notes.contains(words), "\(run)")
  }
}

extension WorkspaceDouble {
  /// Another client creates an endpoint, whose rollout has ended.
  ///
  /// - Parameter body: the body of the call that creates it.
  func make(_ body: String, by user: String = "deployer@example.com") throws {
    let json = try JSONValue(parsing: body)
    let status = foreign("POST", "/api/2.0/serving-endpoints", json, by: user)
    let name = try #require(json["name"]?.stringValue)
    try #require(status == 200, "the workspace refused \(name)")
    for _ in 0..<5 { foreign("GET", "/api/2.0/serving-endpoints/\(name)", by: user) }
  }

  /// Another client grants permissions.
  func grant(_ entries: [[String: JSONValue]], on name: String) {
    guard let id = endpoint(name)?.id else { return }
    foreign(
      "PATCH", "/api/2.0/permissions/serving-endpoints/\(id)",
      ["access_control_list": .array(entries.map { .object($0) })])
  }
}
