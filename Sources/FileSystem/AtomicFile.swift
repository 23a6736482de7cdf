#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Writes small files so that a reader, or the next start after a crash, finds the old content or the new, never a part.
package enum AtomicFile {
  /// Replaces the file, or creates it. After an error, the old file is unchanged.
  ///
  /// - Parameter mode: the permissions of the new file, of which the process's umask is subtracted.
  package static func replace(_ path: String, with bytes: [UInt8], mode: UInt32 = 0o600) throws(SystemError) {
    let draft = try write(bytes, beside: path, mode)
    guard rename(draft, path) == 0 else {
      let error = SystemError.last
      unlink(draft)
      throw error
    }
  }

  /// Creates the file if there is none.
  ///
  /// - Returns: false if something already exists at the path.
  package static func create(_ path: String, with bytes: [UInt8], mode: UInt32 = 0o600) throws(SystemError) -> Bool {
    let draft = try write(bytes, beside: path, mode)
    let isCreated = link(draft, path) == 0
    let error = SystemError.last
    unlink(draft)
    guard isCreated || error.code == EEXIST else { throw error }
    return isCreated
  }

  /// Writes the content to a new file in the same directory, down to the disk.
  private static func write(_ bytes: [UInt8], beside path: String, _ mode: UInt32) throws(SystemError) -> String {
    let draft = "\(path).\(getpid()).\(UInt32.random(in: 0...UInt32.max)).tmp"
    let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode_t(mode))
    guard descriptor >= 0 else { throw .last }
    let isWritten = write(bytes, to: descriptor) && fsync(descriptor) == 0
    let error = SystemError.last
    close(descriptor)
    guard isWritten else {
      unlink(draft)
      throw error
    }
    return draft
  }

  private static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { systemWrite(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return false }
      rest = rest.dropFirst(count)
    }
    return true
  }
}

// Inside the enum, its own `write` hides the system's.
private func systemWrite(_ descriptor: Int32, _ buffer: UnsafeRawPointer?, _ count: Int) -> Int {
  write(descriptor, buffer, count)
}
