internal import FileSystem
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
  static func load(file: String) throws(StorageError) -> RedactionKey {
    let descriptor = open(file, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      let error = SystemError.last
      guard error.code == ENOENT else { throw unusable(file, "\(error)") }
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

  private static func create(file: String) throws(StorageError) -> RedactionKey {
    let bytes: [UInt8]
    do { bytes = try SecureRandom.bytes(count: byteCount) } catch { throw unusable(file, "\(error)") }
    do throws(SystemError) {
      try AtomicFile.replace(file, with: bytes)
    } catch {
      throw unusable(file, "\(error)")
    }
    return RedactionKey(bytes: bytes)
  }

  private static func unusable(_ file: String, _ why: String) -> StorageError {
    StorageError(
      .cannotOpen, "the history key \(file) cannot be used: \(why)",
      next: "move the file away; a new key is created, and rollbacks then need environment values in the manifest")
  }
}
