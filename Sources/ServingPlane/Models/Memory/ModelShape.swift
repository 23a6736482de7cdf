import CanonicalJSON

/// What a model's `config.json` says about the memory that it needs. Whatever is not certain is unknown: a config is
/// never refused on a guess.
struct ModelShape: Hashable, Sendable {
  /// Attention in which every layer keeps the keys and values of all tokens.
  struct Attention: Hashable, Sendable {
    let layers: Int
    let heads: Int
    /// Fewer than ``heads`` if several share them.
    let keyValueHeads: Int
    let headSize: Int

    /// The bytes in the KV cache of one GPU for each token, if `shards` GPUs share the model. A GPU has at least one
    /// head.
    func bytesPerToken(elementSize: Int64, shards: Int) -> Int64 {
      2 * Int64(layers) * Int64(max(1, keyValueHeads / max(1, shards))) * Int64(headSize) * elementSize
    }
  }

  /// Nil if it is another kind of attention, or one that this version does not know.
  let attention: Attention?
  /// The most tokens of a request, unless the engine is given another number; nil if unknown.
  let maximumLength: Int?
  /// The type of the weights in the files, such as `bfloat16`; nil if the config does not say.
  let type: String?
  /// Whether the engine may leave weights on the disk that only some ways of serving need.
  let hasOptionalWeights: Bool
  /// Whether the embedding may also be the output matrix: then the engine leaves a second one on the disk.
  let mayTieEmbeddings: Bool

  /// - Parameters:
  ///   - config: the document `config.json`.
  ///   - tokenizer: `tokenizer_config.json`; null if there is none.
  init(config: JSONValue, tokenizer: JSONValue = .null) {
    let nested = config["text_config"].flatMap { $0.objectValue == nil ? nil : $0 }
    let text = nested ?? config
    let model = text["model_type"]?.stringValue ?? ""
    attention = Self.isCertain(model, text, whole: config) ? Self.attention(model, text) : nil
    maximumLength = Self.length(text, tokenizer)
    type = ["dtype", "torch_dtype"].lazy.compactMap { key in (text[key] ?? config[key])?.stringValue }.first
    hasOptionalWeights = ["num_nextn_predict_layers", "mtp_num_hidden_layers"].contains { key in
      (text[key]?.intValue ?? 0) > 0
    }
    mayTieEmbeddings = (text["tie_word_embeddings"] ?? config["tie_word_embeddings"])?.boolValue != false
  }

  // MARK: Attention

  /// The types of models whose layers all have the same full attention.
  private static let known: Set = [
    "gemma", "gpt_neox", "granite", "llama", "mistral", "mixtral", "olmo", "olmo2", "opt", "phi", "phi3", "qwen2",
    "qwen2_5_vl", "qwen2_5_vl_text", "qwen2_moe", "qwen2_vl", "qwen2_vl_text", "qwen3", "qwen3_moe",
    "qwen3_vl_moe_text", "qwen3_vl_text", "stablelm", "starcoder2",
  ]
  /// Those whose heads all have their own keys and values unless the config says otherwise. The others have a default
  /// that is not in the config.
  private static let withOwnKeys: Set = ["llama", "opt", "gpt_neox", "phi", "stablelm", "olmo"]
  /// Those whose head size has a default that is not in the config.
  private static let withOwnHeadSize: Set = ["gemma", "qwen3", "qwen3_moe", "qwen3_vl_text", "qwen3_vl_moe_text"]
  /// Members that mean another kind of attention, or layers that differ from each other.
  private static let others = [
    "kv_lora_rank", "attention_chunk_size", "num_kv_shared_layers", "cross_attention_layers", "block_configs",
    "compress_ratios", "index_topk",
  ]

  private static func isCertain(_ model: String, _ text: JSONValue, whole: JSONValue) -> Bool {
    guard known.contains(model), !others.contains(where: { isSet(text[$0]) }) else { return false }
    guard text["is_encoder_decoder"]?.boolValue != true, whole["is_encoder_decoder"]?.boolValue != true else {
      return false
    }
    if let types = text["layer_types"]?.arrayValue, types.contains(where: { $0 != "full_attention" }) { return false }
    // The cache may have another type than the model.
    for quantization in [text["quantization_config"], whole["quantization_config"]] {
      let members = quantization?.objectValue ?? [:]
      if members.contains(where: { $0.key.contains("kv_cache") && !$0.value.isNull }) { return false }
    }
    return !hasWindow(model, text)
  }

  /// Whether a layer may keep only the last tokens.
  private static func hasWindow(_ model: String, _ text: JSONValue) -> Bool {
    if model.hasPrefix("qwen") { return text["use_sliding_window"]?.boolValue == true }
    // Its default is a window.
    if model == "mistral", text["sliding_window"] == nil { return true }
    return isSet(text["sliding_window"])
  }

  private static func isSet(_ value: JSONValue?) -> Bool { value.map { !$0.isNull } ?? false }

  private static func attention(_ model: String, _ text: JSONValue) -> Attention? {
    guard let layers = count(text["num_hidden_layers"]), let heads = count(text["num_attention_heads"]) else {
      return nil
    }
    let own = withOwnKeys.contains(model) ? heads : nil
    let given = isSet(text["head_dim"]) ? count(text["head_dim"]) : nil
    let usual = withOwnHeadSize.contains(model) ? nil : count(text["hidden_size"]).map { $0 / heads }
    let keys = isSet(text["num_key_value_heads"]) ? count(text["num_key_value_heads"]) : own
    guard let keys, let size = given ?? usual, size > 0 else { return nil }
    return Attention(layers: layers, heads: heads, keyValueHeads: keys, headSize: size)
  }

  /// A plausible number of layers, heads or elements.
  private static func count(_ value: JSONValue?) -> Int? {
    guard let number = value?.intValue, (1...1_000_000).contains(number) else { return nil }
    return Int(number)
  }

  // MARK: Length

  /// The members that bound the length: vLLM takes the smallest (vLLM 0.32, `_get_and_verify_max_len`).
  private static let lengths = [
    "max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "model_max_length", "max_target_positions",
    "max_sequence_length", "max_seq_length", "seq_len",
  ]

  private static func length(_ text: JSONValue, _ tokenizer: JSONValue) -> Int? {
    guard isSet(text["max_position_embeddings"]), var length = lengths.compactMap({ count64(text[$0]) }).min() else {
      return nil
    }
    for rope in [text["rope_scaling"], text["rope_parameters"]] {
      guard let rope, let members = rope.objectValue else { continue }
      if members.values.contains(where: { $0.objectValue != nil }) { return nil }
      guard isSet(rope["factor"]) else { continue }
      // Llama's kind does not change the length that the config states.
      let type = rope["rope_type"]?.stringValue ?? rope["type"]?.stringValue ?? ""
      switch type {
      case "llama3": continue
      case "yarn":
        guard let original = count64(rope["original_max_position_embeddings"]),
          let scaled = rope["factor"]?.doubleValue.map({ (Double(original) * $0).rounded(.down) }), scaled >= 1
        else { return nil }
        length = min(length, Int64(exactly: scaled) ?? length)
      default: return nil
      }
    }
    // Often a huge number that stands for none.
    let tokens = tokenizer["model_max_length"]?.doubleValue.flatMap { Int64(exactly: $0.rounded(.down)) }
    return Int(min(length, tokens.flatMap { $0 > 0 ? $0 : nil } ?? length))
  }

  private static func count64(_ value: JSONValue?) -> Int64? {
    guard let number = value?.intValue, (1...(1 << 40)).contains(number) else { return nil }
    return number
  }
}
