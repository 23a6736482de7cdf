internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// A lock on a file that one process at a time can hold.
///
/// The lock is the kernel's (`flock(2)`): it ends with ``release()`` or with its process, however that ends. It belongs
/// to the open file, not to its name: if the file is deleted or replaced, another process may lock the new one, which
/// ``isInPlace`` detects. A process that inherits the descriptor has the lock as well.
package final class FileLock: Sendable {
  package enum Mode: Hashable, Sendable {
    case exclusive
    /// Several processes can hold it at a time, while none holds the exclusive lock.
    case shared
  }

  package let path: String
  /// The open file.
  package let descriptor: Int32
  private let isOpen = Mutex(true)

  /// Opens the file, without locking it. A missing one is created, readable only by its owner.
  package init(opening path: String) throws(SystemError) {
    descriptor = try Self.open(path, with: O_RDWR | O_CREAT)
    self.path = path
  }

  /// Opens the file to read it, without locking it.
  package init(existing path: String) throws(SystemError) {
    descriptor = try Self.open(path, with: O_RDONLY)
    self.path = path
  }

  /// Takes over a lock that another process has handed over.
  package init(inherited descriptor: Int32, path: String) {
    self.descriptor = descriptor
    self.path = path
  }

  deinit { release() }

  /// Takes the lock if no other process has it.
  package func tryLock(_ mode: Mode = .exclusive) throws(SystemError) -> Bool {
    let operation = (mode == .exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB
    while flock(descriptor, operation) != 0 {
      let error = SystemError.last
      if error.code == EWOULDBLOCK { return false }
      guard error.code == EINTR else { throw error }
    }
    return true
  }

  /// Takes the lock, and waits for it. Blocks its thread meanwhile.
  ///
  /// - Returns: false if another process kept it for longer than `limit`.
  package func lock(within limit: Duration) throws(SystemError) -> Bool {
    let start = ContinuousClock.now
    while try !tryLock() {
      guard ContinuousClock.now - start < limit else { return false }
      usleep(10_000)
    }
    return true
  }

  /// Releases the lock and closes the file. A duplicate of the descriptor still has the lock.
  package func release() {
    let wasOpen = isOpen.withLock { isOpen in
      defer { isOpen = false }
      return isOpen
    }
    if wasOpen { close(descriptor) }
  }

  /// Whether the file is still the one at its path. One that cannot be checked is not.
  package var isInPlace: Bool {
    var locked = stat()
    var named = stat()
    guard fstat(descriptor, &locked) == 0, lstat(path, &named) == 0 else { return false }
    return locked.st_dev == named.st_dev && locked.st_ino == named.st_ino && locked.st_nlink > 0
  }

  /// The text that the holder wrote, in one line; nil if there is none.
  package var holder: String? {
    var bytes = [UInt8](repeating: 0, count: 256)
    let count = bytes.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, 0) }
    guard count > 0 else { return nil }
    let line = bytes[..<count].prefix { $0 >= 0x20 && $0 != 0x7F }
    return line.isEmpty ? nil : String(decoding: line, as: UTF8.self)
  }

  /// Writes who holds the lock, or nothing. The text is only for people: if it cannot be written, the lock is valid
  /// nevertheless.
  package func sign(_ holder: String?) {
    try? replaceContents(with: holder.map { Array("\($0)\n".utf8) } ?? [])
  }

  /// Everything in the file.
  package func contents() throws(SystemError) -> [UInt8] {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = pread(descriptor, &buffer, buffer.count, off_t(bytes.count))
      if count < 0 {
        let error = SystemError.last
        guard error.code == EINTR else { throw error }
        continue
      }
      guard count > 0 else { return bytes }
      bytes += buffer[..<count]
    }
  }

  /// Replaces everything in the file, in place: another file would have another lock.
  package func replaceContents(with bytes: [UInt8]) throws(SystemError) {
    var written = 0
    while written < bytes.count {
      let count = bytes[written...].withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, off_t(written)) }
      if count <= 0 {
        let error = SystemError.last
        guard count < 0, error.code == EINTR else { throw error }
        continue
      }
      written += count
    }
    guard ftruncate(descriptor, off_t(bytes.count)) == 0 else { throw .last }
  }

  private static func open(_ path: String, with flags: Int32) throws(SystemError) -> Int32 {
    while true {
      let descriptor = openFile(path, flags | O_CLOEXEC)
      if descriptor >= 0 { return descriptor }
      let error = SystemError.last
      guard error.code == EINTR else { throw error }
    }
  }
}

// Inside the class, its own `open` hides the system's.
private func openFile(_ path: String, _ flags: Int32) -> Int32 { open(path, flags, 0o600) }
