import Glibc
import ServingAPI

/// A path that fits into a socket's address, which holds 107 bytes.
enum ShortPath {
  /// Passes the path to `body`; if it is too long, passes one through an open descriptor of its folder.
  static func of<Result, Failure: Error>(
    _ path: String, _ body: (String) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    guard path.utf8.count > UnixSocket.longestPath, let slash = path.lastIndex(of: "/") else { return try body(path) }
    let folder = open(String(path[..<slash]), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard folder >= 0 else { return try body(path) }
    defer { close(folder) }
    return try body("/proc/self/fd/\(folder)\(path[slash...])")
  }
}
