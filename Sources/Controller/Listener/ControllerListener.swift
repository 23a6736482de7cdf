package import HTTPSupport
internal import Hummingbird
internal import HummingbirdCore
package import Logging
internal import NIOCore
internal import ServiceLifecycle

/// The controller's HTTP listener: metrics, probes, status, the git webhook, and pause, resume and sync.
///
/// On a graceful shutdown, it stops accepting connections and gives requests in flight a few seconds to finish.
package struct ControllerListener: Service {
  package struct Settings: Sendable {
    /// The address to listen on; IPv6 without brackets.
    package var host = "127.0.0.1"
    /// The port to listen on; 0 picks a free port.
    package var port = 7388
    /// The token that a request that changes something must have; read for each request, so a replaced token takes
    /// effect immediately.
    package var token: @Sendable () -> ListenerToken = { .none }
    /// Host names under which requests are accepted, in addition to this machine's own.
    package var allowedHosts: [String] = []
    /// The maximum size of a git webhook's body, in bytes.
    package var maximumHookBody = 1 << 20
    /// How long requests may continue after the controller was told to stop.
    package var shutdownGrace: Duration = .seconds(5)
    /// Limits for callers.
    package var clients: ClientLimits = {
      var limits = ClientLimits()
      // Longer than the usual interval between two scrapes, which share one connection.
      limits.idleTimeout = .seconds(180)
      limits.maxConnections = 256
      limits.requestMemory = 16 << 20
      return limits
    }()

    package init() {}
  }

  /// The report when the listener is ready.
  package struct Listening: Sendable {
    /// The URL, such as `http://127.0.0.1:7388`.
    package let url: String
    package let port: Int
  }

  private let settings: Settings
  private let calls: ListenerCalls
  private let log: Logger
  private let onListening: @Sendable (Listening) -> Void

  /// - Parameter onListening: called once, when requests can be sent.
  package init(
    _ settings: Settings, _ calls: ListenerCalls, log: Logger,
    onListening: @escaping @Sendable (Listening) -> Void = { _ in }
  ) {
    self.settings = settings
    self.calls = calls
    self.log = log
    self.onListening = onListening
  }

  /// - Throws: `ListenFailure` if it cannot listen on the address.
  package func run() async throws {
    do { try await serve(application) } catch {
      throw ListenFailure(
        error, host: settings.host, port: settings.port, program: "the controller", portOption: "--listen HOST:PORT")
        ?? error
    }
  }

  private var application: some ApplicationProtocol {
    let access = ListenerAccess(host: settings.host, allowedHosts: settings.allowedHosts)
    let routes = ListenerRoutes(
      calls: calls, access: access, token: settings.token, maximumHookBody: settings.maximumHookBody, log: log)
    let clients = ClientConnections(settings.clients)
    return Application(
      router: routes.router, server: .http1(clients: clients),
      configuration: ApplicationConfiguration(
        address: .hostname(settings.host, port: settings.port), availableConnectionsDelegate: clients.acceptGate),
      onServerRunning: { channel in listening(channel) }, logger: quiet)
  }

  /// Serves until the controller is told to stop and requests are answered or their time is up.
  private func serve(_ application: some ApplicationProtocol) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await application.run() }
      group.addTask {
        try await gracefulShutdown()
        try await Task.sleep(for: settings.shutdownGrace)
      }
      try await group.next()
      group.cancelAll()
    }
  }

  private func listening(_ channel: any Channel) {
    let port = channel.localAddress?.port ?? settings.port
    let host = settings.host.contains(":") ? "[\(settings.host)]" : settings.host
    onListening(Listening(url: "http://\(host):\(port)", port: port))
  }

  /// The server library's own messages are only useful to its developers.
  private var quiet: Logger {
    var logger = log
    if logger.logLevel < .warning { logger.logLevel = .warning }
    return logger
  }
}
