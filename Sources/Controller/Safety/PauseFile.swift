internal import FileSystem

#if canImport(Darwin)
  internal import Darwin
#else
  internal import Glibc
#endif

/// A file that pauses a controller while it exists; its first line is the reason that users see.
///
/// Created by hand (`echo "incident 4711" > FILE`) or by ``pause(reason:)``. If it is unknown whether the file exists,
/// it counts as existing: a controller that must not act does less harm.
package struct PauseFile: Hashable, Sendable {
  package let path: String

  package init(path: String) { self.path = path }

  package func isPaused() -> Bool { reason() != nil }

  /// Returns why the controller is paused; nil if it is not.
  package func reason() -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      let error = SystemError.last
      return error.code == ENOENT ? nil : "\(path) cannot be read: \(error)"
    }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 1024)
    let count = bytes.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
    guard count >= 0 else { return "\(path) cannot be read: \(SystemError.last)" }
    let line = String(decoding: bytes[..<count].prefix { $0 != 0x0A }, as: UTF8.self)
    let shown = line.split { $0.isWhitespace || $0.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F } }
    return shown.isEmpty ? "\(path) exists and gives no reason" : shown.joined(separator: " ")
  }

  /// Pauses, or changes the reason. Concurrent readers find the old file or the new one, never half of it.
  /// - Throws: ``PauseFileError`` if the file cannot be written; an old one stays unchanged.
  package func pause(reason: String) throws(PauseFileError) {
    do throws(SystemError) {
      try AtomicFile.replace(path, with: Array("\(reason)\n".utf8), mode: 0o644)
    } catch {
      throw failure("cannot be written", error)
    }
  }

  /// Ends the pause; does nothing if there is none.
  /// - Throws: ``PauseFileError`` if the file cannot be removed.
  package func resume() throws(PauseFileError) {
    guard unlink(path) != 0, errno != ENOENT else { return }
    throw failure("cannot be removed", .last)
  }

  private func failure(_ what: String, _ error: SystemError) -> PauseFileError {
    PauseFileError(
      message: "the pause file \(path) \(what): \(error)",
      next: "check that its directory exists and is writable")
  }
}

/// Why a controller could not be paused or resumed.
package struct PauseFileError: Error, Hashable, Sendable, CustomStringConvertible {
  package let message: String
  /// What to do.
  package let next: String

  package var description: String { "\(message); \(next)" }
}
