import CanonicalJSON
import FoundationEssentials
import Testing

@testable import ServingPlane

/// The files of LoRA adapters, and the models that they are served beside.
@Suite struct LoRAAdapterTests {
  private let data = TestData()

  private func adapter(_ config: String, tensors: [String: [Int]] = [:]) throws -> LoRAAdapter? {
    try LoRAAdapter(folder: data.adapter(config: config, tensors: tensors))
  }

  @Test func `an adapter has the highest rank of its modules and the name of its base model`() throws {
    let config = #"{"peft_type": "LORA", "r": 8, "rank_pattern": {"up_proj": 32}, "bias": "none"}"#
    #expect(try adapter(config)?.rank == 32)
    #expect(try adapter(#"{"r": 1, "base_model_name_or_path": "Qwen/Qwen3-0.6B"}"#)?.base == "Qwen/Qwen3-0.6B")
    #expect(try adapter(#"{"r": 512, "base_model_name_or_path": ""}"#)?.base == nil)
    let model = data.path + "/plain"
    try FileManager.default.createDirectory(atPath: model, withIntermediateDirectories: true)
    #expect(try LoRAAdapter(folder: model) == nil)
  }

  @Test(arguments: [
    (#"{"r": 513}"#, "its rank is 513; the highest rank that vLLM serves is 512"),
    (#"{"r": 0}"#, "no valid rank (r)"), (#"{"r": "8"}"#, "no valid rank (r)"), ("[]", "no valid rank (r)"),
    (#"{"r": 8, "rank_pattern": {"up_proj": "many"}}"#, "no valid rank (r)"),
    (#"{"peft_type": "PREFIX_TUNING", "r": 8}"#, "has the peft_type PREFIX_TUNING, not LORA"),
    (#"{"r": 8, "use_dora": true}"#, "DoRA"), (#"{"r": 8, "bias": "all"}"#, "it has a bias (all)"),
  ])
  func `an adapter that vLLM cannot serve is refused with the reason`(config: String, words: String) {
    #expect { try adapter(config) } throws: {
      ($0 as? ModelError)?.code == .invalid && "\($0)".contains(words)
    }
  }

  private static let down = "base_model.model.model.layers.0.mlp.up_proj.lora_A.weight"
  private static let up = "base_model.model.model.layers.0.mlp.up_proj.lora_B.weight"

  @Test(
    arguments: [
      ([down: [4, 32], up: [64, 4]], nil), ([down: [4, 64], up: [32, 4]], nil),
      ([down: [4, 48], up: [64, 4]], "model.layers.0.mlp.up_proj is 64x48 in the adapter, and 64x32 in the model"),
      (
        [
          down: [4, 32], up: [64, 4], "base_model.model.model.layers.7.mlp.up_proj.lora_A.weight": [4, 32],
          "base_model.model.model.layers.7.mlp.up_proj.lora_B.weight": [64, 4],
        ], "the model has no model.layers.7"
      ),
      // Named otherwise than in the model: only the engine can tell.
      (
        ["base_model.model.layers.9.up.lora_A.weight": [4, 1], "base_model.model.layers.9.up.lora_B.weight": [1, 4]],
        nil
      ),
      ([:], nil),
    ] as [([String: [Int]], String?)])
  func `an adapter fits a model with the same layers and matrices`(tensors: [String: [Int]], misfit: String?) throws {
    let model = data.path + "/model"
    try FileManager.default.createDirectory(atPath: model, withIntermediateDirectories: true)
    try data.write(
      ["model.embed_tokens.weight": [100, 32], "model.layers.0.mlp.up_proj.weight": [64, 32]],
      to: model + "/model-1.safetensors")
    try data.write(["model.layers.1.mlp.up_proj.weight": [64, 32]], to: model + "/model-2.safetensors")
    let adapter = try #require(try self.adapter(#"{"r": 4}"#, tensors: tensors))
    #expect(adapter.misfit(with: model) == misfit)
    #expect(adapter.misfit(with: data.path + "/nowhere") == nil)
    // A layer may be in a file that cannot be read.
    try Data("{}".utf8).write(to: URL(filePath: model + "/model-2.safetensors"))
    #expect(adapter.misfit(with: model) == nil)
  }

  @Test(arguments: ["", "{}", "12345678", "\u{2}\0\0\0\0\0\0\0{}", "\u{2}\0\0\0\0\0\0\0[]", "\u{9}\0\0\0\0\0\0\0{}"])
  func `a file that is not a safetensors file has no header`(text: String) throws {
    let file = data.path + "/x.safetensors"
    try Data(text.utf8).write(to: URL(filePath: file))
    #expect((SafetensorsHeader(path: file) == nil) == (text != "\u{2}\0\0\0\0\0\0\0{}"))
  }

  @Test func `an engine gets each adapter's folder, and reserves the memory for their highest rank`() throws {
    let folder = try data.adapter(config: #"{"r": 40}"#)
    let tone = try #require(try LoRAAdapter(folder: folder))
    let brief = try #require(try self.adapter(#"{"r": 2}"#))
    let loaded = [LoadedAdapter(name: "brief", adapter: brief), LoadedAdapter(name: "tone", adapter: tone)]
    #expect(
      LoadedAdapter.flags(loaded) == [
        "--enable-lora", "--max-lora-rank", "64", "--max-loras", "2", "--lora-modules", "brief=\(brief.folder)",
        "tone=\(folder)",
      ])
    #expect(LoadedAdapter.flags([loaded[0]]).contains("8"))
    #expect(LoadedAdapter.flags([]) == [])
    // The endpoint's own flags come later, and the last one counts.
    let command = try LaunchCommand(
      entrypoint: "vllm serve m", port: 1, environment: [:],
      engineArguments: LoadedAdapter.flags(loaded) + ["--max-loras", "1"])
    #expect(command.value(of: "--max-loras") == "1" && command.modelArgument == "m")
  }

  @Test func `a limit of the rank counts if the config has it, and is replaced if the entrypoint has it`() throws {
    let folder = try data.adapter(config: #"{"r": 8}"#)
    let rule = AdapterRule { model, number in
      ModelVersion(
        model: model, number: number, task: ServingInstructions.adapterTask, entrypoint: "", artifacts: folder,
        source: "", created: 0)
    }
    func names(entrypoint: String, engine: String = "[]") throws -> [String] {
      let base = ModelVersion(
        model: "base", number: 1, task: "llm/v1/chat", entrypoint: entrypoint, artifacts: data.path, source: "",
        created: 0)
      let adapters = #"[{"model":"t","name":"tone","version":"3"}]"#
      let launch = LaunchConfig(
        model: "base", version: 1, workloadType: "CPU",
        environment: ["SETPOINT_ADAPTERS": adapters, "SETPOINT_ENGINE_ARGS": engine])
      return try rule.adapters(of: launch, on: base).map(\.name)
    }
    #expect(try names(entrypoint: "vllm serve m --max-lora-rank 4") == ["tone"])
    #expect(try names(entrypoint: "vllm serve m", engine: #"["--max-lora-rank=8"]"#) == ["tone"])
    #expect(throws: ModelError.self) { try names(entrypoint: "vllm serve m", engine: #"["--max_lora_rank", "4"]"#) }
  }

  @Test(arguments: ["a,b", "a=b"])
  func `a path that vLLM would split is passed as JSON`(name: String) throws {
    let folder = data.path + "/" + name
    try FileManager.default.moveItem(atPath: data.adapter(config: #"{"r": 8}"#), toPath: folder)
    let adapter = try #require(try LoRAAdapter(folder: folder))
    #expect(
      LoadedAdapter.flags([LoadedAdapter(name: "tone", adapter: adapter)]).last
        == #"{"name":"tone","path":"\#(folder)"}"#)
  }

  @Test func `a config needs the versions of its models and of their adapters`() {
    func entity(_ model: String, _ adapters: String?) -> PlaneEntity {
      PlaneEntity(
        name: model, entityName: model, entityVersion: 7, task: "llm/v1/chat", workloadType: "CPU",
        workloadSize: "Small", minConcurrency: nil, maxConcurrency: nil, scaleToZero: false,
        environment: adapters.map { ["SETPOINT_ADAPTERS": $0] } ?? [:], traffic: 50, created: 0)
    }
    let config = PlaneConfig(
      version: 1, startTime: 0,
      entities: [entity("a", #"[{"model":"t","name":"tone","version":"3"}]"#), entity("b", nil)])
    #expect(
      config.modelVersions == [
        ModelVersionID(model: "a", number: 7), ModelVersionID(model: "b", number: 7),
        ModelVersionID(model: "t", number: 3),
      ])
  }
}

extension TestData {
  /// A folder with a LoRA adapter to register; `say` is what the stand-in answers with it.
  ///
  /// - Parameter tensors: the shapes of its tensors by their names.
  func adapter(
    config: String = #"{"peft_type": "LORA", "r": 8}"#, say: String? = nil, tensors: [String: [Int]] = [:]
  ) throws -> String {
    let folder = path + "/adapter-" + String(UInt32.random(in: .min ... .max), radix: 16)
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try Data(config.utf8).write(to: URL(filePath: folder + "/adapter_config.json"))
    try write(tensors, to: folder + "/adapter_model.safetensors")
    if let say { try Data(say.utf8).write(to: URL(filePath: folder + "/say.txt")) }
    return folder
  }

  /// Writes a safetensors file of zeros.
  func write(_ shapes: [String: [Int]], to file: String) throws {
    var header: [String: JSONValue] = ["__metadata__": ["format": "pt"]]
    var end = 0
    for (name, shape) in shapes.sorted(by: { $0.key < $1.key }) {
      let start = end
      end += 2 * shape.reduce(1, *)
      header[name] = [
        "dtype": "BF16", "shape": .array(shape.map { .int(Int64($0)) }),
        "data_offsets": [.int(Int64(start)), .int(Int64(end))],
      ]
    }
    let text = JSONValue.object(header).bytes()
    let length = (0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) }
    try Data(length + text + [UInt8](repeating: 0, count: end)).write(to: URL(filePath: file))
  }
}
