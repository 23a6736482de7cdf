internal import FileSystem

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Small files and directories that belong to this user alone.
package enum SecureFile {
  /// The user this process runs as.
  package static var userID: UInt32 { geteuid() }

  private static let largest = 1 << 20

  /// Returns the file's text, whoever may read it; nil if there is no such file.
  package static func readText(_ path: String) throws(TargetError) -> String? { try read(path, isPrivate: false) }

  /// Returns the text of a file that must be regular, owned by this user, and closed to everybody else; nil if there is
  /// no such file.
  package static func readPrivate(_ path: String) throws(TargetError) -> String? { try read(path, isPrivate: true) }

  /// Returns false if the directory does not exist.
  ///
  /// - Throws: `TargetError` if it is not a directory, belongs to another user, or is open to others.
  static func checkDirectory(_ path: String) throws(TargetError) -> Bool {
    var status = stat()
    guard lstat(path, &status) == 0 else {
      if errno == ENOENT { return false }
      throw failed("access", path)
    }
    guard status.st_mode & S_IFMT == S_IFDIR else { throw notOurs(path, "it is not a directory") }
    try check(status, path)
    return true
  }

  /// Returns whether there is a socket of this user at the path.
  ///
  /// - Throws: `TargetError` if it belongs to another user, or is not a socket.
  static func checkSocket(_ path: String) throws(TargetError) -> Bool {
    var status = stat()
    guard lstat(path, &status) == 0 else {
      if errno == ENOENT { return false }
      throw failed("access", path)
    }
    guard status.st_mode & S_IFMT == S_IFSOCK else { throw notOurs(path, "it is not a socket") }
    try check(status, path)
    return true
  }

  /// Checks that only this user and root can replace the path: each directory above it, and each link, belongs to one
  /// of the two, and each directory is closed to other writers or sticky.
  static func checkParents(of path: String) throws(TargetError) {
    try checkEachParent(of: path)
    try checkEachParent(of: resolved(path))
  }

  private static func checkEachParent(of path: String) throws(TargetError) {
    var parent = path[...]
    while let slash = parent.lastIndex(of: "/"), parent != "/" {
      parent = slash == parent.startIndex ? "/" : parent[..<slash]
      var status = stat()
      guard lstat(String(parent), &status) == 0 else { throw failed("access", String(parent)) }
      guard status.st_uid == userID || status.st_uid == 0 else {
        throw notOurs(path, "\(parent) belongs to user \(status.st_uid)")
      }
      if status.st_mode & S_IFMT == S_IFLNK { continue }
      guard status.st_mode & 0o022 == 0 || status.st_mode & S_ISVTX != 0 else {
        throw notOurs(path, "other users can write to \(parent)")
      }
    }
  }

  /// Returns the sorted names in a directory; empty if it does not exist.
  static func names(in path: String) throws(TargetError) -> [String] {
    guard let directory = opendir(path) else {
      if errno == ENOENT { return [] }
      throw failed("read", path)
    }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// Returns the path without links, `.` and `..`; unchanged if it does not exist.
  package static func resolved(_ path: String) -> String {
    guard let resolved = realpath(path, nil) else { return path }
    defer { free(resolved) }
    return String(cString: resolved)
  }

  /// Creates the directory with mode 0700, or checks the existing one.
  static func makeDirectory(_ path: String) throws(TargetError) {
    guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw failed("make", path) }
    _ = try checkDirectory(path)
  }

  /// Replaces the file with one of mode 0600, so that a reader sees the old one or the new one, complete.
  static func replace(_ path: String, with bytes: [UInt8]) throws(TargetError) {
    do throws(SystemError) {
      try AtomicFile.replace(path, with: bytes)
    } catch {
      throw failed("write", path, error)
    }
  }

  /// Creates a file of mode 0600 if there is none, so that a reader sees it complete or not at all.
  ///
  /// - Returns: false if something already exists at the path.
  static func create(_ path: String, with bytes: [UInt8]) throws(TargetError) -> Bool {
    do throws(SystemError) {
      return try AtomicFile.create(path, with: bytes)
    } catch {
      throw failed("write", path, error)
    }
  }

  /// Removes the file; a missing one is not an error.
  static func remove(_ path: String) throws(TargetError) {
    guard unlink(path) == 0 || errno == ENOENT else { throw failed("remove", path) }
  }

  private static func read(_ path: String, isPrivate: Bool) throws(TargetError) -> String? {
    // Without O_NONBLOCK, a named pipe in place of the file would block the command.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | (isPrivate ? O_NOFOLLOW : 0))
    guard descriptor >= 0 else {
      if errno == ENOENT || errno == ENOTDIR { return nil }
      throw failed("read", path)
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw failed("read", path) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw notOurs(path, "it is not a regular file") }
    if isPrivate { try check(status, path) }
    guard let bytes = readAll(descriptor) else { throw failed("read", path) }
    guard bytes.count <= largest else {
      throw TargetError("\(path) is larger than \(largest) bytes", advice: "use another file")
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func readAll(_ descriptor: Int32) -> [UInt8]? {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while bytes.count <= largest {
      let count = Self.read(descriptor, into: &buffer)
      if count < 0 { return nil }
      if count == 0 { break }
      bytes += buffer[..<count]
    }
    return bytes
  }

  private static func read(_ descriptor: Int32, into buffer: inout [UInt8]) -> Int {
    while true {
      let count = buffer.withUnsafeMutableBytes { systemRead(descriptor, $0.baseAddress, $0.count) }
      if count >= 0 || errno != EINTR { return count }
    }
  }

  private static func check(_ status: stat, _ path: String) throws(TargetError) {
    guard status.st_uid == userID else { throw notOurs(path, "it belongs to user \(status.st_uid)") }
    guard status.st_mode & 0o077 == 0 else {
      throw notOurs(path, "other users can access it (mode \(String(status.st_mode & 0o777, radix: 8)))")
    }
  }

  private static func notOurs(_ path: String, _ reason: String) -> TargetError {
    TargetError("\(path) is not trusted: \(reason)", advice: "remove it, or restrict its permissions (chmod go=)")
  }

  private static func failed(_ verb: String, _ path: String, _ error: SystemError = .last) -> TargetError {
    TargetError("cannot \(verb) \(path): \(error)", advice: "check the path and its permissions")
  }
}

// Inside the enum, its own `read` hides the system's.
private func systemRead(_ descriptor: Int32, _ buffer: UnsafeMutableRawPointer?, _ count: Int) -> Int {
  read(descriptor, buffer, count)
}
