import Gateway
import Glibc
import Logging
import ServingAPI

/// The sockets that a plane listens on: its port, and a Unix socket for the commands of this machine.
struct PlaneSockets: Sendable {
  /// The address of the port, as it was given.
  let host: String
  let tcp: BoundSocket
  /// Nil where the plane has no runtime directory, or none that is its user's alone.
  let local: BoundSocket?

  static let unannounced =
    "commands on this machine will not find the plane automatically; pass --host and set DATABRICKS_TOKEN"

  /// Binds both.
  ///
  /// - Throws: what ``Gateway/ListenFailure`` understands, where the port cannot be had.
  static func bind(_ settings: PlaneConfiguration, log: Logger) throws -> PlaneSockets {
    PlaneSockets(
      host: settings.host,
      tcp: try BoundSocket.tcp(host: settings.host, port: settings.port), local: bindLocal(settings, log: log))
  }

  /// Where the Unix socket is; nil where there is to be none.
  static func localPath(_ settings: PlaneConfiguration) -> String? {
    settings.runtimeDirectory.map {
      LocalPlane.socket(in: $0, dataDirectory: SecureFile.resolved(settings.dataDirectory))
    }
  }

  static func bindLocal(_ settings: PlaneConfiguration, log: Logger) -> BoundSocket? {
    guard let directory = settings.runtimeDirectory, let path = localPath(settings) else { return nil }
    do {
      try LocalPlane.prepare(directory)
      return try BoundSocket.unix(path: path)
    } catch {
      log.warning("\(unannounced)", metadata: ["error": "\(error)"])
      return nil
    }
  }

  /// Closes them here; whoever has a duplicate listens on.
  func close() { for socket in all { socket.close() } }

  var all: [BoundSocket] { [tcp, local].compactMap { $0 } }

  /// The port that was bound.
  var port: Int { tcp.port ?? 0 }

  /// Such as `http://127.0.0.1:7387`.
  var url: String { "http://\(host.contains(":") ? "[\(host)]" : host):\(port)" }
}
