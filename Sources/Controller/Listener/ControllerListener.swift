package import Gateway
internal import Hummingbird
internal import HummingbirdCore
package import Logging
internal import NIOCore
internal import ServiceLifecycle

/// The controller's HTTP listener: metrics, probes, status, the git webhook, and pause, resume and sync.
///
/// On a graceful shutdown it stops accepting, and lets requests in flight end for a few seconds.
package struct ControllerListener: Service {
  package struct Settings: Sendable {
    /// The address to listen on, without the brackets of IPv6.
    package var host = "127.0.0.1"
    /// The port to listen on; 0 picks a free port.
    package var port = 7388
    /// What a request that changes something must bring; asked for each, so that a token that was replaced counts at once.
    package var token: @Sendable () -> ListenerToken = { .none }
    /// Names beside this machine's own under which it may be asked.
    package var allowedHosts: [String] = []
    /// The largest body that the git webhook takes.
    package var maximumHookBody = 1 << 20
    /// How long requests may go on after the controller was asked to stop.
    package var shutdownGrace: Duration = .seconds(5)
    /// What callers are granted.
    package var callers: CallerLimits = {
      var limits = CallerLimits()
      // Longer than the usual pause between two scrapes, which use one connection.
      limits.idleTimeout = .seconds(180)
      limits.maxConnections = 256
      limits.heldBytes = 16 << 20
      return limits
    }()

    package init() {}
  }

  /// What to tell once it listens.
  package struct Listening: Sendable {
    /// Such as `http://127.0.0.1:7388`.
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

  /// - Throws: `ListenFailure` where the address cannot be listened on.
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
    let callers = CallerConnections(settings.callers)
    return Application(
      responder: CallbackResponder<BasicRequestContext> { request, _ in await routes.answer(to: request) },
      server: .http1(callers: callers),
      configuration: ApplicationConfiguration(
        address: .hostname(settings.host, port: settings.port), availableConnectionsDelegate: callers.acceptGate),
      onServerRunning: { channel in listening(channel) }, logger: quiet)
  }

  /// Serves until the controller is asked to stop and requests are answered, or their time is up.
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

  /// The server library's own messages are of use to its developers only.
  private var quiet: Logger {
    var logger = log
    if logger.logLevel < .warning { logger.logLevel = .warning }
    return logger
  }
}
