import FoundationEssentials
import GRDB
import Glibc

/// Space that a plane reserves on its disk, so that it can record changes, deletions above all, when the disk is full.
/// Its methods block briefly.
struct DiskReserve: Sendable {
  /// The file that occupies the space.
  let path: String
  /// The folder of the replicas' folders; their output can be truncated.
  let outputs: String

  /// In bytes, on a disk with enough space; on a small disk, an eighth of what is left. A change needs a few kilobytes
  /// in the store.
  private static let size: Int64 = 8 << 20
  private static let smallest: Int64 = 256 << 10

  /// Reserves the space, unless it is already reserved or the disk has little left.
  func fill() {
    guard access(path, F_OK) != 0 else { return }
    var disk = statvfs()
    guard statvfs(outputs, &disk) == 0 else { return }
    let free = Int64(clamping: disk.f_bavail).multipliedReportingOverflow(by: Int64(clamping: disk.f_frsize))
      .partialValue
    let size = min(Self.size, free / 8)
    guard size >= Self.smallest else { return }
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    if posix_fallocate(descriptor, 0, Int(size)) != 0 { unlink(path) }
  }

  /// Changes the store. If the disk is full, frees space and retries once.
  func write(to store: EndpointStore, _ change: (EndpointStore) throws -> Void) throws {
    do { try change(store) } catch {
      guard Self.isFull(error) else { throw error }
      release()
      try? store.shrinkLog()
      try change(store)
    }
    // Without a reserve the log is kept empty: it must not take the space needed to empty it.
    if access(path, F_OK) != 0 { try? store.shrinkLog() }
  }

  /// Frees the space, and truncates the replicas' output to the part that people read.
  private func release() {
    unlink(path)
    for name in (try? FileManager.default.contentsOfDirectory(atPath: outputs)) ?? [] {
      let output = OutputFile("\(outputs)/\(name)/output.log")
      unlink(output.path + ".1")
      output.rotate(limit: 256 << 10)
    }
  }

  /// SQLite reports a full disk in two ways: it could not extend its file, or the system refused a write.
  private static func isFull(_ error: any Error) -> Bool {
    guard let error = error as? DatabaseError else { return false }
    return error.resultCode == .SQLITE_FULL || error.resultCode == .SQLITE_IOERR
  }
}
