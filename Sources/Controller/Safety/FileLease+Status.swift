internal import CFileSystem
internal import FileSystem
internal import Glibc

extension FileLease {
  /// The state of the lease, for a process that does not acquire it.
  package enum Status: Hashable, Sendable {
    /// A process has the lock.
    case held(by: String?)
    /// No process has it.
    case free
    /// It is unknown here whether a process has it.
    case unknown
  }

  /// Returns whether a process holds the lease, without acquiring it.
  ///
  /// The lease is called free only if this machine's kernel can be sure: not if the file system can be locked by others
  /// without its knowledge, nor if the last holder was another machine.
  package func status() -> Status {
    guard let lock = try? FileLock(existing: path) else { return .unknown }
    defer { lock.release() }
    let text = lock.holder
    // A shared lock, so that concurrent checks do not see each other.
    guard let isFree = try? lock.tryLock(.shared) else { return .unknown }
    guard isFree else { return .held(by: text) }
    guard lock.isInPlace, Self.isLocal(lock.descriptor), text.map(Self.isOfThisMachine) ?? true else {
      return .unknown
    }
    return .free
  }

  /// Returns whether a holder's text names this machine.
  private static func isOfThisMachine(_ text: String) -> Bool { text.contains(" on \(hostName) since ") }

  /// Returns whether the file is in a file system that only this kernel writes to, so that it knows every lock.
  private static func isLocal(_ descriptor: Int32) -> Bool {
    var system = statfs()
    guard fstatfs(descriptor, &system) == 0 else { return false }
    return localSystems.contains(UInt32(truncatingIfNeeded: system.f_type))
  }

  /// The magic numbers of `statfs(2)`: ext2 to ext4, XFS, Btrfs, tmpfs, ramfs, overlayfs, ZFS, F2FS, bcachefs.
  private static let localSystems: Set<UInt32> = [
    0xEF53, 0x5846_5342, 0x9123_683E, 0x0102_1994, 0x8584_58F6, 0x794C_7630, 0x2FC1_2FC1, 0xF2F5_2010, 0xCA45_1A4E,
  ]
}
