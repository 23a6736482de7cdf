internal import FileSystem
internal import Planning

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

  package func isPaused() -> Bool { current() != nil }

  /// Returns the pause; nil if there is none.
  package func current() -> Pause? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      let error = SystemError.last
      return error.code == ENOENT ? nil : unreadable(error)
    }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 1024)
    let count = bytes.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
    guard count >= 0 else { return unreadable(.last) }
    let lines = bytes[..<count].split(separator: 0x0A, omittingEmptySubsequences: false)
      .map { String(decoding: $0, as: UTF8.self) }
    let words = (lines.first ?? "").split {
      $0.isWhitespace || $0.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F }
    }
    let isByCall = lines.dropFirst().first == Self.call
    return Pause(
      reason: words.isEmpty ? "\(path) exists and gives no reason" : words.joined(separator: " "),
      cause: isByCall ? Self.call : "the file \(path)", since: modified,
      remedy: isByCall ? "call POST /resume, or remove the file \(path)" : "remove the file",
      isExplained: !words.isEmpty)
  }

  private func unreadable(_ error: SystemError) -> Pause {
    Pause(
      reason: "\(path) cannot be read: \(error)", cause: "the file \(path)", since: modified,
      remedy: "remove the file (make it readable to see its reason)")
  }

  private var modified: Timestamp? {
    FileIdentity(of: path).map { Timestamp(milliseconds: $0.modified / 1_000_000) }
  }

  /// The second line of a file that was written for a call.
  private static let call = "POST /pause"

  /// Pauses for a call, or changes the reason. Concurrent readers find the old file or the new one, never half of it.
  /// - Throws: ``PauseFileError`` if the file cannot be written; an old one stays unchanged.
  package func pause(reason: String) throws(PauseFileError) {
    let reason = Self.line(reason)
    do throws(SystemError) {
      try AtomicFile.replace(path, with: Array("\(reason)\n\(Self.call)\n".utf8), mode: 0o644)
    } catch {
      throw failure("cannot be written", error)
    }
  }

  /// A reason on one line, short enough that the next line is always read.
  private static func line(_ reason: String) -> String {
    var line = ""
    for character in reason.split(whereSeparator: \.isWhitespace).joined(separator: " ") {
      guard line.utf8.count + character.utf8.count <= maximumReason else { break }
      line.append(character)
    }
    return line
  }

  private static let maximumReason = 900

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
