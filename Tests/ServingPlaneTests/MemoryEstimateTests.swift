import CanonicalJSON
import Testing

@testable import ServingPlane

/// The numbers come from the `config.json` files and the sizes of published models.
@Suite struct MemoryEstimateTests {
  /// The members of a `config.json` that matter here.
  private static func config(
    _ type: String, layers: Int64, heads: Int64, keys: Int64? = nil, hidden: Int64,
    _ more: [String: JSONValue] = [:]
  ) -> JSONValue {
    var members: [String: JSONValue] = [
      "model_type": .string(type), "num_hidden_layers": .int(layers), "num_attention_heads": .int(heads),
      "hidden_size": .int(hidden),
    ]
    if let keys { members["num_key_value_heads"] = .int(keys) }
    return .object(members.merging(more) { $1 })
  }

  private static let llama = config("llama", layers: 32, heads: 32, keys: 8, hidden: 4096)
  private static let qwenVL: JSONValue = [
    "model_type": "qwen2_5_vl",
    "text_config": config(
      "qwen2_5_vl_text", layers: 28, heads: 28, keys: 4, hidden: 3584, ["use_sliding_window": false]),
  ]

  private static let shapes: [(String, JSONValue, Int64)] = [
    ("Llama 3.1 8B: grouped queries", llama, 131_072),
    ("Llama 1 7B: no num_key_value_heads", config("llama", layers: 32, heads: 32, hidden: 4096), 524_288),
    (
      "Mistral 7B v0.3",
      config("mistral", layers: 32, heads: 32, keys: 8, hidden: 4096, ["sliding_window": nil]), 131_072
    ),
    (
      "Qwen 2.5 7B: a window that is not used",
      config(
        "qwen2", layers: 28, heads: 28, keys: 4, hidden: 3584,
        ["sliding_window": 131_072, "use_sliding_window": false]), 57_344
    ),
    (
      "Qwen 3 0.6B: heads larger than the hidden size divided by them",
      config("qwen3", layers: 28, heads: 16, keys: 8, hidden: 1024, ["head_dim": 128]), 114_688
    ),
    ("a tiny model", config("llama", layers: 2, heads: 5, keys: 1, hidden: 320, ["head_dim": 64]), 512),
    ("Qwen 2.5 VL 7B: the text model in a multimodal one", qwenVL, 57_344),
    (
      "Llama 3.1 8B AWQ: quantized weights, but not the cache",
      config(
        "llama", layers: 32, heads: 32, keys: 8, hidden: 4096,
        ["quantization_config": ["quant_method": "awq", "bits": 4]]), 131_072
    ),
  ]

  @Test(arguments: shapes)
  func `the KV cache of one token follows from the config`(model: String, config: JSONValue, bytes: Int64) {
    let shape = ModelShape(config: config)
    #expect(shape.attention?.bytesPerToken(elementSize: 2, shards: 1) == bytes, "\(model)")
  }

  private static let unknown: [(String, JSONValue)] = [
    (
      "DeepSeek V3: latent attention",
      config("deepseek_v3", layers: 61, heads: 128, keys: 128, hidden: 7168, ["kv_lora_rank": 512])
    ),
    (
      "Mistral 7B v0.1: a sliding window",
      config("mistral", layers: 32, heads: 32, keys: 8, hidden: 4096, ["sliding_window": 4096])
    ),
    ("Mistral: a window by default", config("mistral", layers: 32, heads: 32, keys: 8, hidden: 4096)),
    (
      "layers with and without a window",
      config(
        "qwen3", layers: 2, heads: 16, keys: 8, hidden: 1024,
        ["head_dim": 128, "layer_types": ["full_attention", "sliding_attention"]])
    ),
    ("Gemma 3: another model", config("gemma3_text", layers: 26, heads: 4, keys: 1, hidden: 1152, ["head_dim": 256])),
    (
      "a quantized cache",
      config(
        "llama", layers: 32, heads: 32, keys: 8, hidden: 4096,
        ["quantization_config": ["kv_cache_scheme": ["num_bits": 8]]])
    ),
    (
      "LLaVA 1.5: the text model's members are missing",
      ["model_type": "llava", "text_config": ["model_type": "llama", "max_position_embeddings": 4096]]
    ),
    ("Qwen 3 without its head size", config("qwen3", layers: 28, heads: 16, keys: 8, hidden: 1024)),
    ("no object", []), ("numbers that make no sense", config("llama", layers: -1, heads: 0, hidden: .max)),
  ]

  @Test(arguments: unknown)
  func `what is not certain is unknown`(model: String, config: JSONValue) {
    #expect(ModelShape(config: config).attention == nil, "\(model)")
  }

  private static let lengths: [(JSONValue, JSONValue, Int?)] = [
    (["max_position_embeddings": 131_072], nil, 131_072),
    (["max_position_embeddings": 131_072], ["model_max_length": 4096], 4096),
    (["max_position_embeddings": 32_768], ["model_max_length": 1e30], 32_768),
    (
      ["max_position_embeddings": 131_072, "rope_scaling": ["rope_type": "llama3", "factor": 8.0]], nil, 131_072
    ),
    (["max_position_embeddings": 4096, "rope_scaling": ["type": "linear", "factor": 2.0]], nil, nil),
    (
      [
        "max_position_embeddings": 131_072,
        "rope_scaling": ["rope_type": "yarn", "factor": 2.0, "original_max_position_embeddings": 32_768],
      ], nil, 65_536
    ),
    (["max_position_embeddings": 4096, "rope_scaling": ["rope_type": "yarn", "factor": 2.0]], nil, nil),
    (["max_position_embeddings": 4096, "model_max_length": 2048], nil, 2048),
    (["text_config": ["max_position_embeddings": 8192]], nil, 8192), ([:], nil, nil),
  ]

  @Test(arguments: lengths)
  func `the longest request is the config's, unless something may scale it`(
    config: JSONValue, tokenizer: JSONValue, length: Int?
  ) {
    #expect(ModelShape(config: config, tokenizer: tokenizer).maximumLength == length)
  }

  // MARK: The estimate

  private static let t4 = MemoryEstimate.Device(name: "Tesla T4", memory: 15_360 << 20)

  private func estimate(
    weights: Int64, layers: Int, length: Int?, utilization: Double = 0.92, shards: Int = 1
  ) -> MemoryEstimate {
    MemoryEstimate(
      weights: weights,
      attention: ModelShape.Attention(layers: layers, heads: 32, keyValueHeads: 8, headSize: 128), elementSize: 2,
      length: length, device: Self.t4, utilization: utilization, shards: shards)
  }

  @Test func `Llama 3_1 8B does not fit a T4, but two of them`() {
    let one = estimate(weights: 16_060_522_496, layers: 32, length: 8192)
    #expect(
      one.finding()
        == "needs 15.0 GiB for weights and 1.0 GiB for one request of 8,192 tokens; Tesla T4 leaves 13.7 GiB (92% of "
        + "15.0 GiB): use GPUs with more memory, or a smaller or quantized version")
    let larger = [MemoryEstimate.Alternative(workloadType: "GPU_LARGE_2", gpus: 2)]
    #expect(one.finding(alternatives: larger)?.hasSuffix(": use GPU_LARGE_2") == true)
    var given = one
    given.isShardingGiven = true
    #expect(given.finding(alternatives: larger)?.hasSuffix(": use GPU_LARGE_2 with --tensor-parallel-size 2") == true)
    #expect(estimate(weights: 16_060_522_496, layers: 32, length: 8192, shards: 2).finding() == nil)
  }

  @Test func `Llama 3_2 3B fits a T4 with shorter requests`() {
    let whole = estimate(weights: 6_425_499_648, layers: 28, length: 131_072)
    #expect(
      whole.finding()
        == "needs 6.0 GiB for weights and 14.0 GiB for one request of 131,072 tokens; Tesla T4 leaves 13.7 GiB (92% of "
        + "15.0 GiB): lower engine.maxModelLen to 72,704")
    #expect(estimate(weights: 6_425_499_648, layers: 28, length: 72_704).finding() == nil)
    #expect(estimate(weights: 6_425_499_648, layers: 28, length: 74_000).finding() != nil)
  }

  @Test func `without a known cache or length, only the weights count`() {
    let device = Self.t4
    func weights(_ bytes: Int64) -> MemoryEstimate {
      MemoryEstimate(
        weights: bytes, attention: nil, elementSize: 2, length: 8192, device: device, utilization: 0.85, shards: 1)
    }
    #expect(weights(13_000_000_000).finding() == nil)
    #expect(
      weights(14_000_000_000).finding()
        == "needs 13.1 GiB for weights; Tesla T4 leaves 12.7 GiB (85% of 15.0 GiB): use GPUs with more memory, or a "
        + "smaller or quantized version")
    #expect(estimate(weights: 14_000_000_000, layers: 32, length: nil).finding() == nil)
  }

  @Test func `extreme numbers neither overflow nor pass`() {
    let estimate = MemoryEstimate(
      weights: 1,
      attention: ModelShape.Attention(layers: 1_000_000, heads: 1, keyValueHeads: 1_000_000, headSize: 1_000_000),
      elementSize: 4, length: .max, device: Self.t4, utilization: 1, shards: 1)
    #expect(estimate.finding()?.hasPrefix("needs 0.1 GiB for weights and 1073741824.0 GiB for one request") == true)
  }

  // MARK: Options

  private static let numbers: [(String, Int?)] = [
    ("8192", 8192), ("8k", 8000), ("8K", 8192), ("1.5k", 1500), ("1M", 1_048_576), ("auto", nil), ("", nil),
    ("-1", -1), ("-1k", nil),
  ]

  @Test(arguments: numbers)
  func `lengths are read as vLLM reads them`(text: String, number: Int?) {
    #expect(EngineOptions.number(text) == number)
  }

  @Test func `the last of a repeated option counts, in any of its forms`() {
    let options = EngineOptions([
      "vllm", "serve", "m", "--max_model_len=4096", "-tp", "2", "--max-model-len", "8k", "--enforce-eager",
    ])
    #expect(options["--max-model-len"] == "8k" && options["--tensor-parallel-size"] == "2")
    #expect(options["--enforce-eager"] == "" && options["--dtype"] == nil)
    #expect(options.contains(prefix: "--enforce") && !options.contains(prefix: "--offload"))
    #expect(options.mayAbbreviate(["--enforce-eager-mode"]) && !options.mayAbbreviate(["--enforce-eager", "--dtype"]))
  }

  @Test func `the memory of a GPU is read where the driver states it`() {
    let listing = "0, Tesla T4, 15360 MiB\n1, NVIDIA GB10, [N/A]\n2, NVIDIA A10G\n3, Odd, x MiB\n"
    let machine = Accelerators(listing: listing)
    #expect(machine.gpus.map(\.name) == ["Tesla T4", "NVIDIA GB10", "NVIDIA A10G", "Odd"])
    #expect(machine.gpus.map(\.memory) == [16_106_127_360, nil, nil, nil])
  }
}
