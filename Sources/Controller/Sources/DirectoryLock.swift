internal import Glibc

/// Keeps a directory for one reader at a time, in this process and others.
enum DirectoryLock {
  /// - Throws: `GitFailure` when the directory cannot be made or stays taken for longer than `limit`, and what `body` throws.
  static func hold<Value: Sendable>(
    _ directory: String, limit: Duration, _ body: @Sendable () async throws -> Value
  ) async throws -> Value {
    try makeDirectory(directory + "/home")
    let file = directory + "/lock"
    let descriptor = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw GitFailure("\(file): \(words(ofError: errno))") }
    // Closing gives the lock back, however this ends.
    defer { close(descriptor) }
    let start = ContinuousClock.now
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      guard errno == EWOULDBLOCK || errno == EINTR else { throw GitFailure("\(file): \(words(ofError: errno))") }
      guard ContinuousClock.now - start < limit else {
        throw GitFailure("another process has held \(file) for \(limit)")
      }
      try await Task.sleep(for: .milliseconds(20))
    }
    return try await body()
  }
}

/// With what is missing above it; only the owner may look into what this makes.
func makeDirectory(_ path: String) throws(GitFailure) {
  var partial = ""
  for segment in path.split(separator: "/") {
    partial += "/\(segment)"
    if mkdir(partial, 0o700) == 0 { continue }
    // A parent that exists may answer EROFS or EACCES; only a missing one is a failure.
    let code = errno
    guard FileIdentity(of: partial) != nil else {
      throw GitFailure("cannot create the directory \(partial): \(words(ofError: code))")
    }
  }
}
