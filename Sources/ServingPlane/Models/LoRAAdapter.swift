import CanonicalJSON
import FoundationEssentials

/// A LoRA adapter as Hugging Face's PEFT saves it: a folder with `adapter_config.json` and `adapter_model.safetensors`.
struct LoRAAdapter: Hashable, Sendable {
  let folder: String
  /// The highest rank of its modules.
  let rank: Int
  /// The model that it was trained on, as its author named it; nil if unknown.
  let base: String?

  /// - Parameter folder: an absolute path.
  /// - Returns: nil if the folder has no `adapter_config.json`.
  /// - Throws: ``ModelError`` for an adapter that vLLM cannot serve (vLLM 0.32, `vllm/lora/peft_helper.py`).
  init?(folder: String) throws(ModelError) {
    let file = folder + "/adapter_config.json"
    guard FileManager.default.fileExists(atPath: file) else { return nil }
    func unusable(_ why: String) -> ModelError {
      ModelError(code: .invalid, description: "\(folder) contains a LoRA adapter that vLLM cannot serve: \(why)")
    }
    let config = try HuggingFaceFolder.json(file)
    if let type = config["peft_type"]?.stringValue, type != "LORA" {
      throw unusable("its adapter_config.json has the peft_type \(type), not LORA")
    }
    let patterns = config["rank_pattern"]?.objectValue?.values.map(\.intValue) ?? []
    let ranks = ([config["r"]?.intValue] + patterns).compactMap(\.self)
    guard let highest = ranks.max(), ranks.count == patterns.count + 1, ranks.allSatisfy({ $0 > 0 }) else {
      throw unusable("its adapter_config.json has no valid rank (r)")
    }
    guard highest <= Self.highestRank else {
      throw unusable("its rank is \(highest); the highest rank that vLLM serves is \(Self.highestRank)")
    }
    if config["use_dora"]?.boolValue == true { throw unusable("it is a DoRA adapter (use_dora)") }
    if let bias = config["bias"]?.stringValue, bias != "none" { throw unusable("it has a bias (\(bias))") }
    guard FileManager.default.fileExists(atPath: folder + "/" + Self.weights) else {
      throw unusable("\(Self.weights) is missing; save the adapter in the safetensors format")
    }
    self.folder = folder
    rank = Int(highest)
    let name = config["base_model_name_or_path"]?.stringValue
    base = name?.isEmpty == false ? name : nil
  }

  static let weights = "adapter_model.safetensors"

  /// The values of vLLM's `--max-lora-rank`, without 1 (vLLM 0.32, `vllm/config/lora.py`).
  static let ranks = [8, 16, 32, 64, 128, 256, 320, 512]
  static let highestRank = 512

  // MARK: Its matrices

  /// The tensors of its file, by name; nil if it cannot be read.
  private var tensors: [String: SafetensorsHeader.Tensor]? {
    SafetensorsHeader(path: folder + "/" + Self.weights)?.tensors
  }

  /// The least that an engine loads of it; nil if its file cannot be read.
  var matrices: WeightBytes? {
    tensors.map { all in WeightBytes(all.filter { $0.key.contains(".lora_A.") || $0.key.contains(".lora_B.") }) }
  }

  // MARK: Its base model

  /// Why it does not fit a model; nil if it does, or if that cannot be told: a model may name its tensors differently,
  /// and only the engine knows then.
  ///
  /// - Parameter model: the folder of the model that the engine loads.
  func misfit(with model: String) -> String? {
    guard let own = tensors, let weights = WeightFiles.tensors(in: model) else { return nil }
    let layers = Set(weights.keys.compactMap { Self.layer(of: $0) })
    let modules = own.keys.compactMap { Self.module($0) }.sorted()
    let knowsLayers = modules.contains { Self.layer(of: $0).map { layers.contains($0) } ?? false }
    for module in modules {
      if knowsLayers, let layer = Self.layer(of: module), !layers.contains(layer) {
        return "the model has no \(layer)"
      }
      let tensor = Self.prefix + module
      guard let down = own[tensor + Self.downEnding], let up = own[tensor + ".lora_B.weight"],
        let weight = weights[module + ".weight"], down.shape.count == 2, up.shape.count == 2, weight.isPlainMatrix
      else { continue }
      let (outputs, inputs) = (up.shape[0], down.shape[1])
      // Some architectures store a matrix transposed.
      guard weight.shape.sorted() != [outputs, inputs].sorted() else { continue }
      return "\(module) is \(outputs)x\(inputs) in the adapter, and \(weight.shape[0])x\(weight.shape[1]) in the model"
    }
    return nil
  }

  private static let prefix = "base_model.model."
  private static let downEnding = ".lora_A.weight"

  /// The module that a tensor of an adapter belongs to, such as `model.layers.0.mlp.up_proj`; nil if it is not the
  /// first of the module's two.
  private static func module(_ tensor: String) -> String? {
    guard tensor.hasPrefix(prefix), tensor.hasSuffix(downEnding) else { return nil }
    return String(tensor.dropFirst(prefix.count).dropLast(downEnding.count))
  }

  /// The layer that a tensor or a module belongs to, such as `model.layers.0`.
  private static func layer(of name: String) -> String? {
    let parts = name.split(separator: ".")
    guard let layers = parts.firstIndex(of: "layers"), layers + 1 < parts.count, Int(parts[layers + 1]) != nil else {
      return nil
    }
    return parts[...(layers + 1)].joined(separator: ".")
  }
}

extension SafetensorsHeader.Tensor {
  /// Whether it is a matrix of numbers: quantized weights are stored in other shapes.
  fileprivate var isPlainMatrix: Bool { shape.count == 2 && ["BF16", "F16", "F32", "F64"].contains(type) }
}
