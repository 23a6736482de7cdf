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

/// The files of a model's weights: those that vLLM loads.
enum WeightFiles {
  /// The sizes of the weights in a folder; nil if there are none, or if they cannot be read.
  ///
  /// - Parameter type: what the model's config says about its weights; used for files that do not say it themselves.
  static func bytes(in folder: String, type: String?) -> WeightBytes? {
    let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    var tensors = files.filter { $0.hasSuffix(".safetensors") }
    // Mistral's own form of the same weights.
    if tensors.contains(where: { !$0.hasPrefix("consolidated") }) {
      tensors.removeAll { $0.hasPrefix("consolidated") }
    }
    if !tensors.isEmpty {
      guard let named = indexed(tensors, by: folder + "/model.safetensors.index.json", files) else { return nil }
      return sum(named) { SafetensorsHeader.byType(folder + "/" + $0) }
    }
    let pickles = files.filter { name in
      name.hasSuffix(".bin") && !["training_args.bin", "optimizer.bin"].contains { name.hasSuffix($0) }
    }
    guard !pickles.isEmpty else { return nil }
    let word = type == "bfloat16" ? "BF16" : type == "float16" ? "F16" : "F32"
    guard let named = indexed(pickles, by: folder + "/pytorch_model.bin.index.json", files) else { return nil }
    return sum(named) { size(folder + "/" + $0).map { [word: $0] } }
  }

  /// The files that the index names, if there is one; nil if it cannot be used.
  private static func indexed(_ names: [String], by index: String, _ files: [String]) -> [String]? {
    guard files.contains(where: { index.hasSuffix("/" + $0) }) else { return names }
    guard let map = try? HuggingFaceFolder.json(index)["weight_map"]?.objectValue else { return nil }
    let named = Set(map.values.compactMap(\.stringValue))
    return named.isSubset(of: names) ? named.sorted() : nil
  }

  private static func sum(_ names: [String], _ read: (String) -> [String: Int64]?) -> WeightBytes? {
    var bytes = WeightBytes()
    for name in names {
      guard let found = read(name) else { return nil }
      bytes.byType.merge(found, uniquingKeysWith: +)
    }
    return bytes
  }

  private static func size(_ path: String) -> Int64? {
    var status = stat()
    guard stat(path, &status) == 0, (0...largest).contains(Int64(status.st_size)) else { return nil }
    return Int64(status.st_size)
  }

  /// Larger than any disk, and small enough that sums cannot overflow.
  fileprivate static let largest: Int64 = 1 << 50
}

/// The header of a safetensors file: eight bytes with its length, and JSON with the type and the place of each tensor.
enum SafetensorsHeader {
  /// The format's own limit.
  private static let largest = 100_000_000

  /// The bytes of the file's tensors by type; nil if it is not such a file.
  static func byType(_ path: String) -> [String: Int64]? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, Int64(status.st_size) <= WeightFiles.largest,
      let prefix = bytes(of: descriptor, count: 8, at: 0)
    else { return nil }
    let length = prefix.reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
    guard length <= UInt64(largest), let text = bytes(of: descriptor, count: Int(length), at: 8),
      let tensors = (try? JSONValue(parsing: text))?.objectValue
    else { return nil }
    var left = Int64(status.st_size)
    var sizes: [String: Int64] = [:]
    for (name, tensor) in tensors where name != "__metadata__" {
      let offsets = (tensor["data_offsets"]?.arrayValue ?? []).compactMap(\.intValue)
      guard let type = tensor["dtype"]?.stringValue, offsets.count == 2, offsets[0] >= 0, offsets[0] <= offsets[1],
        offsets[1] - offsets[0] <= left
      else { return nil }
      left -= offsets[1] - offsets[0]
      sizes[type, default: 0] += offsets[1] - offsets[0]
    }
    return sizes
  }

  private static func bytes(of descriptor: CInt, count: Int, at offset: Int) -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: count)
    var done = 0
    while done < count {
      let (from, rest) = (done, count - done)
      let read = buffer.withUnsafeMutableBytes { raw in
        pread(descriptor, raw.baseAddress?.advanced(by: from), rest, off_t(offset + from))
      }
      guard read > 0 else { return nil }
      done += read
    }
    return buffer
  }
}
