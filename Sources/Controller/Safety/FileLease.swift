internal import CDispatch  // the compiler finds stat(2) here
internal import FileSystem
internal import FoundationEssentials
package import Planning
internal import ServingAPI
internal import Synchronization

#if canImport(Darwin)
  internal import Darwin
#else
  internal import Glibc
#endif

/// A lease in the form of a locked file in the state directory, one for each provider and fleet.
///
/// The lock is the kernel's (`flock`): it ends with its process, however that ends, and needs no renewal. It belongs to
/// the open file, not to its name. So if the file is deleted or replaced, another process may lock the new one;
/// ``isHeld()`` detects that, and the lease is lost. The state directory has to be on a local disk, or on a network
/// file system that supports locks.
package final class FileLease: Lease {
  private enum State {
    /// Not held, with the known holder. Becomes held by `acquire`.
    case free(holder: String?)
    /// Held, by this open file. Becomes free by `release`, or when the file turns out to have been replaced.
    case held(descriptor: Int32, text: String)
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
    path = "\(directory)/\(Self.fileName(provider: provider, fleet: fleet))"
  }

  deinit {
    if case .held(let descriptor, _) = state.withLock({ $0 }) { close(descriptor) }
  }

  // MARK: Lease

  package func acquire() async throws -> Bool {
    try state.withLock { state throws(LeaseError) in
      if Self.isStillHeld(&state, path) { return true }
      var isLookedAt = false
      // The file may be replaced between opening and locking; then the new one is tried.
      for _ in 0..<10 {
        let descriptor = try open()
        guard try lock(descriptor) else {
          // A process that only checks (`status()`) shares the lock for a moment.
          if Self.retrying({ flock(descriptor, LOCK_SH | LOCK_NB) }) == 0 {
            isLookedAt = true
            close(descriptor)
            continue
          }
          state = .free(holder: Self.text(of: descriptor) ?? "another process")
          close(descriptor)
          return false
        }
        if Self.isFile(descriptor, at: path) {
          let text = "pid \(getpid()) on \(Self.hostName) since \(now().text())"
          Self.write(text, to: descriptor)
          state = .held(descriptor: descriptor, text: text)
          return true
        }
        close(descriptor)
      }
      guard !isLookedAt else { return false }
      throw LeaseError(message: "\(path) keeps being replaced", next: "find out which other process writes to it")
    }
  }

  package func isHeld() async -> Bool {
    state.withLock { Self.isStillHeld(&$0, path) }
  }

  package func release() async {
    state.withLock { state in
      guard case .held(let descriptor, _) = state else { return }
      // The file stays: deleting it could delete one that another process has just locked.
      ftruncate(descriptor, 0)
      close(descriptor)
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

  private func open() throws(LeaseError) -> Int32 {
    try? FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    let descriptor = Self.retrying { Self.openFile(path) }
    guard descriptor >= 0 else { throw failure("cannot be opened") }
    return descriptor
  }

  /// - Returns: false if another process has locked the file.
  private func lock(_ descriptor: Int32) throws(LeaseError) -> Bool {
    if Self.retrying({ flock(descriptor, LOCK_EX | LOCK_NB) }) == 0 { return true }
    if errno == EWOULDBLOCK { return false }
    let error = failure("cannot be locked")
    close(descriptor)
    throw error
  }

  private func failure(_ what: String) -> LeaseError {
    LeaseError(
      message: "the lease \(path) \(what): \(SystemError.last)",
      next: "check the state directory, or use another one with --state DIR")
  }

  private static func openFile(_ path: String) -> Int32 {
    #if canImport(Darwin)
      Darwin.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    #else
      Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    #endif
  }

  /// A file that cannot be checked counts as lost.
  private static func isStillHeld(_ state: inout State, _ path: String) -> Bool {
    guard case .held(let descriptor, _) = state else { return false }
    if isFile(descriptor, at: path) { return true }
    close(descriptor)
    state = .free(holder: nil)
    return false
  }

  static func isFile(_ descriptor: Int32, at path: String) -> Bool {
    var opened = stat()
    var named = stat()
    guard fstat(descriptor, &opened) == 0, lstat(path, &named) == 0 else { return false }
    return opened.st_dev == named.st_dev && opened.st_ino == named.st_ino && opened.st_nlink > 0
  }

  /// Returns the holder's text, in one line; nil if it has not written any yet.
  static func text(of descriptor: Int32) -> String? {
    var bytes = [UInt8](repeating: 0, count: 256)
    let count = bytes.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, 0) }
    guard count > 0 else { return nil }
    let line = bytes[..<count].prefix { $0 >= 0x20 && $0 != 0x7F }
    return line.isEmpty ? nil : String(decoding: line, as: UTF8.self)
  }

  /// The text is only for people; if it cannot be written, the lock is valid nevertheless.
  private static func write(_ text: String, to descriptor: Int32) {
    let bytes = Array("\(text)\n".utf8)
    ftruncate(descriptor, 0)
    _ = bytes.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
  }

  static func retrying(_ call: () -> Int32) -> Int32 {
    while true {
      let result = call()
      if result >= 0 || errno != EINTR { return result }
    }
  }

  static var hostName: String {
    var name = [CChar](repeating: 0, count: 256)
    guard gethostname(&name, name.count - 1) == 0 else { return "this machine" }
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  // MARK: Its name

  /// Returns a name that is different for different providers or fleets; the case and a trailing slash of the
  /// provider's URL do not matter. Everything except letters, digits, dots and underscores is written as `%XX`.
  static func fileName(provider: String, fleet: String) -> String {
    var url = provider.lowercased()[...]
    while url.last == "/" { url.removeLast() }
    let name = "lease-\(escaped(url))-\(escaped(fleet[...]))"
    // File systems accept at most 255 bytes.
    guard name.utf8.count > 200 else { return name }
    let hash = name.utf8.reduce(into: 0xCBF2_9CE4_8422_2325 as UInt64) { hash, byte in
      hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
    }
    return "\(name.prefix(160))-\(String(hash, radix: 16))"
  }

  /// Encodes the dash too, which separates the parts of the name.
  private static func escaped(_ text: Substring) -> String {
    PercentEncoding.encode(String(text)).replacing("-", with: "%2D").replacing("~", with: "%7E")
  }
}
