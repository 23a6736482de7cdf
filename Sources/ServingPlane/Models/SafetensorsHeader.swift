import CanonicalJSON
import Glibc

/// The names, types and shapes of a safetensors file's tensors. The weights themselves are not read.
struct SafetensorsHeader: Hashable, Sendable {
  struct Tensor: Hashable, Sendable {
    /// Such as `BF16`.
    let type: String
    let shape: [Int]
  }

  /// By name.
  let tensors: [String: Tensor]

  /// Far larger than the header of any model.
  private static let longest: UInt64 = 32 << 20

  /// Reads the header: its length in eight bytes, little-endian, and then a JSON object
  /// (https://huggingface.co/docs/safetensors#format).
  ///
  /// - Returns: nil if the file cannot be read, or has another format.
  init?(path: String) {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    guard let prefix = Self.bytes(8, of: file) else { return nil }
    let length = prefix.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard length <= Self.longest, let header = Self.bytes(Int(length), of: file),
      let members = (try? JSONValue(parsing: header))?.objectValue
    else { return nil }
    // The member `__metadata__` describes no tensor.
    tensors = members.compactMapValues { member in
      guard let type = member["dtype"]?.stringValue, let shape = member["shape"]?.arrayValue else { return nil }
      return Tensor(type: type, shape: shape.compactMap { $0.intValue.map { Int($0) } })
    }
  }

  /// The next bytes of a file; nil if there are fewer.
  private static func bytes(_ count: Int, of file: Int32) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: count)
    var filled = 0
    while filled < count {
      let taken = bytes.withUnsafeMutableBytes { buffer in
        read(file, buffer.baseAddress?.advanced(by: filled), count - filled)
      }
      if taken < 0, errno == EINTR { continue }
      guard taken > 0 else { return nil }
      filled += taken
    }
    return bytes
  }
}
