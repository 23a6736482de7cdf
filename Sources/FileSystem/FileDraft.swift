#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// A large file that is written piece by piece, and gets its name only when it is complete. Without
/// ``commit()``, it is removed with this value.
package final class FileDraft {
  /// Where the unfinished file is: beside its final path.
  package let path: String
  private let target: String
  private let descriptor: Int32
  private var isCommitted = false

  /// Creates the file, for its owner alone.
  ///
  /// - Parameter target: its final path. A file there stays until ``commit()`` replaces it.
  package init(for target: String) throws(SystemError) {
    self.target = target
    path = "\(target).\(getpid()).\(UInt32.random(in: 0...UInt32.max)).tmp"
    descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw .last }
  }

  deinit {
    guard descriptor >= 0 else { return }
    close(descriptor)
    if !isCommitted { unlink(path) }
  }

  package func append(_ bytes: [UInt8]) throws(SystemError) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw .last }
      rest = rest.dropFirst(count)
    }
  }

  /// Gives the file its name, once all of it is on the disk.
  package func commit() throws(SystemError) {
    guard fsync(descriptor) == 0, rename(path, target) == 0 else { throw .last }
    isCommitted = true
  }
}

/// Reads a large file piece by piece.
package final class FileReader: Sendable {
  private let descriptor: Int32

  package init(_ path: String) throws(SystemError) {
    descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .last }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// The next bytes; fewer than `count` only at the end of the file. Blocks.
  package func next(upTo count: Int) throws(SystemError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var filled = 0
    while filled < count {
      let start = filled
      let more = bytes.withUnsafeMutableBytes { buffer in
        buffer.baseAddress.map { read(descriptor, $0 + start, count - start) } ?? 0
      }
      if more < 0, errno == EINTR { continue }
      guard more >= 0 else { throw .last }
      guard more > 0 else { break }
      filled += more
    }
    if filled < count { bytes.removeLast(count - filled) }
    return bytes
  }
}
