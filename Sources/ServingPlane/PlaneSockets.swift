import Glibc
import HTTPSupport
import Logging
import ServingAPI

/// The sockets that a plane listens on: its port, and a Unix socket for commands on this machine.
struct PlaneSockets: Sendable {
  /// The address of the port, as given.
  let host: String
  let tcp: BoundSocket
  /// Whether the port speaks TLS. The Unix socket never does.
  let isSecure: Bool
  /// Nil if the plane has no runtime directory, or none that only its user can access.
  let local: BoundSocket?

  static let unannounced =
    "commands on this machine will not find the plane automatically; pass --host and set DATABRICKS_TOKEN"

  /// Binds both.
  ///
  /// - Throws: errors that ``HTTPSupport/ListenFailure`` understands, if the port is unavailable.
  static func bind(_ settings: PlaneConfiguration, log: Logger) throws -> PlaneSockets {
    PlaneSockets(
      host: settings.host,
      tcp: try BoundSocket.tcp(host: settings.host, port: settings.port), isSecure: settings.tls != nil,
      local: bindLocal(settings, log: log))
  }

  /// The path of the Unix socket; nil if there is to be none.
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

  /// Closes them here; duplicates stay open.
  func close() { for socket in all { socket.close() } }

  var all: [BoundSocket] { [tcp, local].compactMap { $0 } }

  /// The bound port.
  var port: Int { tcp.port ?? 0 }

  /// Such as `127.0.0.1:7387` or `[::1]:7387`.
  var address: String { "\(host.contains(":") ? "[\(host)]" : host):\(port)" }

  /// Such as `http://127.0.0.1:7387`.
  var url: String { "\(isSecure ? "https" : "http")://\(address)" }

  /// Whether tokens and prompts can be read on their way: the port is open to other machines, and has no TLS.
  var isExposed: Bool { !isSecure && !Loopback.contains(host) }
}
