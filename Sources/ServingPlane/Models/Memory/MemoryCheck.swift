import CanonicalJSON

/// Whether a model version, with its LoRA adapters, can fit into the memory of this machine's GPUs. Blocks on the disk.
struct MemoryCheck: Sendable {
  let accelerators: Accelerators

  /// vLLM's default of `--gpu-memory-utilization`. An older version uses less.
  private static let utilization = 0.92

  /// Options with which the weights or the KV cache need not be in the GPUs' memory as the files describe them.
  private static let unpredictable = [
    "--config", "--hf-overrides", "--hf-config-path", "--config-format", "--quantization", "--model-impl",
    "--model-loader-extra-config", "--cpu-offload", "--offload", "--pipeline-parallel", "--data-parallel",
    "--decode-context-parallel", "--prefill-context-parallel", "--enable-expert-parallel", "--language-model-only",
    "--limit-mm-per-prompt", "--kv-cache-memory-bytes", "--num-gpu-blocks-override", "--device", "--tokenizer",
  ]

  /// The options that are read here.
  private static let known = [
    "--tensor-parallel-size", "--gpu-memory-utilization", "--load-format", "--dtype", "--kv-cache-dtype",
    "--max-model-len", "--max-loras",
  ]

  /// Why a replica of the model could never start; nil if it may, or if that is unknown.
  func finding(_ launch: LaunchConfig, _ model: ReplicaModel) -> String? {
    guard accelerators.places(for: launch.workloadType) > 0, let command = command(launch, model.version),
      command.runsVLLM,
      let folder = command.modelPath(in: model.version.artifacts)
    else { return nil }
    let options = EngineOptions(command.words)
    // What cannot be read is zero. Without the option, which the plane adds for several GPUs, vLLM uses one.
    let shards = options["--tensor-parallel-size"].map { Int($0) ?? 0 } ?? 1
    let utilization = options["--gpu-memory-utilization"].map { Double($0) ?? 0 } ?? Self.utilization
    guard !Self.unpredictable.contains(where: { options.contains(prefix: $0) }),
      !options.mayAbbreviate(Self.known + Self.unpredictable),
      ["auto", "safetensors"].contains(options["--load-format"] ?? "auto"), utilization > 0, utilization <= 1,
      let device = accelerators.device(shards)
    else { return nil }
    var estimate = estimate(folder, model, options, device, utilization: utilization, shards: shards)
    estimate?.isShardingGiven = !command.isShardedByPlane && options["--tensor-parallel-size"] != nil
    return estimate?.finding(alternatives: accelerators.alternatives)
  }

  /// The command as it will be run; nil if that depends on something that is known only then.
  private func command(_ launch: LaunchConfig, _ version: ModelVersion) -> LaunchCommand? {
    guard let arguments = try? launch.environment[EngineFlags.variable].map(EngineFlags.words) ?? [] else { return nil }
    return try? LaunchCommand(
      entrypoint: version.entrypoint, port: 0, environment: launch.environment, engineArguments: arguments,
      gpus: accelerators.places(for: launch.workloadType))
  }

  private func estimate(
    _ folder: String, _ model: ReplicaModel, _ options: EngineOptions, _ device: MemoryEstimate.Device,
    utilization: Double, shards: Int
  ) -> MemoryEstimate? {
    guard let config = try? HuggingFaceFolder.json(folder + "/config.json") else { return nil }
    let tokenizer = (try? HuggingFaceFolder.json(folder + "/tokenizer_config.json")) ?? .null
    let shape = ModelShape(config: config, tokenizer: tokenizer)
    guard !shape.hasOptionalWeights, let elementSize = Self.elementSize(options["--dtype"] ?? "auto"),
      let weights = WeightFiles.bytes(in: folder, type: shape.type, mayTieEmbeddings: shape.mayTieEmbeddings)
    else { return nil }
    let cache = Self.cacheElementSize(options["--kv-cache-dtype"] ?? "auto", elementSize)
    // Embeddings need no cache, and a file of this name may give it another type.
    let hasCache = model.version.task != "llm/v1/embeddings" && cache != nil && !Self.isQuantizedApart(folder)
    return MemoryEstimate(
      weights: weights.total(elementSize: elementSize) + Self.bytes(of: model.adapters, options),
      attention: hasCache ? shape.attention : nil, elementSize: cache ?? elementSize,
      length: Self.length(options["--max-model-len"], shape), device: device, utilization: utilization, shards: shards)
  }

  /// The least bytes of the adapters, each of which has a slot of its own in the memory. With another number of slots,
  /// they are unknown.
  private static func bytes(of adapters: [LoadedAdapter], _ options: EngineOptions) -> Int64 {
    guard options["--max-loras"] == nil else { return 0 }
    return adapters.reduce(0) { $0 + ($1.adapter.matrices?.total(elementSize: 2) ?? 0) }
  }

  private static func isQuantizedApart(_ folder: String) -> Bool {
    (try? HuggingFaceFolder.json(folder + "/hf_quant_config.json")) != nil
  }

  /// The bytes of one element; nil for a type that this version does not know.
  private static func elementSize(_ type: String) -> Int64? {
    switch type {
    // Models of 32 bits are served with 16 by default.
    case "auto", "half", "float16", "bfloat16": 2
    case "float", "float32": 4
    default: nil
    }
  }

  private static func cacheElementSize(_ type: String, _ model: Int64) -> Int64? {
    switch type {
    case "auto": model
    case "half", "float16", "bfloat16": 2
    default: type.hasPrefix("fp8") ? 1 : nil
    }
  }

  /// The most tokens of a request. If the engine chooses the number by what fits, it is unknown.
  private static func length(_ option: String?, _ shape: ModelShape) -> Int? {
    guard let option else { return shape.maximumLength }
    return EngineOptions.number(option).flatMap { $0 > 0 ? $0 : nil }
  }
}

extension Accelerators {
  /// The one of the `count` GPUs with the most memory that has the least; nil if the memory of any GPU is unknown.
  fileprivate func device(_ count: Int) -> MemoryEstimate.Device? {
    let devices = gpus.compactMap { gpu in gpu.memory.map { MemoryEstimate.Device(name: gpu.name, memory: $0) } }
      .sorted { $0.memory > $1.memory }
    guard devices.count == gpus.count, devices.indices.contains(count - 1) else { return nil }
    return devices[count - 1]
  }

  /// The workload types with several GPUs that this machine can hold, the smallest first.
  fileprivate var alternatives: [MemoryEstimate.Alternative] {
    ConfigReader.workloadTypes.map { MemoryEstimate.Alternative(workloadType: $0, gpus: Self.gpuCount($0)) }
      .filter { $0.gpus > 1 && $0.gpus <= gpus.count }
      .sorted { ($0.gpus, $0.workloadType) < ($1.gpus, $1.workloadType) }
  }
}
