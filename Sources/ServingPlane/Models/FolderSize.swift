import FoundationEssentials
import Glibc

/// The size of a folder with everything in it, or of a file, in bytes. Links are not followed.
struct FolderSize: Hashable, Sendable {
  /// The sizes of all its files.
  private(set) var bytes: Int64 = 0
  /// What its removal frees: the sizes of the files that have no other name. Weights are often hard links.
  private(set) var freeable: Int64 = 0

  /// - Parameter path: a missing file or folder has no bytes.
  init(of path: String) { add(path) }

  private mutating func add(_ path: String) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return }
    switch status.st_mode & S_IFMT {
    case S_IFREG:
      bytes += Int64(status.st_size)
      if status.st_nlink == 1 { freeable += Int64(status.st_size) }
    case S_IFDIR:
      for name in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] { add(path + "/" + name) }
    default: break
    }
  }
}
