import Endpoints
import FoundationEssentials
import TestKit
import Testing

/// Manifests from a Databricks bundle. No provider is called.
@Suite struct ImportBundleTests {
  private static let bundle = """
    bundle:
      name: support
    variables:
      version:
        description: The model's version.
        default: "4"
      schema:
        default: ${var.catalog}.prod
      catalog:
        default: ml
      size:
        default: Small
      warehouse:
        lookup: {warehouse: shared}
    permissions:
      - {group_name: readers, level: CAN_VIEW}
    resources:
      model_serving_endpoints:
        chat:
          name: ${bundle.name}-chat
          config:
            served_entities:
              - entity_name: ${var.schema}.qwen
                entity_version: ${var.version}
                workload_type: GPU_MEDIUM
                workload_size: ${var.size}
                scale_to_zero_enabled: true
                environment_vars: {HF_TOKEN: "{{secrets/llm/hf}}", COST: "5 $"}
          tags:
            - {key: team, value: nlp}
          ai_gateway:
            usage_tracking_config: {enabled: true}
          permissions:
            - {level: CAN_QUERY, group_name: support}
            - {level: CAN_MANAGE, service_principal_name: 0b5e0bd2-1f8a-4f2e-9d43-7a1d6a1f0c11}
          lifecycle: {prevent_destroy: true}
    targets:
      dev:
        mode: development
        variables: {version: "5"}
        resources:
          model_serving_endpoints:
            chat:
              config:
                traffic_config: {routes: [{served_model_name: qwen-5, traffic_percentage: 100}]}
              description: In ${bundle.target}.
      prod:
        variables: {size: {default: Large}}
    """

  private func manifest(version: String, size: String = "", description: String = "") -> String {
    """
    apiVersion: serving.setpoint.dev/v1alpha1
    kind: ServingEndpoint
    metadata:
      name: support-chat
    spec:
      model: ml.prod.qwen
      entityVersion: "\(version)"
      workloadType: GPU_MEDIUM
    \(size)  scaleToZero: true
      environment:
        COST: "5 $"
        HF_TOKEN: "{{secrets/llm/hf}}"
      tags:
        team: nlp
      gateway:
        usageTracking: true
      access:
      - group: readers
        level: CanView
      - group: support
        level: CanQuery
      - servicePrincipal: "0b5e0bd2-1f8a-4f2e-9d43-7a1d6a1f0c11"
        level: CanManage
    \(description)  deletionPolicy: Retain

    """
  }

  @Test func `a bundle becomes a manifest, with its variables resolved by their defaults`() async {
    let run = await CommandRun(["import", "--from-bundle", "-"], input: Self.bundle)
    #expect(run.code == 1, "the settings of the targets are ignored: \(run)")
    #expect(run.output == manifest(version: "4"))
    #expect(
      run.notes.contains(
        "-:39:5: warning: targets: the settings of the targets dev, prod are ignored; choose one with"))
  }

  @Test func `a target's own settings apply if it is named`() async {
    let dev = await CommandRun(["import", "--from-bundle", "-", "--target", "dev"], input: Self.bundle)
    #expect(dev.code == 0, "nothing is omitted: \(dev)")
    #expect(dev.output == manifest(version: "5", description: "  description: In dev.\n"))
    #expect(
      dev.notes.contains(
        "-:39:11: warning: targets.dev: the target adds a prefix to the names of its resources: \"[dev USER] \""),
      "\(dev)")
    #expect(dev.notes.contains("known only at deployment, so the names are used without it"))
    let prod = await CommandRun(["import", "--from-bundle", "-", "--target", "prod"], input: Self.bundle)
    #expect(prod.output == manifest(version: "4", size: "  size: Large\n"), "\(prod)")
    #expect(prod.code == 0, "\(prod)")
  }

  @Test(arguments: [
    ("presets: {name_prefix: \"team-\"}", "team", ""),
    ("presets: {name_prefix: \"[${bundle.target} X] \"}", "dev_x_", ""),
    ("presets: {name_prefix: \"Dev_${var.who}_\"}", "dev_ann", ""), ("presets: {name_prefix: \"\"}", "", ""),
    ("mode: production", "", ""), ("{mode: development, presets: {name_prefix: \"x \"}}", "x", ""),
    ("presets: {name_prefix: \"${workspace.current_user.short_name}_\"}", "", "${workspace.current_user.short_name}_"),
    ("{mode: development, presets: {name_prefix: \"\"}}", "", "[dev USER] "),
  ])
  func `a target's prefix is added to names as in a deployment, or reported if only a deployment knows it`(
    target: String, word: String, unknown: String
  ) async {
    let text = """
      bundle: {name: b}
      variables: {who: {default: Ann}}
      resources:
        schemas: {s: {catalog_name: ml, name: nlp}}
        model_serving_endpoints:
          chat:
            name: chat
            config:
              served_entities:
                - {entity_name: "${resources.schemas.s.id}.qwen", entity_version: "1", scale_to_zero_enabled: true}
      targets:
        dev:
          \(target)
      """
    let run = await CommandRun(["import", "--from-bundle", "-"], input: text)
    #expect(run.code == 0, "\(run)")
    #expect(run.output.contains("  name: \(word)chat\n"), "\(run)")
    #expect(run.output.contains("model: ml.\(word)nlp.qwen\n"), "\(run)")
    #expect(run.notes.contains("adds a prefix to the names of its resources") == !unknown.isEmpty, "\(run)")
    #expect(run.notes.contains(unknown))
  }

  @Test func `a value that cannot be resolved is omitted and reported with its location`() async {
    let text = """
      variables:
        a: {default: "${var.b}"}
        b: {default: "${var.a}"}
        looked: {lookup: {metastore: m}}
      resources:
        model_serving_endpoints:
          chat:
            name: chat
            description: by ${workspace.current_user.userName}
            config:
              served_entities:
                - {entity_name: "${var.a}", entity_version: "${var.looked}", scale_to_zero_enabled: false}
      """
    let run = await CommandRun(["import", "--from-bundle", "-"], input: text)
    #expect(run.code == 1, "\(run)")
    #expect(
      run.notes.contains(
        """
        -:9:20: warning: resources.model_serving_endpoints.chat.description: is unknown \
        (${workspace.current_user.userName}), so
        """), "\(run)")
    #expect(run.notes.contains("served_entities[0].entity_name: is unknown (${var.a})"), "a cycle ends")
    #expect(run.notes.contains("served_entities[0].entity_version: is unknown (${var.looked})"))
    #expect(run.output.contains("name: chat"))
  }

  @Test(arguments: [
    ("resources:\n  model_serving_endpoints: [\n", "where: -:", "is not valid YAML"),
    ("a: 1\n---\nb: 2\n", "where: -:3:1", "several documents"),
    ("- a\n", "where: -:1:1", "is not a file of a bundle"), ("", "is empty", "pass the databricks.yml"),
    ("bundle: {name: x}\n", "where: -:1:1", "no model_serving_endpoints in -"),
  ])
  func `a file that is not a bundle is refused with the location`(text: String, words: String, more: String) async {
    let run = await CommandRun(["import", "--from-bundle", "-"], input: text)
    #expect(run.code == 1)
    #expect(run.output == "")
    #expect(run.notes.contains(words), "\(run)")
    #expect(run.notes.contains(more), "\(run)")
  }

  @Test func `for a target that does not exist, the existing ones are named`() async {
    let run = await CommandRun(["import", "--from-bundle", "-", "--target", "stage"], input: Self.bundle)
    #expect(run.code == 1)
    #expect(run.notes.contains("the bundle has no target stage"), "\(run)")
    #expect(run.notes.contains("its targets are dev, prod"))
  }
}
