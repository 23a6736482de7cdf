internal import FileSystem
internal import FoundationEssentials
package import Planning
internal import Synchronization

#if canImport(Darwin)
  internal import Darwin
#else
  internal import Glibc
#endif

/// A lease in the form of a locked file in the state directory, one for each provider and fleet.
///
/// The lock ends with its process, however that ends, and needs no renewal. If the file is deleted or replaced, another
/// process may lock the new one; ``isHeld()`` detects that, and the lease is lost. The state directory has to be on a
/// local disk, or on a network file system that supports locks.
package final class FileLease: Lease {
  private enum State {
    /// Not held, with the known holder. Becomes held by `acquire`.
    case free(holder: String?)
    /// Held, by this lock. Becomes free by `release`, or when the file turns out to have been replaced.
    case held(FileLock, text: String)
  }

  /// The file that is locked.
  package let path: String
  private let directory: String
  private let now: @Sendable () -> Timestamp
  private let state = Mutex(State.free(holder: nil))

  /// - Parameters:
  ///   - directory: the state directory, which is created if it does not exist.
  ///   - provider: the URL of the fleet's provider.
  package init(directory: String, provider: String, fleet: String, now: @escaping @Sendable () -> Timestamp) {
    self.directory = directory
    self.now = now
    path = "\(directory)/\(ProviderFileName.name("lease", provider: provider, fleet))"
  }

  // MARK: Lease

  package func acquire() async throws -> Bool {
    try state.withLock { state throws(LeaseError) in
      if Self.isStillHeld(&state) { return true }
      var isLookedAt = false
      // The file may be replaced between opening and locking; then the new one is tried.
      for _ in 0..<10 {
        let lock = try open()
        guard try take(lock) else {
          // A process that only checks (`status()`) shares the lock for a moment.
          if (try? lock.tryLock(.shared)) == true {
            isLookedAt = true
            lock.release()
            continue
          }
          state = .free(holder: lock.holder ?? "another process")
          return false
        }
        if lock.isInPlace {
          let text = "pid \(getpid()) on \(Self.hostName) since \(now().text())"
          lock.sign(text)
          state = .held(lock, text: text)
          return true
        }
        lock.release()
      }
      guard !isLookedAt else { return false }
      throw LeaseError(message: "\(path) keeps being replaced", next: "find out which other process writes to it")
    }
  }

  package func isHeld() async -> Bool {
    state.withLock { Self.isStillHeld(&$0) }
  }

  package func release() async {
    state.withLock { state in
      guard case .held(let lock, _) = state else { return }
      // The file stays: deleting it could delete one that another process has just locked.
      lock.sign(nil)
      lock.release()
      state = .free(holder: nil)
    }
  }

  package var holder: String? {
    get async {
      state.withLock { state in
        switch state {
        case .free(let holder): holder
        case .held(_, let text): text
        }
      }
    }
  }

  // MARK: The file

  private func open() throws(LeaseError) -> FileLock {
    try? FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    do throws(SystemError) {
      return try FileLock(opening: path)
    } catch {
      throw failure("cannot be opened", error)
    }
  }

  /// - Returns: false if another process has locked the file.
  private func take(_ lock: FileLock) throws(LeaseError) -> Bool {
    do throws(SystemError) {
      return try lock.tryLock()
    } catch {
      throw failure("cannot be locked", error)
    }
  }

  private func failure(_ what: String, _ error: SystemError) -> LeaseError {
    LeaseError(
      message: "the lease \(path) \(what): \(error)",
      next: "check the state directory, or use another one with --state DIR")
  }

  /// A file that cannot be checked counts as lost.
  private static func isStillHeld(_ state: inout State) -> Bool {
    guard case .held(let lock, _) = state else { return false }
    if lock.isInPlace { return true }
    lock.release()
    state = .free(holder: nil)
    return false
  }

  static var hostName: String {
    var name = [CChar](repeating: 0, count: 256)
    guard gethostname(&name, name.count - 1) == 0 else { return "this machine" }
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
