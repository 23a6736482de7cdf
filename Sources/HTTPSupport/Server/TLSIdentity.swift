internal import Glibc
package import Logging
internal import NIOCore
internal import NIOSSL
internal import Synchronization

/// A server's certificate and key. It follows its files: when they change, new connections get the new certificate, and
/// open ones keep theirs. A pair that cannot be used is reported and changes nothing.
package final class TLSIdentity: Sendable {
  private struct State {
    var context: NIOSSLContext
    /// What the files were when they were last read.
    var stamps: [FileStamp?]
    /// When the certificate expires, in seconds since 1970.
    var expires: Int64
    /// When its expiry was last reported.
    var warned: Int64?
  }

  private let files: TLSFiles
  private let log: Logger
  private let now: @Sendable () -> Int64
  private let state: Mutex<State>

  /// Long enough to renew a certificate that was forgotten, and shorter than what is left when usual tools renew one.
  private static let warnBefore: Int64 = 14 * 24 * 3600
  private static let warnEvery: Int64 = 24 * 3600

  /// Reads the files. Blocks briefly.
  ///
  /// - Parameter now: seconds since 1970.
  /// - Throws: ``TLSIdentityError`` if they cannot be used.
  package init(
    _ files: TLSFiles, log: Logger, now: @escaping @Sendable () -> Int64 = { Int64(time(nil)) }
  ) throws(TLSIdentityError) {
    self.files = files
    self.log = log
    self.now = now
    // Taken first: a change while the files are read is noticed later.
    let stamps = FileStamp.of(files)
    let pair = try TLSPair(files, at: now())
    state = Mutex(State(context: pair.context, stamps: stamps, expires: pair.expires))
    warn(of: pair)
    warnOfExpiry()
  }

  /// Reads the files again if they have changed. Blocks briefly; called periodically.
  package func reloadIfChanged() {
    defer { warnOfExpiry() }
    let stamps = FileStamp.of(files)
    let hasChanged = state.withLock { state -> Bool in
      defer { state.stamps = stamps }
      return state.stamps != stamps
    }
    guard hasChanged else { return }
    do throws(TLSIdentityError) {
      let pair = try TLSPair(files, at: now())
      state.withLock { state in
        state.context = pair.context
        state.expires = pair.expires
        state.warned = nil
      }
      log.info(
        "new connections use the changed TLS certificate",
        metadata: ["file": "\(files.certificate)", "valid_until": "\(TLSPair.date(pair.expires))"])
      warn(of: pair)
    } catch {
      log.error(
        "the changed TLS certificate cannot be used; new connections get the previous one",
        metadata: ["error": "\(error)"])
    }
  }

  /// Adds TLS to a new connection: nearer to the channel than every handler that sees plain text. On its event loop.
  func addHandlers(to channel: any Channel) throws {
    let context = state.withLock { $0.context }
    let pipeline = channel.pipeline.syncOperations
    try pipeline.addHandler(TLSFailureLog(log), position: .first)
    try pipeline.addHandler(NIOSSLServerHandler(context: context), position: .first)
    try pipeline.addHandler(PlainRequestRefusal(log), position: .first)
  }

  private func warn(of pair: TLSPair) {
    guard pair.isKeyPublic else { return }
    log.warning(
      "every user of this machine can read the TLS key; restrict it (chmod o= \(files.key))",
      metadata: ["file": "\(files.key)"])
  }

  private func warnOfExpiry() {
    let now = now()
    let expires = state.withLock { state -> Int64? in
      guard now >= state.expires - Self.warnBefore, now - (state.warned ?? Int64.min / 2) >= Self.warnEvery else {
        return nil
      }
      state.warned = now
      return state.expires
    }
    guard let expires else { return }
    log.warning(
      now < expires ? "the TLS certificate expires soon; replace its file" : "the TLS certificate has expired",
      metadata: ["file": "\(files.certificate)", "valid_until": "\(TLSPair.date(expires))"])
  }
}

/// What tells one state of a file from another.
private struct FileStamp: Hashable, Sendable {
  let device: UInt64
  let inode: UInt64
  let size: Int64
  let seconds: Int
  let nanoseconds: Int

  /// Nil for a file that is not there.
  static func of(_ files: TLSFiles) -> [FileStamp?] { [files.certificate, files.key].map { FileStamp($0) } }

  private init?(_ path: String) {
    // Follows links: tools that renew certificates often move a link.
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    device = UInt64(status.st_dev)
    inode = UInt64(status.st_ino)
    size = Int64(status.st_size)
    seconds = Int(status.st_mtim.tv_sec)
    nanoseconds = Int(status.st_mtim.tv_nsec)
  }
}
