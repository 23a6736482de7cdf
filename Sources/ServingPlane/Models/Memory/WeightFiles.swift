import CanonicalJSON
import FoundationEssentials
import Glibc

/// The sizes of a model's weights, by the type of their elements as safetensors names it, such as `BF16`.
struct WeightBytes: Hashable, Sendable {
  var byType: [String: Int64] = [:]

  /// The bytes in memory if unquantized weights become elements of this size. Weights of other types stay as they are.
  ///
  /// - Parameter elementSize: 2 or 4.
  func total(elementSize: Int64) -> Int64 {
    byType.reduce(0) { sum, entry in
      switch entry.key {
      case "F64": sum + entry.value / 8 * elementSize
      case "F32": sum + entry.value / 4 * elementSize
      case "F16", "BF16": sum + entry.value / 2 * elementSize
      default: sum + entry.value
      }
    }
  }
}

extension WeightBytes {
  /// - Parameter mayTieEmbeddings: whether the output matrix does not count if it may be the embedding.
  init(_ tensors: [String: SafetensorsHeader.Tensor], mayTieEmbeddings: Bool = false) {
    let embedding = tensors.first { $0.key.hasSuffix("embed_tokens.weight") }?.value.shape
    for (name, tensor) in tensors {
      if mayTieEmbeddings, name.hasSuffix("lm_head.weight"), tensor.shape == embedding { continue }
      byType[tensor.type, default: 0] += tensor.bytes
    }
  }
}

/// The files of a model's weights: those that vLLM loads.
enum WeightFiles {
  /// The sizes of the weights in a folder; nil if there are none, or if they cannot be read.
  ///
  /// - Parameters:
  ///   - type: what the model's config says about its weights; used for files that do not say it themselves.
  ///   - mayTieEmbeddings: see ``ModelShape/mayTieEmbeddings``.
  static func bytes(in folder: String, type: String?, mayTieEmbeddings: Bool = false) -> WeightBytes? {
    let files = names(in: folder)
    guard tensorFiles(files).isEmpty else {
      return tensors(in: folder).map { WeightBytes($0, mayTieEmbeddings: mayTieEmbeddings) }
    }
    let pickles = files.filter { name in
      name.hasSuffix(".bin") && !["training_args.bin", "optimizer.bin"].contains { name.hasSuffix($0) }
    }
    guard !pickles.isEmpty, let named = indexed(pickles, by: folder + "/pytorch_model.bin.index.json", files) else {
      return nil
    }
    var total: Int64 = 0
    for name in named {
      guard let bytes = size(folder + "/" + name) else { return nil }
      total += bytes
    }
    let word = type == "bfloat16" ? "BF16" : type == "float16" ? "F16" : "F32"
    return WeightBytes(byType: [word: total])
  }

  /// The tensors of a folder's safetensors files, by name; nil if there are none, or if they cannot be read.
  static func tensors(in folder: String) -> [String: SafetensorsHeader.Tensor]? {
    let files = names(in: folder)
    let own = tensorFiles(files)
    guard !own.isEmpty, let named = indexed(own, by: folder + "/model.safetensors.index.json", files) else {
      return nil
    }
    var tensors: [String: SafetensorsHeader.Tensor] = [:]
    for name in named {
      guard let header = SafetensorsHeader(path: folder + "/" + name) else { return nil }
      tensors.merge(header.tensors) { $1 }
    }
    return tensors
  }

  private static func names(in folder: String) -> [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
  }

  private static func tensorFiles(_ files: [String]) -> [String] {
    let tensors = files.filter { $0.hasSuffix(".safetensors") && $0 != LoRAAdapter.weights }
    // Mistral's own form of the same weights counts only if there is no other.
    let usual = tensors.filter { !$0.hasPrefix("consolidated") }
    return usual.isEmpty ? tensors : usual
  }

  /// The files that the index names, if there is one; nil if it cannot be used.
  private static func indexed(_ names: [String], by index: String, _ files: [String]) -> [String]? {
    guard files.contains(where: { index.hasSuffix("/" + $0) }) else { return names }
    guard let map = try? HuggingFaceFolder.json(index)["weight_map"]?.objectValue else { return nil }
    let named = Set(map.values.compactMap(\.stringValue))
    return named.isSubset(of: names) ? named.sorted() : nil
  }

  private static func size(_ path: String) -> Int64? {
    var status = stat()
    guard stat(path, &status) == 0, (0...largest).contains(Int64(status.st_size)) else { return nil }
    return Int64(status.st_size)
  }

  /// Larger than any disk, and small enough that sums cannot overflow.
  private static let largest: Int64 = 1 << 50
}
