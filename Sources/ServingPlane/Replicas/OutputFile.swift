import FoundationEssentials
import Glibc

/// A replica's output, as the file it is written to.
struct OutputFile: Sendable {
  let path: String

  init(_ path: String) { self.path = path }

  /// The last `limit` bytes, beginning with a whole line; empty where there is no such file.
  func end(limit: Int = 256 * 1024) -> String {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return "" }
    defer { close(descriptor) }
    let size = lseek(descriptor, 0, SEEK_END)
    let start = max(0, size - limit)
    guard size > 0, lseek(descriptor, start, SEEK_SET) == start else { return "" }
    var bytes = [UInt8](repeating: 0, count: size - start)
    var filled = 0
    while filled < bytes.count {
      let count = bytes.withUnsafeMutableBytes {
        read(descriptor, $0.baseAddress?.advanced(by: filled), $0.count - filled)
      }
      guard count > 0 else { break }
      filled += count
    }
    var text = bytes[..<filled]
    if start > 0, let newline = text.firstIndex(of: 10) { text = text[(newline + 1)...] }
    return String(decoding: text, as: UTF8.self)
  }

  /// Keeps the file from growing without end: past the limit its content becomes `NAME.1`, in the place of the one before, and
  /// it starts anew. The writer has it open for appending and goes on at the new end; what it writes in between may be lost.
  func rotate(limit: Int64 = 64 << 20) {
    var status = stat()
    guard stat(path, &status) == 0, Int64(status.st_size) > limit else { return }
    let older = path + ".1"
    try? FileManager.default.removeItem(atPath: older)
    try? FileManager.default.copyItem(atPath: path, toPath: older)
    truncate(path, 0)
  }
}
