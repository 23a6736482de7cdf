import FileSystem
import FoundationEssentials
import Glibc
import LibCrypto
import ServingAPI
import Storage

/// A plane's data directory: created, locked for one plane at a time, and with its token.
final class DataDirectory: Sendable {
  let token: String
  let lock: FileLock

  /// - Parameter inherited: the locked file, if another plane has handed it over.
  /// - Throws: ``PlaneStartError`` if the directory is unusable, or another plane uses it.
  init(_ settings: PlaneConfiguration, inherited: Int32? = nil) throws(PlaneStartError) {
    do throws(StorageError) {
      let folder = PrivateFolder(settings.dataDirectory, option: "--data DIR")
      try folder.make()
      try folder.check(isInPod: PrivateFolder.isInPod(settings.environment))
      for path in [settings.modelsPath, settings.replicasPath] {
        try PrivateFolder(path, option: "--data DIR").make()
      }
    } catch {
      throw PlaneStartError(message: error.message, advice: error.next ?? "use another one with --data DIR")
    }
    Self.keepPrivate(settings)
    if let inherited {
      lock = FileLock(inherited: inherited, path: settings.lockPath)
    } else {
      lock = try Self.lock(settings)
    }
    token = try Self.token(settings.tokenPath)
  }

  /// Removes other users' access that an earlier version or another umask left.
  private static func keepPrivate(_ settings: PlaneConfiguration) {
    for path in [settings.modelsPath, settings.replicasPath] { PrivateFolder.close(path, mode: 0o700) }
    let files = FileManager.default
    for replica in (try? files.contentsOfDirectory(atPath: settings.replicasPath)) ?? [] {
      let folder = settings.replicasPath + "/" + replica
      PrivateFolder.close(folder, mode: 0o700)
      for file in (try? files.contentsOfDirectory(atPath: folder)) ?? [] where file.hasPrefix("output.log") {
        PrivateFolder.close(folder + "/" + file, mode: 0o600)
      }
    }
  }

  /// Releases the lock early. A duplicate of the descriptor still holds it.
  func unlock() { lock.release() }

  /// Records the holder of the lock, for messages.
  func sign() { lock.sign("\(getpid())") }

  private static func lock(_ settings: PlaneConfiguration) throws(PlaneStartError) -> FileLock {
    let lock: FileLock
    let isTaken: Bool
    do throws(SystemError) {
      lock = try FileLock(opening: settings.lockPath)
      isTaken = try lock.tryLock()
    } catch {
      throw PlaneStartError(
        message: "\(settings.lockPath) cannot be opened: \(error)",
        advice: "check the permissions of the data directory, or use another one with --data")
    }
    guard isTaken else {
      let owner = lock.holder ?? ""
      throw PlaneStartError(
        message: "another serving plane (pid \(owner)) uses \(settings.dataDirectory)",
        advice: "use that one, replace it with --takeover, stop it (kill \(owner)), or specify another data directory "
          + "with --data")
    }
    return lock
  }

  private static func token(_ path: String) throws(PlaneStartError) -> String {
    do {
      return try TokenFile.token(at: path) { try SecureRandom.token() }
    } catch let error as TargetError {
      throw PlaneStartError(message: error.message, advice: error.advice)
    } catch {
      throw PlaneStartError(
        message: "the plane's token cannot be created: \(error.systemMessage)", advice: "check \(path)")
    }
  }
}
