internal import LibCrypto
internal import Storage

#if canImport(Darwin)
  internal import Darwin
#else
  internal import Glibc
#endif

/// The key for storing plain environment values: the stored code proves a value without revealing it.
package struct RedactionKey: Sendable {
  private let bytes: [UInt8]
  private static let byteCount = 32

  /// - Parameter bytes: the key; outside of tests, 32 random bytes.
  package init(bytes: [UInt8]) { self.bytes = bytes }

  /// Returns the code that is stored for a variable's value: the HMAC-SHA-256 of name and value, in hex. The name is
  /// included, so that two variables with the same value have different codes.
  func code(variable: String, value: String) -> String {
    Hexadecimal.encode(HMACSHA256.authenticate(message(variable, value), key: bytes))
  }

  /// Returns whether `code` belongs to this value.
  func proves(_ code: String, variable: String, value: String) -> Bool {
    guard let code = Hexadecimal.decode(code) else { return false }
    return HMACSHA256.isValid(code, for: message(variable, value), key: bytes)
  }

  private func message(_ variable: String, _ value: String) -> [UInt8] {
    Array(variable.utf8) + [0] + Array(value.utf8)
  }

  /// Returns a new key from the system's generator.
  static func random() throws -> RedactionKey { RedactionKey(bytes: try SecureRandom.bytes(count: byteCount)) }

  /// Returns the key in a file, which is created with mode 0600 if it does not exist. Call this under the directory's
  /// lock.
  static func load(file: String) throws(HistoryError) -> RedactionKey {
    let descriptor = open(file, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      let cause = errno
      guard cause == ENOENT else { throw unusable(file, systemMessage(cause)) }
      return try create(file: file)
    }
    defer { close(descriptor) }
    // Others may have been able to read the key until now.
    _ = fchmod(descriptor, 0o600)
    var bytes = [UInt8](repeating: 0, count: byteCount + 1)
    let count = read(descriptor, &bytes, bytes.count)
    guard count == byteCount else { throw unusable(file, "it is not \(byteCount) bytes long") }
    return RedactionKey(bytes: Array(bytes.prefix(byteCount)))
  }

  /// Writes a new key beside the file and moves it into place, so that a crash leaves no partial key.
  private static func create(file: String) throws(HistoryError) -> RedactionKey {
    let bytes: [UInt8]
    do { bytes = try SecureRandom.bytes(count: byteCount) } catch { throw unusable(file, "\(error)") }
    let draft = file + ".new"
    unlink(draft)
    let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw unusable(file, systemMessage(errno)) }
    let isWritten = write(descriptor, bytes, bytes.count) == bytes.count && fsync(descriptor) == 0
    let cause = errno
    close(descriptor)
    guard isWritten, rename(draft, file) == 0 else { throw unusable(file, systemMessage(isWritten ? errno : cause)) }
    return RedactionKey(bytes: bytes)
  }

  private static func unusable(_ file: String, _ why: String) -> HistoryError {
    HistoryError(
      .cannotOpen, "the history key \(file) cannot be used: \(why)",
      next: "move the file away; a new key is created, and rollbacks then need environment values in the manifest")
  }
}
