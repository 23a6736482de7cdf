import FoundationEssentials
import Glibc

/// The output of a replica, or of a plane in the background, as the file to which it is written.
struct OutputFile: Sendable {
  let path: String

  init(_ path: String) { self.path = path }

  /// The last `limit` bytes, starting with a whole line; empty if the file does not exist.
  func end(limit: Int = 256 * 1024) -> String {
    read { size in max(0, size - limit)..<size }.map { Self.lines(of: $0.bytes[...], areCut: $0.start > 0) } ?? ""
  }

  /// The output up to the line in which the server reported its start; nil if the kept beginning has no such line.
  ///
  /// - Parameters:
  ///   - limit: the maximum number of bytes; the last ones are returned.
  ///   - reach: how far into the file to search for the line.
  func start(limit: Int = 256 * 1024, reach: Int = 8 << 20) -> String? {
    guard let (bytes, _) = read({ size in 0..<min(size, reach) }), let words = bytes.firstRange(of: Self.started) else {
      return nil
    }
    let text = bytes[...(bytes[words.upperBound...].firstIndex(of: 10) ?? bytes.count - 1)]
    return Self.lines(of: text.suffix(limit), areCut: text.count > limit)
  }

  /// Uvicorn's message when a server starts to accept requests.
  private static let started = Array("Application startup complete".utf8)

  private static func lines(of bytes: ArraySlice<UInt8>, areCut: Bool) -> String {
    let start = areCut ? bytes.firstIndex(of: 10).map { $0 + 1 } : nil
    return String(decoding: bytes[(start ?? bytes.startIndex)...], as: UTF8.self)
  }

  /// Reads a part of the file; nil if there is nothing to read.
  ///
  /// - Parameter part: the bytes to read, given the file's size.
  private func read(_ part: (_ size: Int) -> Range<Int>) -> (bytes: [UInt8], start: Int)? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    let size = lseek(descriptor, 0, SEEK_END)
    guard size > 0 else { return nil }
    let range = part(size)
    guard lseek(descriptor, range.lowerBound, SEEK_SET) == range.lowerBound else { return nil }
    var bytes = [UInt8](repeating: 0, count: range.count)
    var filled = 0
    while filled < bytes.count {
      let count = bytes.withUnsafeMutableBytes {
        Glibc.read(descriptor, $0.baseAddress?.advanced(by: filled), $0.count - filled)
      }
      guard count > 0 else { break }
      filled += count
    }
    return (Array(bytes[..<filled]), range.lowerBound)
  }

  /// Keeps the file from growing without limit: beyond the limit, its last part becomes `NAME.1`, replacing any earlier
  /// one, and the file starts over. The writer has it open for appending and continues at the new end; what it writes
  /// in between may be lost.
  ///
  /// - Parameter limit: bytes; on a small disk, at most an eighth of what is left. Both files together take twice that.
  func rotate(limit: Int64 = 64 << 20) {
    var status = stat()
    // A link may lead to a file of someone else.
    guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return }
    let size = Int64(status.st_size)
    let limit = min(limit, max(64 << 10, (Self.available(path) + size) / 8))
    guard size > limit else { return }
    let older = path + ".1"
    unlink(older)
    if !keepEnd(of: size, limit: limit, in: older) { unlink(older) }
    truncate(path, 0)
  }

  /// Copies the last `limit` bytes. The writer may have continued in the meantime; what matters is that no more than
  /// this is copied.
  private func keepEnd(of size: Int64, limit: Int64, in target: String) -> Bool {
    let source = open(path, O_RDONLY | O_CLOEXEC)
    let copy = open(target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    defer {
      if source >= 0 { close(source) }
      if copy >= 0 { close(copy) }
    }
    guard source >= 0, copy >= 0, lseek(source, Int(max(0, size - limit)), SEEK_SET) >= 0 else { return false }
    var rest = min(size, limit)
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    while rest > 0 {
      let count = Glibc.read(source, &buffer, min(buffer.count, Int(rest)))
      guard count > 0 else { return count == 0 }
      guard write(copy, buffer, count) == count else { return false }
      rest -= Int64(count)
    }
    return true
  }

  /// The bytes available to users other than root on the file's disk.
  private static func available(_ path: String) -> Int64 {
    var disk = statvfs()
    guard statvfs(path, &disk) == 0 else { return .max / 2 }
    return Int64(clamping: disk.f_bavail).multipliedReportingOverflow(by: Int64(clamping: disk.f_frsize)).partialValue
  }
}
