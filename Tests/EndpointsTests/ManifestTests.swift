import Endpoints
import LibYAML
import Testing

@Suite struct `A manifest` {
  private func desired(_ text: String) throws -> DesiredEndpoint {
    let set = read(text)
    #expect(set.findings.isEmpty, "\(set.findings)")
    return try #require(set.manifests.first).desired()
  }

  @Test func `a manifest of five fields means what it says`() throws {
    let endpoint = try desired(
      manifest("model: main.support.qwen3\nentityVersion: \"7\"\nworkloadType: A10\nsize: Medium\nscaleToZero: true"))
    #expect(endpoint.name == "chat")
    #expect(
      endpoint.config.entities == [
        ServedEntity(
          entityName: "main.support.qwen3", entityVersion: "7", workloadType: "GPU_MEDIUM", workloadSize: "Medium",
          scaleToZero: true)
      ])
    #expect(endpoint.location?.description == "f.yaml:4:9")
  }

  @Test func `a spec needs only model and version`() throws {
    let endpoint = try desired(manifest("model: m\nentityVersion: 7"))
    #expect(endpoint.config.entities == [ServedEntity(entityName: "m", entityVersion: "7")])
    #expect(endpoint.rollout == RolloutPolicy())
    #expect(endpoint.deletionPolicy == .delete && !endpoint.suspend && endpoint.sideSettings.tags.isEmpty)
  }

  @Test func `a manifest with every field means what it says`() throws {
    let text = manifest(
      """
      environment: {VLLM_LOGGING_LEVEL: INFO, HF_TOKEN: "{{secrets/llm/hf}}"}
      engine: {dtype: float16, maxModelLen: 16384, gpuMemoryUtilization: 0.85, extraArgs: ["--enforce-eager"]}
      servedEntities:
        - {name: stable, model: a.b.m, entityVersion: "7", workloadType: GPU_SMALL, size: Large, traffic: 90}
        - model: a.b.m
          entityVersion: 8
          traffic: 10
          scaleToZero: true
          environment: {VLLM_LOGGING_LEVEL: DEBUG}
          engine: {maxModelLen: 1024}
      rollout:
        deadline: 1h30m
        onFailure: Hold
        verify:
          - chat: "Say hello."
            expect: {status: 201, contains: hello, withinSeconds: 2.5}
          - chat: Again
      tags: {cost-center: "4411"}
      deletionPolicy: Retain
      suspend: true
      """)
    let endpoint = try desired(text)
    let secret = "{{secrets/llm/hf}}"
    #expect(
      endpoint.config.entities == [
        ServedEntity(
          name: "stable", entityName: "a.b.m", entityVersion: "7", workloadType: "GPU_SMALL", workloadSize: "Large",
          environment: [
            "VLLM_LOGGING_LEVEL": "INFO", "HF_TOKEN": secret,
            "SETPOINT_ENGINE_ARGS": """
            ["--dtype","float16","--max-model-len","16384","--gpu-memory-utilization","0.85","--enforce-eager"]
            """,
          ], traffic: 90),
        ServedEntity(
          entityName: "a.b.m", entityVersion: "8", scaleToZero: true,
          environment: [
            "VLLM_LOGGING_LEVEL": "DEBUG", "HF_TOKEN": secret,
            "SETPOINT_ENGINE_ARGS": """
            ["--dtype","float16","--max-model-len","1024","--gpu-memory-utilization","0.85","--enforce-eager"]
            """,
          ], traffic: 10),
      ])
    #expect(
      endpoint.rollout
        == RolloutPolicy(
          deadline: .seconds(5400), onFailure: .hold,
          checks: [
            VerificationCheck(prompt: "Say hello.", expectedStatus: 201, contains: "hello", withinSeconds: 2.5),
            VerificationCheck(prompt: "Again"),
          ]))
    #expect(endpoint.sideSettings.tags == ["cost-center": "4411"])
    #expect(endpoint.deletionPolicy == .retain && endpoint.suspend)
  }

  @Test func `labels are not sent to the provider`() throws {
    let text = manifest("model: m\nentityVersion: 7").replacing(
      "  name: chat", with: "  name: chat\n  labels: {team: support}")
    let labelled = try #require(read(text).manifests.first)
    #expect(labelled.labels == ["team": "support"])
    #expect(try labelled.desired().sideSettings == desired(manifest("model: m\nentityVersion: 7")).sideSettings)
  }

  @Test(arguments: [
    ("T4", "GPU_SMALL"), ("A10", "GPU_MEDIUM"), ("L4", "GPU_MEDIUM"), ("A100", "GPU_LARGE"), ("H100", "GPU_XLARGE"),
    ("CPU", "CPU"), ("GPU_LARGE_8", "GPU_LARGE_8"), ("MULTIGPU_MEDIUM", "MULTIGPU_MEDIUM"),
  ])
  func `the accelerator can be written as a friendly name or as the API value`(word: String, apiWord: String) throws {
    let endpoint = try desired(manifest("model: m\nentityVersion: 7\nworkloadType: \(word)"))
    #expect(endpoint.config.entities.map(\.workloadType) == [apiWord])
  }

  @Test func `optional mappings and lists may be left without a value`() throws {
    _ = try desired(manifest("model: m\nentityVersion: 7\nenvironment:\ntags:\nrollout:\n  verify:\nengine: ~"))
  }

  @Test func `anchors and merge keys may be used`() throws {
    let text = manifest(
      """
      servedEntities:
        - &base {model: m, entityVersion: 1, workloadType: A10, traffic: 60}
        - {<<: *base, entityVersion: 2, traffic: 40}
      """)
    let config = try desired(text).config
    #expect(config.entities.map(\.entityVersion) == ["1", "2"])
    #expect(config.entities.map(\.traffic) == [60, 40])
    #expect(config.entities.map(\.workloadType) == ["GPU_MEDIUM", "GPU_MEDIUM"])
  }

  @Test(arguments: ["90s", "60m", "1h30m", "2h5s", "2d"])
  func `durations are in days, hours, minutes and seconds`(text: String) throws {
    let expected = ["90s": 90, "60m": 3600, "1h30m": 5400, "2h5s": 7205, "2d": 172_800][text]
    let endpoint = try desired(manifest("model: m\nentityVersion: 7\nrollout: {deadline: \(text)}"))
    #expect(endpoint.rollout.deadline == expected.map { .seconds($0) })
  }

  @Test(arguments: 0..<20 as Range<UInt64>) func `the order of keys does not matter`(seed: UInt64) throws {
    var random = Random(seed: seed)
    let spec: [[String]] = [
      ["tags:", "  a: v", "  b: w"],
      ["suspend: true"],
      ["rollout:", "  deadline: 5m", "  onFailure: Hold"],
      ["environment: {V: a, W: b}"],
    ]
    let entities = [
      ["model: m", "entityVersion: 1", "traffic: 70", "scaleToZero: true"],
      ["model: m", "entityVersion: 2", "traffic: 30", "name: other"],
    ]
    func text(_ random: inout Random) -> String {
      let listed = entities.shuffled(using: &random).map { fields in
        "  - {" + fields.shuffled(using: &random).joined(separator: ", ") + "}"
      }
      let groups = (spec + [["servedEntities:"] + listed]).shuffled(using: &random)
      let head = ["apiVersion: serving.setpoint.dev/v1alpha1", "kind: ServingEndpoint", "metadata: {name: chat}"]
      let body = "spec:\n" + groups.joined().map { "  " + $0 }.joined(separator: "\n")
      return (head + [body]).shuffled(using: &random).joined(separator: "\n")
    }
    let one = try desired(text(&random))
    let other = try desired(text(&random))
    #expect(one.config == other.config)
    #expect(one.config.digest == other.config.digest)
    #expect(one.sideSettings == other.sideSettings && one.rollout == other.rollout && one.suspend == other.suspend)
  }
}

@Suite struct `An alias` {
  private let text = manifest(
    """
    servedEntities:
      - {model: a.b.m, entityVersion: "@champion", traffic: 50}
      - {model: a.b.m, entityVersion: "@challenger", traffic: 50}
    """)

  @Test func `an alias is pinned to the number that it stands for`() throws {
    let manifest = try #require(read(text).manifests.first)
    #expect(
      manifest.aliases == [
        ModelAlias(model: "a.b.m", name: "champion"), ModelAlias(model: "a.b.m", name: "challenger"),
      ])
    let endpoint = try manifest.desired { $0.name == "champion" ? "7" : "12" }
    #expect(endpoint.config.entities.map(\.entityVersion).sorted() == ["12", "7"])
    #expect(endpoint.resolvedAliases == ["m-7": "@champion", "m-12": "@challenger"])
  }

  @Test func `each alias without a version is reported with its location`() throws {
    let manifest = try #require(read(text).manifests.first)
    let error = #expect(throws: InvalidManifest.self) { try manifest.desired { $0.name == "champion" ? "7" : nil } }
    #expect(
      error?.findings.map(\.description) == [
        "f.yaml:8:37: error: spec.servedEntities[1].entityVersion: no version found for the alias "
          + "\"@challenger\" of model \"a.b.m\"; set the alias in the registry, or specify a version"
      ])
    #expect(throws: InvalidManifest.self) { try manifest.desired() }
  }

  @Test func `an alias for a version that is already served is refused`() throws {
    let manifest = try #require(read(text).manifests.first)
    let error = #expect(throws: InvalidManifest.self) { try manifest.desired { _ in "7" } }
    #expect(
      error?.findings.map(\.description) == [
        "f.yaml:8:37: error: spec.servedEntities[1].entityVersion: \"@challenger\" of model \"a.b.m\" is version 7, "
          + "which another entity already serves; keep one of them"
      ])
  }
}

@Suite struct `Engine flags` {
  @Test func `engine flags are a finding for a workspace, which takes them from the model`() throws {
    let plain = try #require(read(manifest("model: m\nentityVersion: 7")).manifests.first)
    #expect(plain.findingsForWorkspace.isEmpty)
    let flagged = try #require(
      read(manifest("model: m\nentityVersion: 7\nengine:\n  dtype: float16")).manifests.first)
    #expect(
      flagged.findingsForWorkspace.map(\.description) == [
        "f.yaml:9:5: error: spec.engine: a workspace does not accept engine flags; it runs the model's own "
          + "entrypoint; add the flags to the model version's entrypoint and remove engine"
      ])
  }
}
