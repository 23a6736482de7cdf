import FoundationEssentials
import GRDB
import Glibc

/// Space that a plane keeps back on its disk, so that it can write down what it is told, a deletion above all, when the disk is full.
/// Its methods block for a moment.
struct DiskReserve: Sendable {
  /// The file that takes the space.
  let path: String
  /// The folder of the replicas' folders, whose output can be cut.
  let outputs: String

  /// Bytes, on a disk that has plenty; an eighth of what is left on a small one. The store needs a few kilobytes for a change.
  private static let size: Int64 = 8 << 20
  private static let smallest: Int64 = 256 << 10

  /// Takes the space, unless it is taken or the disk has little left.
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

  /// Changes the store. Where the disk is full for it, gives space back and does it again, once.
  func write(to store: EndpointStore, _ change: (EndpointStore) throws -> Void) throws {
    do { try change(store) } catch {
      guard Self.isFull(error) else { throw error }
      release()
      try? store.shrinkLog()
      try change(store)
    }
    // While there is no reserve the log is kept empty: it must not take the space that its own emptying needs.
    if access(path, F_OK) != 0 { try? store.shrinkLog() }
  }

  /// Gives the space back, and cuts the replicas' output to what a person reads of it.
  private func release() {
    unlink(path)
    for name in (try? FileManager.default.contentsOfDirectory(atPath: outputs)) ?? [] {
      let output = OutputFile("\(outputs)/\(name)/output.log")
      unlink(output.path + ".1")
      output.rotate(limit: 256 << 10)
    }
  }

  /// SQLite tells of a full disk in two ways: it could not make its file larger, or the system refused a write.
  private static func isFull(_ error: any Error) -> Bool {
    guard let error = error as? DatabaseError else { return false }
    return error.resultCode == .SQLITE_FULL || error.resultCode == .SQLITE_IOERR
  }
}
