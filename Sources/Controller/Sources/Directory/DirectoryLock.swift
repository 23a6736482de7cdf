internal import Durations
internal import FileSystem
internal import Glibc

/// Restricts a directory to one reader at a time, across processes.
enum DirectoryLock {
  /// - Throws: `GitFailure` if the directory cannot be created or stays locked for longer than `limit`, and errors of
  ///   `body`.
  static func hold<Value: Sendable>(
    _ directory: String, limit: Duration, _ body: @Sendable () async throws -> Value
  ) async throws -> Value {
    try makeDirectory(directory + "/home")
    let file = directory + "/lock"
    let lock: FileLock
    do {
      lock = try FileLock(opening: file)
    } catch {
      throw GitFailure("\(file): \(error)")
    }
    defer { lock.release() }
    let start = ContinuousClock.now
    while try !take(lock) {
      guard ContinuousClock.now - start < limit else {
        let time = DurationText.text(limit)
        throw GitFailure("another process has kept \(file) locked for \(time); run \"fuser \(file)\" to find it")
      }
      try await Task.sleep(for: .milliseconds(20))
    }
    return try await body()
  }

  /// - Returns: false if another process has the lock.
  private static func take(_ lock: FileLock) throws(GitFailure) -> Bool {
    do throws(SystemError) {
      return try lock.tryLock()
    } catch {
      throw GitFailure("\(lock.path): \(error)")
    }
  }
}

/// Creates a directory and its missing parents; only the owner may access what it creates.
func makeDirectory(_ path: String) throws(GitFailure) {
  var partial = ""
  for segment in path.split(separator: "/") {
    partial += "/\(segment)"
    if mkdir(partial, 0o700) == 0 { continue }
    // For an existing parent, the error may be EROFS or EACCES; only a missing one is a failure.
    let code = errno
    guard FileIdentity(of: partial) != nil else {
      throw GitFailure("cannot create the directory \(partial): \(SystemError(code: code))")
    }
  }
}
