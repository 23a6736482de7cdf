import FileSystem
import Glibc

/// Takes over a folder without moving it. Files are copied, so that an edit at the source, even in place, does not
/// affect a registered version. A file that a registered version already has, byte by byte, is hard-linked to that one,
/// so that weights are not stored twice.
///
/// The copy is readable only by the plane's user, regardless of the umask.
struct FolderCopy: Sendable {
  /// Whether the files are hard-linked instead of copied: only for the plane's own downloads, which nobody else
  /// changes.
  var linksFiles = false
  /// Checked between two pieces of a file.
  var isCancelled: @Sendable () -> Bool = { false }
  /// Called with the number of bytes that were taken since the last call.
  var onProgress: @Sendable (Int64) -> Void = { _ in }
  /// The files of registered versions.
  var registered = RegisteredFiles()
  /// The number of free bytes at a path; nil if unknown.
  var freeBytes: @Sendable (String) -> Int64? = { Self.freeBytes(at: $0) }
  /// Appends bytes to a file; returns how many were written, or -1 with `errno`.
  var append: @Sendable (Int32, UnsafeRawBufferPointer) -> Int = { write($0, $1.baseAddress, $1.count) }

  private static let piece = 1 << 20
  /// How much is copied between flushes to the disk: a full cache would delay all other writers.
  private static let syncEvery: Int64 = 32 << 20

  /// - Parameters:
  ///   - survey: the files to take.
  ///   - target: the folder to create; its parent exists. Left incomplete if the copy fails.
  func copy(_ survey: FolderSurvey, to target: String) throws(ModelError) {
    try makeFolder(target)
    try checkRoom(survey, at: target)
    for item in survey.items {
      switch item {
      case .folder(let place): try makeFolder(target + "/" + place)
      case .file(let place, let file): try take(file, to: target + "/" + place)
      }
    }
  }

  private func makeFolder(_ path: String) throws(ModelError) {
    guard mkdir(path, 0o700) == 0, chmod(path, 0o700) == 0 else { throw failure("\(path) cannot be created", at: path) }
  }

  /// Refuses a copy that is known to be too large before the disk is full.
  private func checkRoom(_ survey: FolderSurvey, at target: String) throws(ModelError) {
    if linksFiles { return }
    let needed = survey.items.reduce(into: Int64(0)) { sum, item in
      if case .file(_, let file) = item, !registered.mayHave(file.size) { sum += file.size }
    }
    guard let free = freeBytes(target), free < needed else { return }
    throw ModelError(
      code: .storage,
      description: "not enough space on the disk of \(target): \(Self.megabytes(needed)) must be copied, and only "
        + "\(Self.megabytes(free)) are free; free some space")
  }

  private func take(_ file: FolderSurvey.SourceFile, to target: String) throws(ModelError) {
    if isCancelled() { throw .cancelled }
    // A file may have become a link or a pipe in the meantime.
    let source = open(file.path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard source >= 0 else { throw failure("\(file.path) cannot be read", at: target) }
    defer { close(source) }
    var status = stat()
    guard fstat(source, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw ModelError(code: .invalid, description: "\(file.path) is no longer a regular file")
    }
    let twin = registered.twin(
      of: source, size: Int64(status.st_size), isExecutable: file.isExecutable, isCancelled: isCancelled)
    if let twin, link(twin, target) == 0 { return onProgress(file.size) }
    let mode: mode_t = file.isExecutable ? 0o700 : 0o600
    if linksFiles, link(file.path, target) == 0 {
      guard chmod(target, mode) == 0 else { throw failure("\(target) cannot be created", at: target) }
      return onProgress(file.size)
    }
    let copy = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
    guard copy >= 0 else { throw failure("\(target) cannot be created", at: target) }
    defer { close(copy) }
    guard fchmod(copy, mode) == 0 else { throw failure("\(target) cannot be created", at: target) }
    try transfer(from: source, file.path, to: copy, target)
  }

  private func transfer(
    from source: Int32, _ sourcePath: String, to copy: Int32, _ target: String
  ) throws(ModelError) {
    var buffer = [UInt8](repeating: 0, count: Self.piece)
    var unsynced: Int64 = 0
    while true {
      if isCancelled() { throw .cancelled }
      let count = buffer.withUnsafeMutableBytes { read(source, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw failure("\(sourcePath) cannot be read", at: target) }
      if count == 0 { return }
      var written = 0
      while written < count {
        let taken = buffer.withUnsafeBytes { append(copy, UnsafeRawBufferPointer(rebasing: $0[written..<count])) }
        if taken < 0, errno == EINTR { continue }
        guard taken > 0 else { throw failure("\(target) cannot be written", at: target) }
        written += taken
      }
      onProgress(Int64(count))
      unsynced += Int64(count)
      if unsynced >= Self.syncEvery {
        guard fdatasync(copy) == 0 else { throw failure("\(target) cannot be written", at: target) }
        unsynced = 0
      }
    }
  }

  private func failure(_ what: String, at target: String) -> ModelError {
    let cause = errno
    let full = cause == ENOSPC || cause == EDQUOT
    return ModelError(
      code: .storage,
      description: "\(what): \(SystemError(code: cause))"
        + (full ? "; nothing was kept, so free some space on the disk of \(target) and register the model again" : ""))
  }

  private static func freeBytes(at path: String) -> Int64? {
    var system = statvfs()
    guard statvfs(path, &system) == 0, system.f_blocks > 0 else { return nil }
    return Int64(clamping: UInt64(system.f_bavail) * UInt64(system.f_frsize))
  }

  private static func megabytes(_ bytes: Int64) -> String { "\((bytes + 999_999) / 1_000_000) MB" }
}
