import CanonicalJSON
import Glibc

/// The names, types, shapes and sizes of a safetensors file's tensors. The weights themselves are not read.
struct SafetensorsHeader: Hashable, Sendable {
  struct Tensor: Hashable, Sendable {
    /// Such as `BF16`.
    let type: String
    let shape: [Int]
    /// The size of its data in the file, in bytes.
    let bytes: Int64

    fileprivate init?(_ member: JSONValue) {
      let offsets = member["data_offsets"]?.arrayValue?.compactMap(\.intValue) ?? []
      guard let type = member["dtype"]?.stringValue, let sides = member["shape"]?.arrayValue, offsets.count == 2,
        offsets[0] >= 0, offsets[1] >= offsets[0]
      else { return nil }
      self.type = type
      shape = sides.compactMap(\.intValue).map { Int($0) }
      bytes = offsets[1] - offsets[0]
    }
  }

  /// By name.
  let tensors: [String: Tensor]

  /// The format's own limit of the header, in bytes.
  private static let longest: UInt64 = 100_000_000

  /// Reads the header: its length in eight bytes, little-endian, and then a JSON object
  /// (https://huggingface.co/docs/safetensors#format).
  ///
  /// - Returns: nil if the file cannot be read, or has another format.
  init?(path: String) {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var status = stat()
    guard fstat(file, &status) == 0, let prefix = Self.bytes(8, of: file) else { return nil }
    let length = prefix.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard length <= Self.longest, let header = Self.bytes(Int(length), of: file),
      let members = (try? JSONValue(parsing: header))?.objectValue
    else { return nil }
    var tensors: [String: Tensor] = [:]
    // All tensors together are not larger than the file, so no sum of their sizes overflows.
    var left = Int64(status.st_size)
    // The member `__metadata__` describes no tensor.
    for (name, member) in members where name != "__metadata__" {
      guard let tensor = Tensor(member), tensor.bytes <= left else { return nil }
      left -= tensor.bytes
      tensors[name] = tensor
    }
    self.tensors = tensors
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
