import FoundationEssentials
import Glibc
import LibCrypto
import ServingAPI
import Synchronization

/// A plane's data directory: made, locked for one plane at a time, and with its token.
final class DataDirectory: Sendable {
  let token: String
  /// The descriptor by which the lock is held.
  let lock: Int32
  private let isLocked = Mutex(true)

  /// - Parameter inherited: the lock, where another plane has handed it over.
  /// - Throws: ``PlaneStartError`` where the directory cannot be used, or another plane uses it.
  init(_ settings: PlaneConfiguration, inherited: Int32? = nil) throws(PlaneStartError) {
    do {
      for folder in [settings.dataDirectory, settings.modelsPath, settings.replicasPath] {
        try FileManager.default.createDirectory(
          atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
      }
    } catch {
      throw PlaneStartError(
        message: "the data directory \(settings.dataDirectory) cannot be made: \(error.systemWords)",
        advice: "name another one with --data")
    }
    lock = if let inherited { inherited } else { try Self.lock(settings) }
    token = try Self.token(settings.tokenPath)
  }

  deinit { unlock() }

  /// Gives the lock up before its time. Whoever was handed a duplicate holds it on.
  func unlock() {
    let wasLocked = isLocked.withLock { isLocked in
      defer { isLocked = false }
      return isLocked
    }
    if wasLocked { close(lock) }
  }

  /// Writes down who holds the lock, for messages.
  func sign() {
    let text = Array("\(getpid())\n".utf8)
    ftruncate(lock, 0)
    _ = text.withUnsafeBytes { pwrite(lock, $0.baseAddress, $0.count, 0) }
  }

  /// The kernel drops the lock when the process ends, however it ends.
  private static func lock(_ settings: PlaneConfiguration) throws(PlaneStartError) -> Int32 {
    let descriptor = open(settings.lockPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw PlaneStartError(
        message: "\(settings.lockPath) cannot be opened: \(String(cString: strerror(errno)))",
        advice: "check the rights of the data directory, or name another one with --data")
    }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      close(descriptor)
      let owner = (try? String(contentsOfFile: settings.lockPath, encoding: .utf8))?.trimming(" \n") ?? ""
      throw PlaneStartError(
        message: "another serving plane (pid \(owner)) uses \(settings.dataDirectory)",
        advice: "use that one, take its place with --takeover, stop it (kill \(owner)), or name another data directory "
          + "with --data")
    }
    return descriptor
  }

  private static func token(_ path: String) throws(PlaneStartError) -> String {
    do {
      if let text = try SecureFile.readPrivate(path) {
        let token = text.trimming(" \n\r\t")
        guard token.utf8.count >= 16 else {
          throw PlaneStartError(
            message: "\(path) holds no token", advice: "remove the file; a new token is made at the next start")
        }
        return token
      }
      let token = try SecureRandom.token()
      try create(path, token + "\n")
      return token
    } catch let error as PlaneStartError {
      throw error
    } catch let error as TargetError {
      throw PlaneStartError(message: error.message, advice: error.advice)
    } catch {
      throw PlaneStartError(message: "the plane's token cannot be made: \(error.systemWords)", advice: "check \(path)")
    }
  }

  private static func create(_ path: String, _ text: String) throws(PlaneStartError) {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    let bytes = Array(text.utf8)
    let isWritten =
      descriptor >= 0 && bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) } == bytes.count
      && fsync(descriptor) == 0
    let reason = String(cString: strerror(errno))
    if descriptor >= 0 { close(descriptor) }
    guard isWritten else {
      throw PlaneStartError(
        message: "\(path) cannot be written: \(reason)", advice: "check the rights of the data directory")
    }
  }
}
