internal import CDispatch  // the compiler finds stat(2) here
internal import Glibc

/// Distinguishes one state of a file or directory from another without reading it.
package struct FileIdentity: Hashable, Sendable {
  /// Identifies the file, by whatever name.
  struct INode: Hashable, Sendable {
    let device: UInt64
    let inode: UInt64
  }

  let place: INode
  let size: Int64
  /// Nanoseconds since 1970.
  package let modified: Int64
  /// Nanoseconds since 1970; changes with the content and with names, owner and mode.
  package let changed: Int64

  init(_ status: stat) {
    place = INode(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
    size = Int64(status.st_size)
    modified = Self.nanoseconds(status.st_mtim)
    changed = Self.nanoseconds(status.st_ctim)
  }

  /// The identity of a path's target, links followed; nil if it does not exist.
  package init?(of path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    self.init(status)
  }

  /// Returns whether a further change would have different times. File systems count time in steps, of a few
  /// milliseconds or as coarse as two seconds (FAT), and two changes within a step look like one.
  ///
  /// - Parameter now: nanoseconds since 1970, from before the identity was taken.
  package func isSettled(at now: Int64) -> Bool { now - max(modified, changed) > 2_000_000_000 }

  private static func nanoseconds(_ time: timespec) -> Int64 {
    Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}
