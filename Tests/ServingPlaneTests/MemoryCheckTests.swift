import CanonicalJSON
import FoundationEssentials
import Glibc
import Testing

@testable import ServingPlane

/// Model folders on the disk against the memory of GPUs.
@Suite struct MemoryCheckTests {
  private static let config: JSONValue = [
    "model_type": "llama", "num_hidden_layers": 2, "num_attention_heads": 5, "num_key_value_heads": 1,
    "head_dim": 64, "hidden_size": 320, "max_position_embeddings": 1024, "torch_dtype": "bfloat16",
  ]
  private static let mebibyte = 1 << 20

  /// A file of one tensor, which is named like the file unless the name is given.
  private func write(_ type: String, _ name: String? = nil, bytes: Int, to path: String) throws {
    let header: JSONValue = [
      "__metadata__": ["format": "pt"],
      name ?? path: ["dtype": .string(type), "shape": [1], "data_offsets": [0, .int(Int64(bytes))]],
    ]
    let text = header.bytes()
    let length = (0..<8).map { UInt8(truncatingIfNeeded: text.count >> ($0 * 8)) }
    try Data(length + text + [UInt8](repeating: 0, count: bytes)).write(to: URL(filePath: path))
  }

  private func write(_ json: JSONValue, to path: String) throws {
    try Data(json.bytes()).write(to: URL(filePath: path))
  }

  private func finding(
    _ data: TestData, memory: Int? = 1 << 20, gpus: Int = 1, type: String = "GPU_SMALL", engine: String? = nil,
    entrypoint: String = "vllm serve .", task: String = "llm/v1/chat", adapters: [LoadedAdapter] = []
  ) -> String? {
    let machine = Accelerators(
      gpus: (0..<gpus).map { index in
        Accelerators.GPU(index: index, name: "Tesla T4", memory: memory.map { Int64($0) })
      })
    let launch = LaunchConfig(
      model: "m", version: 1, workloadType: type, environment: engine.map { ["SETPOINT_ENGINE_ARGS": $0] } ?? [:])
    let version = ModelVersion(
      model: "m", number: 1, task: task, entrypoint: entrypoint, artifacts: data.path, source: "", created: 0)
    return MemoryCheck(accelerators: machine).finding(launch, ReplicaModel(version: version, adapters: adapters))
  }

  @Test func `weights that exceed the memory are found, and everything that may fit is not`() throws {
    let data = TestData()
    try write(Self.config, to: data.path + "/config.json")
    try write("BF16", bytes: 2 * Self.mebibyte, to: data.path + "/model.safetensors")
    let words = finding(data) ?? ""
    #expect(
      words.hasPrefix(
        "needs 0.1 GiB for weights and 0.1 GiB for one request of 1,024 tokens; Tesla T4 leaves 0.0 GiB (92% of "),
      "\(words)")
    #expect(finding(data, memory: 4 * Self.mebibyte) == nil)
    // Four GPUs hold it together, if they share its weights, which they do unless the config says otherwise.
    func shared(_ engine: String?) -> String? {
      finding(data, memory: 2 * Self.mebibyte, gpus: 4, type: "MULTIGPU_MEDIUM", engine: engine)
    }
    #expect(shared(#"["-tp", "4"]"#) == nil)
    #expect(shared(nil) == nil)
    #expect(shared(#"["-tp", "1"]"#) != nil)
    let each = finding(data, memory: Self.mebibyte / 4, gpus: 4, type: "MULTIGPU_MEDIUM")
    #expect(each?.contains("on each of 4 GPUs") == true, "\(each ?? "")")
  }

  @Test func `where the memory or the need is unknown, nothing is found`() throws {
    let data = TestData()
    try write(Self.config, to: data.path + "/config.json")
    try write("BF16", bytes: 2 * Self.mebibyte, to: data.path + "/model.safetensors")
    #expect(finding(data) != nil)
    #expect(finding(data, memory: nil) == nil)
    #expect(finding(data, gpus: 0) == nil)
    #expect(finding(data, type: "CPU") == nil)
    #expect(finding(data, entrypoint: "python serve.py --model .") == nil)
    // It may add options of its own.
    #expect(finding(data, entrypoint: "./start-vllm.sh --model .") == nil)
    #expect(finding(data, entrypoint: "python -m vllm.entrypoints.openai.api_server --model .") != nil)
    #expect(finding(data, entrypoint: "vllm serve $MODEL") == nil)
    #expect(finding(data, entrypoint: "vllm serve elsewhere") == nil)
    for options in [
      #"["--cpu-offload-gb", "4"]"#, #"["--quantization", "fp8"]"#, #"["-q", "fp8"]"#, #"["-pp", "2"]"#,
      #"["--config", "x.yaml"]"#, #"["--hf-overrides", "{}"]"#, #"["--load-format", "dummy"]"#,
      #"["--gpu-memory-utilization", "much"]"#, #"["--dtype", "int3"]"#, "no list",
      // vLLM accepts abbreviations.
      #"["--quant", "fp8"]"#, #"["--max-model", "16"]"#, #"["--tensor-p=4"]"#,
    ] {
      #expect(finding(data, engine: options) == nil, "\(options)")
    }
  }

  @Test func `options and types of elements count as the engine takes them`() throws {
    let data = TestData()
    try write(Self.config, to: data.path + "/config.json")
    // 32 bits on the disk are 16 in memory.
    try write("F32", bytes: 2 * Self.mebibyte, to: data.path + "/model.safetensors")
    let memory = 2 * Self.mebibyte
    #expect(finding(data, memory: memory, engine: #"["--max-model-len", "512"]"#) == nil)
    #expect(finding(data, memory: memory, engine: #"["--dtype", "float32"]"#) != nil)
    // Each token takes 512 bytes.
    #expect(finding(data, memory: memory, engine: #"["--max-model-len", "4K"]"#) != nil)
    #expect(finding(data, memory: memory, engine: #"["--max-model-len", "4K"]"#, task: "llm/v1/embeddings") == nil)
    #expect(
      finding(data, memory: 3 * Self.mebibyte, engine: #"["--max-model-len", "4K", "--kv-cache-dtype", "fp8"]"#) == nil)
    #expect(finding(data, memory: memory, engine: #"["--max-model-len", "auto"]"#) == nil)
    #expect(finding(data, memory: memory, engine: #"["--gpu-memory-utilization", "0.4"]"#) != nil)
  }

  @Test func `the matrices of LoRA adapters count as weights, unless their number in the memory is limited`() throws {
    let data = TestData()
    try write(Self.config, to: data.path + "/config.json")
    try write("BF16", bytes: Self.mebibyte, to: data.path + "/model.safetensors")
    func adapter(_ tensor: String) throws -> LoadedAdapter {
      let folder = try data.adapter()
      // 32 bits on the disk are 16 in memory.
      try write("F32", tensor, bytes: 4 * Self.mebibyte, to: folder + "/adapter_model.safetensors")
      return LoadedAdapter(name: "tone", adapter: try #require(try LoRAAdapter(folder: folder)))
    }
    let tone = try adapter("base_model.model.model.layers.0.mlp.up_proj.lora_A.weight")
    let memory = 3 * Self.mebibyte
    #expect(finding(data, memory: memory) == nil)
    #expect(finding(data, memory: memory, adapters: [tone]) != nil)
    #expect(finding(data, memory: memory, engine: #"["--max-loras", "1"]"#, adapters: [tone]) == nil)
    let other = try adapter("base_model.model.lm_head.weight")
    #expect(finding(data, memory: memory, adapters: [other]) == nil)
  }

  @Test func `an output matrix that may be the embedding does not count`() throws {
    let data = TestData()
    try write("BF16", "model.embed_tokens.weight", bytes: 100, to: data.path + "/model-1.safetensors")
    try write("BF16", "lm_head.weight", bytes: 100, to: data.path + "/model-2.safetensors")
    #expect(WeightFiles.bytes(in: data.path, type: nil)?.byType == ["BF16": 200])
    #expect(WeightFiles.bytes(in: data.path, type: nil, mayTieEmbeddings: true)?.byType == ["BF16": 100])
    #expect(ModelShape(config: [:]).mayTieEmbeddings)
    #expect(!ModelShape(config: ["tie_word_embeddings": false]).mayTieEmbeddings)
    let multimodal: JSONValue = ["tie_word_embeddings": false, "text_config": ["model_type": "llama"]]
    #expect(!ModelShape(config: multimodal).mayTieEmbeddings)
  }

  @Test func `only the files that the engine loads count`() throws {
    let data = TestData()
    try write("BF16", bytes: 100, to: data.path + "/model-1.safetensors")
    try write("BF16", bytes: 50, to: data.path + "/model-2.safetensors")
    try write("BF16", bytes: 1000, to: data.path + "/consolidated.safetensors")
    try write("F32", bytes: 1000, to: data.path + "/adapter.safetensors")
    try Data([0]).write(to: URL(filePath: data.path + "/pytorch_model.bin"))
    let index = data.path + "/model.safetensors.index.json"
    try write(["weight_map": ["a": "model-1.safetensors", "b": "model-2.safetensors"]], to: index)
    #expect(WeightFiles.bytes(in: data.path, type: nil)?.byType == ["BF16": 150])
    try write(["weight_map": ["a": "model-3.safetensors"]], to: index)
    #expect(WeightFiles.bytes(in: data.path, type: nil) == nil)
  }

  @Test func `a damaged file and an empty folder have no size`() throws {
    let data = TestData()
    #expect(WeightFiles.bytes(in: data.path, type: nil) == nil)
    let damaged: [[UInt8]] = [[], [1, 2], [UInt8](repeating: 255, count: 8), [2, 0, 0, 0, 0, 0, 0, 0, 0x7B]]
    for bytes in damaged {
      try Data(bytes).write(to: URL(filePath: data.path + "/model.safetensors"))
      #expect(WeightFiles.bytes(in: data.path, type: nil) == nil, "\(bytes)")
    }
    try write("F16", bytes: 8, to: data.path + "/model.safetensors")
    #expect(WeightFiles.bytes(in: data.path, type: nil)?.total(elementSize: 2) == 8)
  }

  @Test func `pickled weights have the config's type, or 32 bits`() throws {
    let data = TestData()
    try Data([UInt8](repeating: 0, count: 400)).write(to: URL(filePath: data.path + "/pytorch_model.bin"))
    try Data([0]).write(to: URL(filePath: data.path + "/training_args.bin"))
    #expect(WeightFiles.bytes(in: data.path, type: "bfloat16")?.total(elementSize: 2) == 400)
    #expect(WeightFiles.bytes(in: data.path, type: nil)?.total(elementSize: 2) == 200)
  }

  @Test func `a plane refuses a config that cannot fit, and its forecast says so before`() async throws {
    let data = TestData()
    let accelerators = Accelerators(gpus: [Accelerators.GPU(index: 0, name: "Tesla T4", memory: 1 << 20)])
    try await withPlane(data, adjust: { $0.accelerators = accelerators }) { plane in
      let folder = try data.model()
      try write(Self.config, to: folder + "/m/config.json")
      try write("BF16", bytes: 2 * Self.mebibyte, to: folder + "/m/model.safetensors")
      _ = try await plane.register("hello", folder, entrypoint: "vllm serve m")
      let entities = [entity("hello", 1, type: "GPU_SMALL")]
      let forecast = try await plane.call(
        "POST", "/api/setpoint/serving-endpoints/chat/forecast", ["served_entities": .array(entities)])
      let refusal = forecast.json["refusal"]?.stringValue ?? ""
      #expect(refusal.contains("needs 0.1 GiB for weights and 0.1 GiB for one request of 1,024 tokens"), "\(refusal)")
      let created = try await plane.create("chat", entities)
      #expect(created.status == 400 && created.message.contains(refusal), "\(created.text)")
      let missing = try await plane.get("chat")
      #expect(missing.status == 404)
    }
  }

  @Test func `the memory comes from nvidia-smi, and diff shows the refusal before anything is sent`() async throws {
    let data = TestData()
    let tools = data.path + "/bin"
    try FileManager.default.createDirectory(atPath: tools, withIntermediateDirectories: true)
    try Data("#!/bin/sh\necho '0, Tesla T4, 1 MiB'\n".utf8).write(to: URL(filePath: tools + "/nvidia-smi"))
    #expect(chmod(tools + "/nvidia-smi", 0o755) == 0)
    let folder = try data.model()
    try write(Self.config, to: folder + "/m/config.json")
    try write("BF16", bytes: 2 * Self.mebibyte, to: folder + "/m/model.safetensors")
    let manifest = data.path + "/chat.yaml"
    let text = """
      apiVersion: serving.setpoint.dev/v1alpha1
      kind: ServingEndpoint
      metadata:
        name: chat
      spec:
        model: hello
        entityVersion: "1"
        workloadType: T4
        size: Small
        scaleToZero: false

      """
    try Data(text.utf8).write(to: URL(filePath: manifest))
    let path = tools + ":" + (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin")
    let plane = try BinaryRun.serve(data, "--port", "0", environment: ["PATH": path])
    _ = try await plane.listening()
    let register = try BinaryRun(data, ["models", "register", "hello", folder, "--entrypoint", "vllm serve m"])
    #expect(try await register.ended() == .code(0), "\(register.text)")
    let diff = try BinaryRun(data, ["diff", "-f", manifest])
    #expect(try await diff.ended() == .code(1), "\(diff.text)")
    let words = "the plane refuses the config: served entity"
    #expect(diff.text.contains("effect: none: " + words), "\(diff.text)")
    #expect(diff.text.contains("needs 0.1 GiB for weights and 0.1 GiB for one request"), "\(diff.text)")
    let apply = try BinaryRun(data, ["apply", "-f", manifest])
    #expect(try await apply.ended() == .code(1), "\(apply.text)")
    #expect(apply.text.contains("nothing was sent: " + words), "\(apply.text)")
    let get = try BinaryRun(data, ["get"])
    #expect(try await get.ended() == .code(0))
    #expect(!get.text.contains("chat"), "\(get.text)")
  }
}
