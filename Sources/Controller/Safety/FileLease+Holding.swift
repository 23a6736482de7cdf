internal import CFileSystem
internal import Glibc

extension FileLease {
  /// What the file says of its holder, to one who does not want the lease.
  package enum Holding: Hashable, Sendable {
    /// A process has the lock.
    case held(by: String?)
    /// No process has it.
    case free
    /// It cannot be told from here whether a process has it.
    case unknown
  }

  /// Whether a process holds the lease, without taking it.
  ///
  /// Only what this machine's kernel is sure of is called free: not a lock in a file system that others may lock without
  /// its knowledge, nor one whose last holder was another machine.
  package func holding() -> Holding {
    let descriptor = Self.retrying { open(path, O_RDONLY | O_CLOEXEC) }
    guard descriptor >= 0 else { return .unknown }
    // Closing gives a lock back that was got.
    defer { close(descriptor) }
    let text = Self.text(of: descriptor)
    // A shared lock: those who look at the same time do not see each other.
    guard Self.retrying({ flock(descriptor, LOCK_SH | LOCK_NB) }) == 0 else {
      return errno == EWOULDBLOCK ? .held(by: text) : .unknown
    }
    guard Self.isFile(descriptor, at: path), Self.isLocal(descriptor), text.map(Self.isOfThisMachine) ?? true else {
      return .unknown
    }
    return .free
  }

  /// Whether a holder's text names this machine.
  private static func isOfThisMachine(_ text: String) -> Bool { text.contains(" on \(hostName) since ") }

  /// Whether the file lies in a file system that this kernel alone writes to, so that it knows of every lock.
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
