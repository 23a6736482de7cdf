import Endpoints
import Testing

@Suite struct `Preflight findings` {
  private func entity(_ type: String) -> ServedEntity {
    ServedEntity(entityName: "main.a.qwen", entityVersion: "7", workloadType: type)
  }

  private func assessed(
    _ facts: ModelFacts, on type: String, cloud: Cloud = .aws, _ overrides: String...
  ) throws -> [WorkspaceRule: PreflightFinding.Outcome] {
    let found = PreflightAssessment.model(
      facts, of: entity(type), on: WorkspaceSite(cloud), rules: try RuleBook(overrides: overrides))
    return Dictionary(uniqueKeysWithValues: found.map { ($0.rule, $0.outcome) })
  }

  @Test(arguments: [
    // A 7B model in 16 bit leaves too little of a T4; a 4B one fits.
    (Int64(14_000_000_000), "GPU_SMALL", PreflightFinding.Outcome.warning), (8_000_000_000, "GPU_SMALL", .passed),
    (13_600_000_000, "GPU_SMALL", .passed), (13_600_000_001, "GPU_SMALL", .warning),
    (14_000_000_000, "GPU_MEDIUM", .passed), (70_000_000_000, "MULTIGPU_MEDIUM", .passed),
    (140_000_000_000, "MULTIGPU_MEDIUM", .warning),
    (1, "GPU_NEXT", .notKnown), (1, "GPU_LARGE_8", .notKnown),
  ])
  func `weights leave a share of memory free`(bytes: Int64, type: String, outcome: PreflightFinding.Outcome) throws {
    #expect(try assessed(ModelFacts(weights: bytes), on: type)[.weightsFit] == outcome)
  }

  @Test func `weights that do not fit are refused if a user says so, and the share can be set`() throws {
    let facts = ModelFacts(weights: 14_000_000_000)
    #expect(try assessed(facts, on: "GPU_SMALL", "weights-fit=refuse")[.weightsFit] == .refused)
    #expect(try assessed(facts, on: "GPU_SMALL", "weights-fit=10")[.weightsFit] == .passed)
    #expect(try assessed(facts, on: "GPU_SMALL", "weights-fit=off")[.weightsFit] == nil)
    #expect(try assessed(ModelFacts(), on: "GPU_SMALL")[.weightsFit] == .notKnown)
    #expect(try assessed(ModelFacts(), on: "CPU")[.weightsFit] == nil)
  }

  @Test func `messages about weights contain the numbers`() throws {
    let found = PreflightAssessment.model(
      ModelFacts(weights: 14_240_000_000), of: entity("GPU_SMALL"), on: WorkspaceSite(.azure), rules: .standard)
    #expect(
      found.first?.message
        == "the weights of main.a.qwen version 7 are 14.2 GB, and 1x T4 16 GB has 16 GB: less than 15% is left for "
        + "the KV cache (rule weights-fit; --rule weights-fit=off turns this off)")
  }

  @Test(arguments: [
    (
      "python -m vllm.entrypoints.openai.api_server --dtype bfloat16 --port 8080", "GPU_SMALL",
      PreflightFinding.Outcome.refused
    ),
    ("vllm serve . --dtype=bfloat16 --port 8080", "GPU_SMALL", .refused),
    ("vllm serve . --dtype=bfloat16 --dtype half --port 8080", "GPU_SMALL", .passed),
    ("vllm serve . --port 8080", "GPU_SMALL", .passed),
  ]) func `a T4 has no bfloat16`(entrypoint: String, type: String, outcome: PreflightFinding.Outcome) throws {
    #expect(try assessed(ModelFacts(entrypoint: entrypoint), on: type)[.bfloat16OnT4] == outcome)
    #expect(try assessed(ModelFacts(entrypoint: entrypoint), on: "GPU_MEDIUM")[.bfloat16OnT4] == nil)
  }

  @Test(arguments: [
    ("vllm serve . --port 8080", PreflightFinding.Outcome.passed), ("vllm serve . --port=8080", .passed),
    ("vllm serve . --port 8000", .warning), ("vllm serve .", .warning), ("python server.py --port 9000", .warning),
  ]) func `an entrypoint has to listen where the workspace expects it`(
    entrypoint: String, outcome: PreflightFinding.Outcome
  ) throws {
    #expect(try assessed(ModelFacts(entrypoint: entrypoint), on: "GPU_MEDIUM")[.entrypointPort] == outcome)
  }

  @Test func `without a flag, the address is known for vLLM only`() throws {
    #expect(try assessed(ModelFacts(entrypoint: "python server.py"), on: "GPU_MEDIUM")[.entrypointPort] == nil)
    #expect(try assessed(ModelFacts(), on: "GPU_MEDIUM")[.entrypointPort] == nil)
  }

  @Test func `another kind of task is a warning, and a model without a task is not`() throws {
    #expect(try assessed(ModelFacts(task: "llm/v1/chat"), on: "GPU_MEDIUM")[.entrypointTask] == .passed)
    #expect(try assessed(ModelFacts(task: "llm/v1/embeddings"), on: "GPU_MEDIUM")[.entrypointTask] == .warning)
    #expect(try assessed(ModelFacts(), on: "GPU_MEDIUM")[.entrypointTask] == nil)
    #expect(try assessed(ModelFacts(task: "text-classification"), on: "CPU")[.entrypointTask] == nil)
  }

  @Test(
    arguments: [
      ("CAN_MANAGE", PreflightFinding.Outcome.passed), ("CAN_QUERY", .refused), ("CAN_VIEW", .refused),
      (nil, .notKnown),
    ] as [(String?, PreflightFinding.Outcome)]) func `an update needs CAN_MANAGE`(
      level: String?, outcome: PreflightFinding.Outcome
    )
  {
    #expect(PreflightAssessment.permission(level, rules: .standard)?.outcome == outcome)
  }

  @Test(
    arguments: [
      ("a@x", "a@x", PreflightFinding.Outcome.passed), ("a@x", "b@x", .warning), (nil, "b@x", .notKnown),
      ("a@x", nil, .notKnown),
    ] as [(String?, String?, PreflightFinding.Outcome)]) func `a creator other than the deployer is a warning`(
      creator: String?, caller: String?, outcome: PreflightFinding.Outcome
    )
  {
    #expect(PreflightAssessment.creator(creator, caller: caller, rules: .standard)?.outcome == outcome)
  }

  @Test(
    arguments: [
      (["model_size_bytes": "14000000000"], 14_000_000_000), (["weights_bytes": "5"], 5),
      (["parameters": "7B"], 14_000_000_000), (["parameters": "0.5b", "dtype": "float32"], 2_000_000_000),
      (["parameters": "350M", "torch_dtype": "int8"], 350_000_000),
      (["parameters": "8B", "dtype": "awq"], 4_000_000_000),
      (["parameters": "1000"], 2000), (["parameters": "many"], nil), (["parameters": "-7B"], nil), ([:], nil),
      (["parameters": "nanB"], nil), (["parameters": "1e30B"], nil),
    ] as [([String: String], Int64?)]) func `the size of the weights is read from a version's tags`(
      tags: [String: String], bytes: Int64?
    )
  {
    #expect(ModelFacts(tags: tags).weights == bytes)
  }

  @Test func `counted files take precedence over tags`() {
    #expect(ModelFacts(tags: ["model_size_bytes": "5", "task": "x"], artifactBytes: 7, task: "y").weights == 7)
    #expect(ModelFacts(tags: ["task": "x"], task: "y").task == "y")
    #expect(ModelFacts(tags: ["task": "x", "entrypoint": "vllm"]).entrypoint == "vllm")
  }
}
