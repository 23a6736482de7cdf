import TestKit
import Testing

/// Addresses, counts, modules and permissions in Terraform's JSON.
@Suite struct ImportTerraformNamesTests {
  private static let config = """
    "config": {"served_entities": [{"entity_name": "m", "entity_version": "1", "scale_to_zero_enabled": false}]}
    """

  private func importing(_ text: String, _ names: String...) async -> CommandRun {
    await CommandRun(["import", "--from-terraform", "-"] + names, input: text)
  }

  // MARK: A configuration

  @Test(arguments: [
    "${databricks_model_serving.agent.serving_endpoint_id}", "${databricks_model_serving.agent[0].serving_endpoint_id}",
    "${databricks_model_serving.agent[0].id}", #"${databricks_model_serving.agent[\"a\"].serving_endpoint_id}"#,
    "${one(databricks_model_serving.agent[*].serving_endpoint_id)}",
    "${databricks_model_serving.agent[count.index].serving_endpoint_id}",
  ])
  func `permissions belong to the endpoint that they name, with or without an index`(id: String) async {
    let run = await importing(
      """
      {"resource": {"databricks_model_serving": {
          "agent": {"name": "agent", "count": 1, \(Self.config)}, "agent2": {"name": "other", \(Self.config)}},
        "databricks_permissions": {"p": {"serving_endpoint_id": "\(id)",
          "access_control": [{"group_name": "support", "permission_level": "CAN_QUERY"}]}}}}
      """)
    #expect(run.code == 0, "\(run)")
    #expect(
      run.output.contains("name: agent\nspec:\n  model: m\n  entityVersion: \"1\"\n  access:\n  - group: support"))
  }

  @Test func `permissions of an unknown endpoint exit with 1`() async {
    let run = await importing(
      """
      {"resource": {"databricks_model_serving": {"agent": {"name": "agent", \(Self.config)}},
        "databricks_permissions": {"p": {"serving_endpoint_id": "${module.x.id}", "access_control": []}}}}
      """)
    #expect(run.code == 1, "\(run)")
    #expect(run.notes.contains("p.serving_endpoint_id: the endpoint is unknown"))
  }

  @Test(arguments: ["agent", "agent[0]", "databricks_model_serving.agent", "databricks_model_serving.agent[0]", "chat"])
  func `an endpoint can also be selected by its address`(name: String) async {
    let run = await importing(
      #"{"resource": {"databricks_model_serving": {"agent": {"name": "chat", "count": 1, \#(Self.config)}}}}"#, name)
    #expect(run.code == 0, "\(run)")
    #expect(run.output.contains("name: chat"))
  }

  @Test(arguments: [
    (#""count": "${var.enabled ? 1 : 0}","#, 1, true), (#""for_each": "${var.names}","#, 1, true),
    (#""for_each": ["a"],"#, 1, true), (#""count": 1,"#, 0, true), (#""count": 0,"#, 0, false),
  ])
  func `a block that may create several endpoints exits with 1, and one that creates none yields none`(
    repetition: String, code: Int32, isThere: Bool
  ) async {
    let run = await importing(
      #"{"resource": {"databricks_model_serving": {"agent": {"name": "chat", \#(repetition) \#(Self.config)}}}}"#)
    #expect(run.code == code, "\(run)")
    #expect(run.output.contains("name: chat") == isThere)
    #expect(run.notes.contains("creates any number of endpoints from one block") == (code == 1))
  }

  @Test func `a called module and an endpoint of another kind are reported`() async {
    let run = await importing(
      """
      {"module": {"serving": {"source": "./serving"}},
       "resource": {"databricks_model_serving": {"agent": {"name": "chat", \(Self.config)}},
         "databricks_model_serving_provisioned_throughput": {"pt": {"name": "fast"}}}}
      """)
    #expect(run.code == 1, "\(run)")
    #expect(
      run.notes.contains("-:1:24: warning: module.serving: resources declared by the module are not read"), "\(run)")
    #expect(run.notes.contains("skipped: fast: it is a databricks_model_serving_provisioned_throughput"))
    #expect(run.output.contains("name: chat"))
  }

  // MARK: A plan

  /// A plan that creates an endpoint in a module, once per index, with permissions whose endpoint has no id yet.
  private static func plan(references: String, indices: [String] = [""]) -> String {
    func resources(_ type: String, _ label: String, _ values: String) -> [String] {
      indices.map { index in
        let place = index.isEmpty ? "" : #""index": \#(index), "#
        return """
          {"address": "module.m.\(type).\(label)\(index.isEmpty ? "" : "[\(index)]")", "mode": "managed", "type": "\(type)",
           "name": "\(label)", \(place)"values": {\(values.replacing("INDEX", with: index))}}
          """
      }
    }
    let servings = resources("databricks_model_serving", "agent", #""name": "chat-INDEX", \#(config)"#)
    let permissions = resources(
      "databricks_permissions", "p",
      #""access_control": [{"group_name": "group-INDEX", "permission_level": "CAN_QUERY"}]"#)
    let changes = indices.map { index in
      let suffix = index.isEmpty ? "" : "[\(index)]"
      return
        #"{"address": "module.m.databricks_permissions.p\#(suffix)", "change": {"after_unknown": {"serving_endpoint_id": true}}}"#
    }
    return """
      {"planned_values": {"root_module": {"child_modules": [{"address": "module.m", "resources": [
         \((servings + permissions).joined(separator: ","))]}]}},
       "resource_changes": [\(changes.joined(separator: ","))],
       "configuration": {"root_module": {"module_calls": {"m": {"module": {"resources": [
         {"address": "databricks_permissions.p", "type": "databricks_permissions", "name": "p",
          "expressions": {"serving_endpoint_id": {"references": [\(references)]}}}]}}}}}}
      """
  }

  @Test func `permissions of a planned endpoint are matched by the references in the configuration`() async {
    let references = #""databricks_model_serving.agent.serving_endpoint_id", "databricks_model_serving.agent""#
    let one = await importing(Self.plan(references: references))
    #expect(one.code == 0, "\(one)")
    #expect(one.output.contains("- group: group-\n"))
    let several = await importing(Self.plan(references: references, indices: ["0", "1"]))
    #expect(several.code == 0, "\(several)")
    for index in 0...1 {
      #expect(
        several.output.contains(
          "name: chat-\(index)\nspec:\n  model: m\n  entityVersion: \"1\"\n  access:\n  - group: group-\(index)\n"),
        "\(several)")
    }
    let picked = await importing(
      Self.plan(references: references, indices: ["0", "1"]), "module.m.databricks_model_serving.agent[1]")
    #expect(picked.output.contains("name: chat-1") && !picked.output.contains("name: chat-0"), "\(picked)")
    let unknown = await importing(Self.plan(references: #""var.id""#))
    #expect(unknown.code == 1, "\(unknown)")
    #expect(
      unknown.notes.contains("module.m.databricks_permissions.p.serving_endpoint_id: the endpoint is unknown"))
  }

  @Test func `variables and tags that are known only after an apply stay unresolved`() async {
    let text = """
      {"planned_values": {"root_module": {"resources": [
        {"address": "databricks_model_serving.chat", "mode": "managed", "type": "databricks_model_serving",
         "name": "chat", "values": {"name": "chat", "tags": [{"key": "team"}], "config": [{"served_entities": [
           {"entity_name": "m", "entity_version": "1", "scale_to_zero_enabled": false,
            "environment_vars": {"MODE": "x"}}]}]}}]}},
       "resource_changes": [{"address": "databricks_model_serving.chat", "change": {"after_unknown": {
         "tags": [{"value": true}], "serving_endpoint_id": true,
         "config": [{"served_entities": [{"environment_vars": {"URL": true}, "workload_type": true, "name": true}]}]}}}]}
      """
    let run = await importing(text)
    #expect(run.code == 1, "\(run)")
    #expect(
      run.notes.contains(
        "chat: to complete by hand: config[0].served_entities[0].environment_vars.URL, tags[0].value\n"), "\(run)")
    #expect(run.output.contains("MODE: x"))
    #expect(!run.output.contains("tags:"))
  }
}
