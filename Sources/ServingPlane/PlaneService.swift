import CanonicalJSON
import FoundationEssentials
import Gateway
import Glibc
import Hummingbird
package import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import ServingAPI

/// The serving plane: `setpoint serve`.
///
/// On a graceful shutdown it stops accepting, lets requests finish for a while, stops every replica, and returns. When its task
/// is cancelled it returns at once and leaves the replicas running, as if it had been killed: the next plane on the same data
/// directory adopts them.
package struct PlaneService: Service {
  /// What to tell once the plane listens.
  package struct Listening: Sendable {
    /// Such as `http://127.0.0.1:7387`.
    package let url: String
    package let port: Int
    /// The file with the bearer token.
    package let tokenFile: String
    /// The GPUs found, in one line for people.
    package let accelerators: String
  }

  private let settings: PlaneConfiguration
  private let log: Logger
  private let onListening: @Sendable (Listening) -> Void

  /// - Parameter onListening: called once, when requests can be sent.
  package init(
    _ settings: PlaneConfiguration, log: Logger, onListening: @escaping @Sendable (Listening) -> Void = { _ in }
  ) {
    self.settings = settings
    self.log = log
    self.onListening = onListening
  }

  /// - Throws: ``PlaneStartError`` where the plane cannot start.
  package func run() async throws {
    let data = try DataDirectory(settings)
    let probes = ReplicaProbes()
    let endpoints = ServingEndpoints(
      store: try openStore(),
      models: ModelDirectory(path: settings.modelsPath, own: [settings.dataDirectory], now: Self.wallClock),
      launcher: await makeLauncher(), probes: probes, settings: settings,
      eventLoop: MultiThreadedEventLoopGroup.singleton.any(), wallClock: Self.wallClock, log: log)
    await BlockingWork.brief.run { endpoints.models.removeIncomplete() }
    let opening = Opening(endpoints: endpoints, settings: settings, log: log, onListening: onListening)
    let application = Application(
      router: router(endpoints, token: AccessTokenDigest(token: data.token, file: settings.tokenPath)),
      server: .loopBound(),
      configuration: ApplicationConfiguration(address: .hostname(settings.host, port: settings.port)),
      onServerRunning: { channel in await opening.open(channel) }, logger: quiet)
    let outcome: Result<Void, any Error>
    do { outcome = .success(try await run(application, endpoints)) } catch { outcome = .failure(error) }
    await opening.close()
    await probes.shutdown()
    withExtendedLifetime(data) {}
    if let failure = await opening.failure { throw failure }
    do { try outcome.get() } catch { throw startError(error) }
  }

  private func run(_ application: some ApplicationProtocol, _ endpoints: ServingEndpoints) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      let supervisor = endpoints.supervisor
      group.addTask { await supervisor.run() }
      group.addTask {
        while !Task.isCancelled {
          try? await Task.sleep(for: .milliseconds(250))
          await endpoints.look()
        }
      }
      try await serve(application)
      if !Task.isCancelled {
        log.info("stopping the replicas")
        await endpoints.stop(within: settings.shutdownGrace)
        // The supervisor is the first to return: the other one goes on until it is cancelled.
        try await group.next()
      }
      group.cancelAll()
    }
  }

  /// Serves until the plane is asked to stop and requests are answered, or their time is up.
  private func serve(_ application: some ApplicationProtocol) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await application.run() }
      group.addTask {
        try await gracefulShutdown()
        log.info("stopping: requests in flight may finish")
        try await Task.sleep(for: settings.shutdownGrace)
      }
      try await group.next()
      group.cancelAll()
    }
  }

  private func router(_ endpoints: ServingEndpoints, token: AccessTokenDigest) -> Router<PlaneContext> {
    let router = Router(context: PlaneContext.self)
    router.add(middleware: ErrorAnswers())
    router.get("/health") { _, _ in Response.json(["status": "ok"]) }
    Gateway(
      directory: endpoints.table, authorize: { token.accepts($0) },
      record: { [log] record in
        log.debug("request", metadata: ["endpoint": "\(record.endpoint ?? "-")", "status": "\(record.status)"])
      }
    ).addRoutes(to: router)
    let guarded = router.group().add(middleware: OffEventLoop()).add(middleware: TokenCheck(token: token))
    let body = CallBody(limit: settings.maximumBody)
    EndpointCalls(endpoints: endpoints, body: body).addRoutes(to: guarded)
    ModelCalls(models: endpoints.models, body: body).addRoutes(to: guarded)
    IdentityCalls(user: settings.user).addRoutes(to: guarded)
    return router
  }

  private func makeLauncher() async -> ReplicaLauncher {
    let accelerators = if let given = settings.accelerators { given } else { await Accelerators.detect() }
    return ReplicaLauncher(
      python: settings.interpreter, environment: settings.environment, accelerators: accelerators,
      cores: ProcessInfo.processInfo.activeProcessorCount, secrets: SecretFolder(path: settings.secretsPath))
  }

  private func openStore() throws(PlaneStartError) -> EndpointStore {
    do { return try EndpointStore(path: settings.storePath) } catch {
      throw PlaneStartError(
        message: "the plane's store \(settings.storePath) cannot be opened: \(error)",
        advice: "if the file is broken, move it away; endpoints must then be applied again")
    }
  }

  private func startError(_ error: any Error) -> any Error {
    let failure = ListenFailure(
      error, host: settings.host, port: settings.port, program: "the plane", portOption: "--port")
    return failure.map { PlaneStartError(message: $0.message, advice: $0.advice) } ?? error
  }

  /// The server library's own messages are of use to its developers only.
  private var quiet: Logger {
    var logger = log
    if logger.logLevel < .warning { logger.logLevel = .warning }
    return logger
  }

  /// Milliseconds since 1970.
  private static let wallClock: @Sendable () -> Int64 = { Int64(Date().timeIntervalSince1970 * 1000) }
}

/// What happens between the moment the port is ours and the first request, and its undoing.
private actor Opening {
  private let endpoints: ServingEndpoints
  private let settings: PlaneConfiguration
  private let log: Logger
  private let onListening: @Sendable (PlaneService.Listening) -> Void
  private var announced: LocalPlane?
  private(set) var failure: PlaneStartError?

  init(
    endpoints: ServingEndpoints, settings: PlaneConfiguration, log: Logger,
    onListening: @escaping @Sendable (PlaneService.Listening) -> Void
  ) {
    self.endpoints = endpoints
    self.settings = settings
    self.log = log
    self.onListening = onListening
  }

  /// Replicas are touched only after the port is ours: a second plane that fails to start must not disturb the first.
  func open(_ channel: any Channel) async {
    let port = channel.localAddress?.port ?? settings.port
    let host = settings.host.contains(":") ? "[\(settings.host)]" : settings.host
    let url = "http://\(host):\(port)"
    do {
      try await endpoints.resume()
    } catch {
      failure = PlaneStartError(
        message: "the plane's store \(settings.storePath) cannot be read: \(error)",
        advice: "if the file is broken, move it away; endpoints must then be applied again")
      channel.close(promise: nil)
      return
    }
    announce(url)
    onListening(
      PlaneService.Listening(
        url: url, port: port, tokenFile: settings.tokenPath, accelerators: endpoints.launcher.accelerators.summary))
  }

  func close() {
    guard let announced, let directory = settings.runtimeDirectory else { return }
    do { try announced.withdraw(from: directory) } catch {
      log.warning("the plane's announcement could not be taken back", metadata: ["error": "\(error)"])
    }
  }

  private func announce(_ url: String) {
    guard let directory = settings.runtimeDirectory else { return }
    let plane = LocalPlane(url: url, tokenFile: settings.tokenPath, processID: getpid())
    do {
      try plane.announce(in: directory)
      announced = plane
    } catch {
      log.warning(
        "commands on this machine will not find the plane by themselves; give them --host and DATABRICKS_TOKEN",
        metadata: ["error": "\(error)"])
    }
  }
}
