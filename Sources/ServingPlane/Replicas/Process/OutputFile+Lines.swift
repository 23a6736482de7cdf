import Glibc
import Telemetry

// Reading a file while it is written.
extension OutputFile {
  /// The lines behind a position; nil if there are none.
  ///
  /// A file that has started over is read from its beginning: one with another inode, and one that is shorter than the
  /// position. Of a line that is longer than `limit`, only the beginning is returned.
  ///
  /// - Parameters:
  ///   - position: where the previous read ended; nil for the beginning.
  ///   - isOver: whether nothing more will be written, so that a last line may be without a line feed.
  ///   - limit: the maximum number of bytes to read.
  func lines(after position: LogPosition?, isOver: Bool, limit: Int = 256 << 10) -> ReplicaOutput? {
    // A link may lead to a file of someone else, and a pipe would be waited for.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    let (size, inode) = (Int64(status.st_size), UInt64(status.st_ino))
    var start: Int64 = 0
    if let position, position.inode == inode, (0...size).contains(position.offset) { start = position.offset }
    guard start < size else { return nil }
    // The byte before shows whether the previous read ended within a line.
    let before = start > 0 ? 1 : 0
    var bytes = Self.read(descriptor, from: start - Int64(before), count: Int(min(Int64(limit), size - start)) + before)
    guard bytes.count > before else { return nil }
    let isWithinLine = before == 1 && bytes[0] != UInt8(ascii: "\n")
    bytes.removeFirst(before)
    let isAtEnd = start + Int64(bytes.count) >= size
    var rest = bytes[...]
    if isWithinLine {
      guard let end = rest.firstIndex(of: UInt8(ascii: "\n")) else {
        return output([], inode, start + Int64(bytes.count), hasMore: !isAtEnd)
      }
      rest = rest[(end + 1)...]
    }
    var whole = rest.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? rest.startIndex
    // Of a line without an end, more may come; but not if it fills all that one read takes.
    let isCut = whole == rest.startIndex && rest.count >= limit
    if isCut || (isAtEnd && isOver) { whole = rest.endIndex }
    guard whole > 0 else { return nil }
    var lines = rest[..<whole].split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    // What follows the last line feed is a line only if there is something.
    if lines.last?.isEmpty == true { lines.removeLast() }
    return output(
      lines.map { String(decoding: $0, as: UTF8.self) }, inode, start + Int64(whole), hasMore: !isAtEnd)
  }

  private func output(_ lines: [String], _ inode: UInt64, _ offset: Int64, hasMore: Bool) -> ReplicaOutput {
    ReplicaOutput(lines: lines, position: LogPosition(inode: inode, offset: offset), hasMore: hasMore)
  }

  private static func read(_ descriptor: CInt, from start: Int64, count: Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      while filled < count {
        let got = pread(
          descriptor, buffer.baseAddress?.advanced(by: filled), count - filled, Int(start) + filled)
        guard got > 0 else { return }
        filled += got
      }
    }
  }
}
