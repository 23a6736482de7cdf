import FoundationEssentials
import TestKit
import Testing

/// What a bundle defines outside its databricks.yml, and what sets its variables.
@Suite struct ImportBundleFilesTests {
  private static func endpoint(_ name: String, model: String = "ml.prod.qwen", version: String = "4") -> String {
    """
    resources:
      model_serving_endpoints:
        \(name):
          name: \(name)
          config:
            served_entities:
              - {entity_name: "\(model)", entity_version: "\(version)", scale_to_zero_enabled: false}

    """
  }

  /// Runs the command on a bundle of these files.
  private func importing(
    _ files: [String: String], _ arguments: String..., file: String = "databricks.yml",
    environment: [String: String] = [:]
  ) async throws -> CommandRun {
    var result: CommandRun?
    try await withTemporaryDirectory { directory in
      for (name, text) in files {
        let path = URL(filePath: "\(directory)/\(name)")
        try FileManager.default.createDirectory(
          at: path.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: path)
      }
      result = await CommandRun(
        ["import", "--from-bundle", "\(directory)/bundle/\(file)"] + arguments, environment: environment)
    }
    return try #require(result)
  }

  // MARK: Includes

  @Test(arguments: ["databricks.yml", ""])
  func `files that the root file includes are read once each, by several patterns, in folders and as JSON`(
    file: String
  ) async throws {
    let run = try await importing(
      [
        "bundle/databricks.yml": """
        bundle: {name: support}
        include: ["resources/*.yml", "resources/*/*.yaml", "*.yml", "../shared/chat-?.json"]
        variables: {v: {default: "9"}}
        \(Self.endpoint("own"))
        """,
        "bundle/resources/a.yml": Self.endpoint("a", version: "${var.v}"),
        "bundle/resources/deep/b.yaml": Self.endpoint("b"), "bundle/resources/deep/c.yml": Self.endpoint("c"),
        "bundle/extra.yml": Self.endpoint("extra"), "bundle/other/x.yml": Self.endpoint("x"),
        "shared/chat-1.json": #"""
        {"resources": {"model_serving_endpoints": {"shared": {"name": "shared", "description": "\ud83d\ude00",
          "config": {"served_entities": [{"entity_name": "m", "entity_version": "1"}]}}}}}
        """#,
      ], file: file)
    #expect(run.code == 0, "\(run)")
    let names = run.lines.filter { $0.hasPrefix("  name: ") }.map { $0.dropFirst(8) }
    #expect(names == ["a", "b", "extra", "own", "shared"])
    #expect(run.output.contains("entityVersion: \"9\""))
    #expect(run.output.contains("😀"))
  }

  @Test func `files that are both named and included are read once`() async throws {
    try await withTemporaryDirectory { directory in
      let parts = [
        "databricks.yml": "include: ['*.yml']\nvariables: {v: {default: '3'}}\n",
        "chat.yml": Self.endpoint("chat", version: "${var.v}"),
      ]
      for (name, text) in parts { try Data(text.utf8).write(to: URL(filePath: "\(directory)/\(name)")) }
      for files in [["databricks.yml"], ["databricks.yml", "chat.yml"], ["chat.yml", "databricks.yml"]] {
        let run = await CommandRun(["import"] + files.flatMap { ["--from-bundle", "\(directory)/\($0)"] })
        #expect(run.code == 0, "\(run)")
        #expect(run.output.contains("entityVersion: \"3\""))
      }
    }
  }

  @Test func `an include inside an included file is ignored, as Databricks does, and reported`() async throws {
    let run = try await importing([
      "bundle/databricks.yml": "include: [a.yml]\n",
      "bundle/a.yml": "include: [b.yml]\n" + Self.endpoint("a"), "bundle/b.yml": Self.endpoint("b"),
    ])
    #expect(run.code == 0, "\(run)")
    #expect(!run.output.contains("name: b\n"))
    #expect(run.notes.contains("a.yml:1:10: warning: include: is ignored, as in Databricks"))
  }

  @Test(arguments: [
    ("include: [nowhere.yml]", "includes nowhere.yml, which does not exist"), ("include: [/etc/x.yml]", "relative"),
    ("include: ['*.py']", "only files that end in .yml, .yaml or .json"), ("include: [{a: 1}]", "must be a path"),
  ])
  func `an include that cannot be followed is an error with its location`(root: String, words: String) async throws {
    let run = try await importing(["bundle/databricks.yml": root + "\n" + Self.endpoint("a"), "bundle/x.py": ""])
    #expect(run.code == 1)
    #expect(run.output == "")
    #expect(run.notes.contains(words), "\(run)")
    #expect(run.notes.contains("databricks.yml:1:11"), "\(run)")
  }

  @Test func `an endpoint that two files declare is skipped, with both locations`() async throws {
    let run = try await importing([
      "bundle/databricks.yml": "include: ['r/*.yml']\n" + Self.endpoint("a"),
      "bundle/r/1.yml": Self.endpoint("a"), "bundle/r/2.yml": Self.endpoint("b"),
    ])
    #expect(run.code == 1)
    #expect(run.notes.contains("skipped: a: several files declare it: "), "\(run)")
    #expect(run.notes.contains("databricks.yml:5:7 and at ") && run.notes.contains("r/1.yml:4:7"), "\(run)")
    #expect(run.output.contains("name: b\n"))
  }

  @Test func `endpoints that Python code creates are reported`() async throws {
    let run = try await importing([
      "bundle/databricks.yml": "python: {resources: ['resources:load']}\n" + Self.endpoint("a")
    ])
    #expect(run.code == 1)
    #expect(run.notes.contains("databricks.yml:1:9: warning: python: endpoints created by the bundle's Python code"))
  }

  // MARK: Targets

  private static let targets = """
    variables: {v: {default: "1"}}
    targets:
      dev: {variables: {v: "2"}}
      prod:
        default: true
        variables: {v: "3"}
        permissions: [{group_name: ops, level: CAN_MANAGE}]
        resources:
          model_serving_endpoints:
            chat: {permissions: [{user_name: a@example.com, level: CAN_QUERY}]}

    """ + endpoint("chat", version: "${var.v}")

  @Test func `the default target is used if none is named`() async throws {
    let run = try await importing(["bundle/databricks.yml": Self.targets])
    #expect(run.code == 0, "\(run)")
    #expect(run.notes.contains("bundle target: prod (the default)"))
    #expect(run.output.contains("entityVersion: \"3\""))
    #expect(run.output.contains("- group: ops\n    level: CanManage"))
    #expect(run.output.contains("- user: a@example.com\n    level: CanQuery"))
    let dev = try await importing(["bundle/databricks.yml": Self.targets], "--target", "dev")
    #expect(dev.code == 0, "\(dev)")
    #expect(dev.output.contains("entityVersion: \"2\""))
    #expect(!dev.output.contains("access:"))
  }

  @Test func `the only target is used, and if several have no default, the grants they would add are reported`()
    async throws
  {
    let only = "targets: {dev: {permissions: [{group_name: ops, level: CAN_VIEW}]}}\n" + Self.endpoint("chat")
    let run = try await importing(["bundle/databricks.yml": only])
    #expect(run.code == 0, "\(run)")
    #expect(run.output.contains("- group: ops"))
    let several = "targets: {a: {}, b: {permissions: [{group_name: ops, level: CAN_VIEW}]}}\n" + Self.endpoint("chat")
    let lost = try await importing(["bundle/databricks.yml": several])
    #expect(lost.code == 1, "\(lost)")
    #expect(
      lost.notes.contains("warning: targets: the settings of the targets b are ignored; choose one with --target"))
    let defaults = "targets: {a: {default: true}, b: {default: true}}\n" + Self.endpoint("chat")
    let both = try await importing(["bundle/databricks.yml": defaults])
    #expect(both.code == 1)
    #expect(both.notes.contains("several default targets"), "\(both)")
  }

  @Test func `two lists that were joined are reported, with both locations`() async throws {
    let text =
      Self.endpoint("chat") + """
        targets:
          prod:
            default: true
            resources:
              model_serving_endpoints:
                chat:
                  config:
                    served_entities: [{entity_name: ml.prod.qwen, entity_version: "5", scale_to_zero_enabled: false}]
        """
    let run = try await importing(["bundle/databricks.yml": text])
    #expect(run.code == 1, "\(run)")
    #expect(run.output == "")
    #expect(
      run.notes.contains(
        "databricks.yml:15:30: warning: resources.model_serving_endpoints.chat.config.served_entities: two lists "
          + "were joined"
      ),
      "\(run)")
    #expect(
      run.notes.contains("skipped: chat: it has 2 served entities and no traffic_config that splits the traffic; "))
    #expect(run.notes.contains("its served_entities come from two lists, at "))
    #expect(run.notes.contains("databricks.yml:7:11"))
  }

  // MARK: Variables and references

  @Test func `variables are set by flags, then by the environment, then by the target's file`() async throws {
    let files = [
      "bundle/databricks.yml": """
      variables: {model: {default: ml.prod.qwen}, v: {}, note: {default: none}}
      targets: {dev: {variables: {v: "1"}}}
      resources:
        model_serving_endpoints:
          chat:
            name: chat
            description: ${var.note}
            config: {served_entities: [{entity_name: "${var.model}", entity_version: "${var.v}"}]}
      """,
      "bundle/.databricks/bundle/dev/variable-overrides.json": #"{"v": "2", "note": "from a file"}"#,
    ]
    let file = try await importing(files)
    #expect(file.code == 0, "\(file)")
    #expect(file.output.contains("entityVersion: \"2\"") && file.output.contains("description: from a file"))
    let environment = ["BUNDLE_VAR_v": "3", "BUNDLE_VAR_unknown": "x"]
    let second = try await importing(files, environment: environment)
    #expect(second.output.contains("entityVersion: \"3\""), "\(second)")
    let flags = try await importing(
      files, "--var", "v=4,note=a,b=c", "--var", "model=ml.dev.qwen", environment: environment)
    #expect(flags.code == 0, "\(flags)")
    #expect(flags.output.contains("entityVersion: \"4\"") && flags.output.contains("model: ml.dev.qwen"))
    #expect(flags.output.contains("description: \"a,b=c\""), "a comma ends a value only before a variable's name")
  }

  @Test(arguments: [
    (["--var", "nobody=1"], "the bundle has no variable nobody"), (["--var", "v"], "--var v has no value"),
    (["--var", "c=1"], "the variable c is complex"),
  ])
  func `a meaningless assignment is an error`(arguments: [String], words: String) async throws {
    let files = ["bundle/databricks.yml": "variables: {v: {}, c: {type: complex}}\n" + Self.endpoint("a")]
    let run = try await importing(files, arguments[0], arguments[1])
    #expect(run.code == 1)
    #expect(run.notes.contains(words), "\(run)")
  }

  @Test func `literal values of the bundle's other resources are resolved, others stay unresolved`() async throws {
    let run = try await importing([
      "bundle/databricks.yml": """
      bundle: {name: support}
      workspace: {host: https://w.example.com}
      variables:
        compute: {type: complex, default: {workload_type: GPU_MEDIUM, size: [Small, Medium]}}
        looked: {lookup: {warehouse: w}}
      resources:
        schemas: {ml: {catalog_name: "${resources.catalogs.c.name}", name: ml_prod}}
        catalogs: {c: {name: main}}
        registered_models: {churn: {catalog_name: main, schema_name: "${resources.schemas.ml.name}", name: churn}}
        model_serving_endpoints:
          chat:
            name: ${bundle.name}-${bundle.target}
            description: at ${workspace.host}
            config:
              served_entities:
                - entity_name: main.${resources.schemas.ml.name}.${resources.registered_models.churn.name}
                  entity_version: 7
                  workload_type: ${var.compute.workload_type}
                  workload_size: ${var.compute.size[1]}
          other:
            name: other
            description: by ${workspace.current_user.userName}
            config:
              served_entities:
                - {entity_name: "${resources.registered_models.churn.id}", entity_version: "${var.looked}"}
      """
    ])
    #expect(run.code == 1, "\(run)")
    #expect(run.output.contains("name: support-default"))
    #expect(run.output.contains("description: at https://w.example.com"))
    #expect(
      run.output.contains(
        "model: main.ml_prod.churn\n  entityVersion: \"7\"\n  workloadType: GPU_MEDIUM\n  size: Medium"))
    #expect(run.notes.contains("other: to complete by hand: "), "\(run)")
    #expect(run.notes.contains("is unknown (${workspace.current_user.userName})"))
    #expect(run.notes.contains("is unknown (${var.looked})"))
    #expect(!run.notes.contains("chat: to complete by hand"))
  }
}
