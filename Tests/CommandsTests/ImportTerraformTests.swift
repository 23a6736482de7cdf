import Endpoints
import FoundationEssentials
import TestKit
import Testing

/// Manifests from Terraform's JSON. No provider is called.
@Suite struct ImportTerraformTests {
  @Test func `a configuration in JSON becomes a manifest, whether its blocks are objects or lists of one`() async {
    let serving = """
      "name": "chat", "route_optimized": true, "tags": [{"key": "team", "value": "nlp"}, {"key": "empty"}],
      "email_notifications": [{"on_update_failure": ["oncall@example.com"]}],
      "lifecycle": {"prevent_destroy": true}, "depends_on": ["databricks_schema.x"], "//": "a comment",
      """
    let lists = """
      {"resource": [{"databricks_model_serving": [{"chat": [{\(serving)
        "config": [{"served_entities": [{"name": "main", "entity_name": "ml.prod.qwen", "entity_version": "4",
            "workload_type": "GPU_MEDIUM", "workload_size": "Small", "scale_to_zero_enabled": false,
            "environment_vars": {"HF_TOKEN": "{{secrets/llm/hf}}", "PRICE": "$${x}"}}],
          "traffic_config": [{"routes": [{"served_model_name": "main", "traffic_percentage": 100}]}]}],
        "ai_gateway": [{"rate_limits": [{"key": "user", "calls": 60, "renewal_period": "minute"}]}]}]}],
        "databricks_permissions": [{"chat": [{"serving_endpoint_id": "${databricks_model_serving.chat.serving_endpoint_id}",
          "access_control": [{"group_name": "support", "permission_level": "CAN_QUERY"}]}]}]}]}
      """
    let objects = """
      {"resource": {"databricks_model_serving": {"chat": {\(serving)
        "config": {"served_entities": {"name": "main", "entity_name": "ml.prod.qwen", "entity_version": "4",
            "workload_type": "GPU_MEDIUM", "workload_size": "Small", "scale_to_zero_enabled": false,
            "environment_vars": {"HF_TOKEN": "{{secrets/llm/hf}}", "PRICE": "$${x}"}},
          "traffic_config": {"routes": {"served_model_name": "main", "traffic_percentage": 100}}},
        "ai_gateway": {"rate_limits": {"key": "user", "calls": 60, "renewal_period": "minute"}}}},
        "databricks_permissions": {"chat": {"serving_endpoint_id": "${databricks_model_serving.chat.id}",
          "access_control": {"group_name": "support", "permission_level": "CAN_QUERY"}}}}}
      """
    for text in [lists, objects] {
      let run = await CommandRun(["import", "--from-terraform", "-"], input: text)
      #expect(run.code == 0, "\(run)")
      #expect(
        run.output == """
          apiVersion: serving.setpoint.dev/v1alpha1
          kind: ServingEndpoint
          metadata:
            name: chat
          spec:
            servedEntities:
            - name: main
              model: ml.prod.qwen
              entityVersion: "4"
              workloadType: GPU_MEDIUM
              environment:
                HF_TOKEN: "{{secrets/llm/hf}}"
                PRICE: "${x}"
            tags:
              empty: ""
              team: nlp
            gateway:
              rateLimits:
              - key: user
                calls: 60
            access:
            - group: support
              level: CanQuery
            notifications:
              onUpdateFailure:
              - oncall@example.com
            routeOptimized: true
            deletionPolicy: Retain

          """)
    }
  }

  @Test func `a value that only Terraform can compute is omitted and reported with its location`() async {
    let text = """
      {"resource": {"databricks_model_serving": {"chat": {
        "name": "${var.prefix}-chat",
        "tags": [{"key": "team", "value": "hunter2 ${var.team}"}],
        "config": {"served_entities": [{
          "entity_name": "ml.prod.qwen",
          "entity_version": "${databricks_registered_model_version.q.version}",
          "scale_to_zero_enabled": false}]}}}}}
      """
    let run = await CommandRun(["import", "--from-terraform", "-"], input: text)
    #expect(run.code == 1, "\(run)")
    #expect(
      run.notes.contains(
        """
        -:6:23: warning: resource.databricks_model_serving.chat.config.served_entities[0].entity_version: \
        is unknown (${databricks_registered_model_version.q.version}), so the field is omitted; add it to the \
        manifest
        """), "\(run)")
    #expect(run.notes.contains("-:2:11: warning: resource.databricks_model_serving.chat.name: is unknown (${var.p"))
    #expect(!(run.output + run.notes).contains("hunter2"), "the text around a reference may be a secret")
    #expect(run.output.contains("# to complete by hand: name, which is ${var.prefix} at -:2:11\n"))
    #expect(run.output.contains("  model: ml.prod.qwen\n"))
    #expect(!run.output.contains("tags:"), "a tag without its value would be another tag")
    let checked = await CommandRun(["validate", "-f", "-"], input: run.output)
    #expect(checked.code == 1, "an incomplete manifest cannot be applied by mistake")
    #expect(checked.output.contains("spec.entityVersion: required"))
  }

  @Test
  func `the output of terraform show is resolved, modules and permissions included, and secrets stay secret`() async {
    let text = """
      {"format_version": "1.0", "terraform_version": "1.9.0", "values": {"root_module": {
        "resources": [
          {"address": "databricks_model_serving.chat[0]", "mode": "managed", "type": "databricks_model_serving",
           "name": "chat", "index": 0, "values": {
            "id": "chat", "name": "chat", "serving_endpoint_id": "0f3c", "endpoint_url": "", "tags": [], "ai_gateway": [],
            "rate_limits": [], "route_optimized": false, "budget_policy_id": null, "description": "",
            "config": [{"served_models": [], "auto_capture_config": [], "served_entities": [
              {"name": "qwen-4", "entity_name": "ml.prod.qwen", "entity_version": "4", "workload_type": "CPU",
               "workload_size": "Small", "scale_to_zero_enabled": true, "external_model": [], "instance_profile_arn": "",
               "min_provisioned_throughput": 0, "max_provisioned_throughput": 0, "provisioned_model_units": 0,
               "environment_vars": {"PIN": "hunter2", "MODE": "x"}}],
              "traffic_config": [{"routes": [{"served_model_name": "qwen-4", "traffic_percentage": 100}]}]}]},
           "sensitive_values": {"config": [{"served_entities": [{"environment_vars": {"PIN": true}}]}]}},
          {"address": "data.databricks_model_serving.x", "mode": "data", "type": "databricks_model_serving", "name": "x",
           "values": {"name": "x"}}],
        "child_modules": [{"address": "module.m", "resources": [
          {"address": "module.m.databricks_model_serving.old", "mode": "managed", "type": "databricks_model_serving",
           "name": "old", "values": {"name": "old-chat", "config": [{"served_models": [
             {"model_name": "bert", "model_version": "2", "workload_size": "Medium"}]}]}},
          {"address": "module.m.databricks_permissions.p", "mode": "managed", "type": "databricks_permissions",
           "name": "p", "values": {"serving_endpoint_id": "0f3c", "access_control": [
             {"user_name": "a@example.com", "group_name": "", "permission_level": "CAN_MANAGE"}]}},
          {"address": "module.m.databricks_permissions.q", "mode": "managed", "type": "databricks_permissions",
           "name": "q", "values": {"serving_endpoint_id": "beef", "access_control": []}}]}]}}}
      """
    let run = await CommandRun(["import", "--from-terraform", "-"], input: text)
    #expect(run.code == 1, "\(run)")
    #expect(!(run.output + run.notes).contains("hunter2"))
    #expect(run.notes.contains("chat: to complete by hand: config[0].served_entities[0].environment_vars.PIN"))
    #expect(run.notes.contains("module.m.databricks_permissions.q.serving_endpoint_id: the endpoint is unknown"))
    #expect(
      run.output == """
        # to complete by hand: config[0].served_entities[0].environment_vars.PIN, which is sensitive at -:11:38
        apiVersion: serving.setpoint.dev/v1alpha1
        kind: ServingEndpoint
        metadata:
          name: chat
        spec:
          model: ml.prod.qwen
          entityVersion: "4"
          scaleToZero: true
          environment:
            MODE: x
          access:
          - user: a@example.com
            level: CanManage
        ---
        apiVersion: serving.setpoint.dev/v1alpha1
        kind: ServingEndpoint
        metadata:
          name: old-chat
        spec:
          model: bert
          entityVersion: "2"
          size: Medium
          scaleToZero: true

        """)
  }

  @Test func `a plan marks what is known only after the apply`() async {
    let text = """
      {"planned_values": {"root_module": {"resources": [
        {"address": "databricks_model_serving.chat", "mode": "managed", "type": "databricks_model_serving",
         "name": "chat", "values": {"name": "chat", "config": [{"served_entities": [
           {"entity_name": "ml.prod.qwen", "scale_to_zero_enabled": false}]}]}}]}},
       "resource_changes": [{"address": "databricks_model_serving.chat", "change": {"after_unknown": {"id": true,
         "config": [{"served_entities": [{"entity_version": true, "name": true}]}]}}}]}
      """
    let run = await CommandRun(["import", "--from-terraform", "-"], input: text)
    #expect(run.code == 1, "\(run)")
    #expect(
      run.output.contains("# to complete by hand: config[0].served_entities[0].entity_version, which is ${known"))
    #expect(run.notes.contains("chat: to complete by hand: config[0].served_entities[0].entity_version\n"))
  }

  @Test
  func `a field with no place in a manifest is a comment, and a malformed block is an error with its location`() async {
    let text = """
      {"resource": {"databricks_model_serving": {
        "chat": {"name": "chat", "rate_limits": [{"calls": 5, "key": "user", "renewal_period": "minute"}],
          "future_setting": 1,
          "config": {"served_entities": [{"entity_name": "m", "entity_version": 7, "scale_to_zero_enabled": false}]}},
        "odd": {"name": "odd", "config": {"served_entities": [
          {"entity_name": "m", "entity_version": "1",
           "scale_to_zero_enabled": "yes"}]}},
        "many": {"name": "many", "for_each": {"a": 1}, "config": {"served_entities": [
          {"entity_name": "m", "entity_version": "1"}]}}}}}
      """
    let run = await CommandRun(["import", "--from-terraform", "-"], input: text)
    #expect(run.code == 1, "\(run)")
    #expect(run.output.contains("# omitted: rate_limits: the API no longer returns it; use gateway.rateLimits; "))
    #expect(
      run.output.contains(
        "# omitted: future_setting: a manifest has no field for it; the endpoint is created without it\n"))
    #expect(
      run.notes.contains(
        """
        -:7:31: error: resource.databricks_model_serving.odd.config.served_entities[0].scale_to_zero_enabled: expected \
        true or false, found a string
        """), "\(run)")
    #expect(run.notes.contains("skipped: odd: its block contains errors"))
    #expect(
      run.notes.contains(
        "resource.databricks_model_serving.many.for_each: creates any number of endpoints from one block"))
  }

  @Test func `endpoints can be selected by their names in the file`() async {
    let text = """
      {"resource": {"databricks_model_serving": {
        "a": {"name": "chat-a", "config": {"served_entities": [{"entity_name": "m", "entity_version": "1"}]}},
        "b": {"name": "chat-b", "config": {"served_entities": [{"entity_name": "m", "entity_version": "1"}]}}}}}
      """
    let run = await CommandRun(["import", "a", "nobody", "chat_c", "--from-terraform", "-"], input: text)
    #expect(run.code == 1, "\(run)")
    #expect(run.output.contains("name: chat-a"))
    #expect(!run.output.contains("chat-b"))
    #expect(run.notes.contains("skipped: nobody: no file declares it\n"))
    #expect(run.notes.contains("skipped: chat_c: no file declares it; did you mean \"chat-a\"?"), "\(run)")
  }

  @Test(arguments: [
    ("resource \"databricks_model_serving\" \"chat\" {\n}", "where: -:1:1", "terraform show -json"),
    ("{\"resource\": {\n  \"a\": ,}}", "where: -:2:8", "*.tf.json"),
    ("", "where: -:1:1", "*.tf.json"),
    ("{\"version\": 4, \"terraform_version\": \"1.9\", \"resources\": []}", "own state file", "terraform show -json"),
    ("{\"resource\": {\"aws_instance\": {}}}", "no databricks_model_serving in -", "terraform show -json"),
    ("[1]", "contains no Terraform resources", "*.tf.json"),
  ])
  func `a file of another kind is refused with the location of the problem and the expected form`(
    text: String, words: String, next: String
  ) async {
    let run = await CommandRun(["import", "--from-terraform", "-"], input: text)
    #expect(run.code == 1)
    #expect(run.output == "")
    #expect(run.notes.contains(words), "\(run)")
    #expect(run.notes.contains(next), "\(run)")
  }

  @Test func `a missing file is an error that names it`() async {
    let run = await CommandRun(["import", "--from-terraform", "/nowhere/main.tf.json"])
    #expect(run.code == 1)
    #expect(run.notes.contains("error: cannot read /nowhere/main.tf.json"), "\(run)")
  }
}
