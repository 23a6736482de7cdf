/// Up to where a replica's log file has been read.
package struct LogPosition: Hashable, Sendable {
  /// Which file it was: the file system's number.
  package let inode: UInt64
  /// Bytes from its beginning.
  package let offset: Int64

  package init(inode: UInt64, offset: Int64) {
    self.inode = inode
    self.offset = offset
  }
}
