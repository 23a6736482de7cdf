import HTTPTypes
import Hummingbird
import NIOCore

/// The call that returns a backup of the running plane, as an archive.
struct BackupCalls: Sendable {
  let settings: PlaneConfiguration
  /// Milliseconds since 1970.
  let now: @Sendable () -> Int64
  private let slot = BackupSlot()

  init(settings: PlaneConfiguration, now: @escaping @Sendable () -> Int64) {
    self.settings = settings
    self.now = now
  }

  func addRoutes(to router: some RouterMethods<PlaneContext>) {
    router.post("/api/setpoint/backup") { _, _ in try await backup() }
  }

  private func backup() async throws -> Response {
    guard let turn = slot.take() else {
      throw APIError(
        status: 409, code: "ABORTED", message: "another backup is in progress; retry when it has finished")
    }
    let (settings, now) = (settings, now())
    let snapshot: BackupSnapshot
    do throws(BackupError) {
      snapshot = try await BlockingWork.long.run { () throws(BackupError) -> BackupSnapshot in
        try BackupSnapshot.make(of: settings, in: settings.backupPath, turn: turn, now: now)
      }
    } catch {
      throw APIError.internal(error.description)
    }
    let pieces = try snapshot.pieces()
    return Response(
      status: .ok, headers: [.contentType: "application/x-tar"],
      body: ResponseBody(contentLength: Int(snapshot.length)) { writer in
        while let piece = try await BlockingWork.folders.run({ try pieces.next() }) {
          try await writer.write(ByteBuffer(bytes: piece))
        }
        try await writer.finish(nil)
        withExtendedLifetime(snapshot) {}
      })
  }
}
