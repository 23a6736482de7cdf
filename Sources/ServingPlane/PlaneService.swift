import CanonicalJSON
import EventFlags
import FoundationEssentials
import Gateway
import Glibc
import HTTPSupport
import HTTPTypes
import Hummingbird
import LibCurl
package import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import ServingAPI
import Storage

/// The serving plane: `setpoint serve`.
///
/// On a graceful shutdown it stops accepting, gives requests time to finish, stops every replica, and returns
/// (``PlaneShutdown``). If its task is canceled it returns at once and leaves the replicas running, as if it had been
/// killed: the next plane on the same data directory adopts them.
package struct PlaneService: Service {
  /// The facts to report once the plane listens.
  package struct Listening: Sendable {
    /// Such as `http://127.0.0.1:7387`.
    package let url: String
    package let port: Int
    /// The file with the bearer token.
    package let tokenFile: String
    /// The GPUs found, in one line of text.
    package let accelerators: String
    /// Whether other machines can reach the port, and it has no TLS.
    package let isExposed: Bool
  }

  private let settings: PlaneConfiguration
  private let log: Logger
  private let hurry = EventFlag()
  private let onListening: @Sendable (Listening) -> Void

  /// - Parameter onListening: called once, when requests can be sent.
  package init(
    _ settings: PlaneConfiguration, log: Logger, onListening: @escaping @Sendable (Listening) -> Void = { _ in }
  ) {
    self.settings = settings
    self.log = log
    self.onListening = onListening
  }

  /// Ends a graceful shutdown in progress at once: requests are cut off, and replicas are killed.
  package func stopAtOnce() { hurry.set() }

  /// - Throws: ``PlaneStartError`` if the plane cannot start.
  package func run() async throws {
    let previousPlane = settings.takesOver ? try await PreviousPlane.find(settings, log: log) : nil
    try checkInterpreter()
    let tls = try await makeTLS()
    // May take seconds, during which a plane to be replaced continues.
    let launcher = await makeLauncher()
    let inheritance = try await previousPlane?.inherit()
    let data = try DataDirectory(settings, inherited: inheritance?.lock)
    let probes = ReplicaProbes()
    let models = makeModels()
    let views = TelemetryViewChanges()
    let endpoints = try await endpoints(models.source, launcher, probes, views)
    let tokens = try await tokens(data, endpoints)
    if case .directory(let directory) = models { await removeIncomplete(in: directory) }
    let sockets = try inheritance?.sockets ?? bindSockets()
    try await previousPlane?.replace(localSocket: sockets.local == nil ? nil : PlaneSockets.localPath(settings))
    data.sign()
    // Only now: a plane that is replaced has written its telemetry.
    let telemetry = await PlaneTelemetry.open(settings, log: log)
    let collection = await TelemetryCollection(
      telemetry, of: endpoints, views: views, probes: probes, settings: settings)
    let plane = plane(data, endpoints, tokens, models, sockets, collection, tls)
    let outcome: Result<Void, any Error>
    do { outcome = .success(try await plane.run(after: previousPlane)) } catch { outcome = .failure(error) }
    await probes.shutdown()
    withExtendedLifetime(data) {}
    try outcome.get()
  }

  /// Checks the interpreter: a plane that can start nothing would blame every config.
  private func checkInterpreter() throws(PlaneStartError) {
    guard let python = settings.interpreter else { return }
    let path = settings.environment["PATH"] ?? "/usr/bin:/bin"
    guard ProcessSpawn.find(python, path: path, directory: "/") == nil else { return }
    throw PlaneStartError(
      message: "the Python \"\(python)\" does not exist, or is not executable",
      advice: "set the Python of vLLM's environment with --python PATH or SETPOINT_PYTHON")
  }

  /// Reads the certificate before anything is taken over from a running plane.
  private func makeTLS() async throws(PlaneStartError) -> TLSIdentity? {
    guard let files = settings.tls else { return nil }
    let log = log
    do throws(TLSIdentityError) {
      return try await BlockingWork.brief.run { () throws(TLSIdentityError) -> TLSIdentity in
        try TLSIdentity(files, log: log)
      }
    } catch {
      throw PlaneStartError(message: error.message, advice: error.advice)
    }
  }

  /// The registered models of a plane.
  enum Models {
    case directory(ModelDirectory)
    case mlflow(MLflowModels)

    var source: any ModelSource {
      switch self {
      case .directory(let models): models
      case .mlflow(let models): models
      }
    }
  }

  func makeModels() -> Models {
    if let server = settings.mlflow { return .mlflow(MLflowModels(server: server, path: settings.mlflowPath)) }
    return .directory(
      ModelDirectory(path: settings.modelsPath, own: [settings.dataDirectory], now: Self.wallClock))
  }

  private func removeIncomplete(in directory: ModelDirectory) async {
    for leftover in await BlockingWork.folders.run({ directory.removeIncomplete() }) {
      log.warning(
        "removed what an earlier plane did not finish; register the model again if it is missing",
        metadata: ["what": "\(leftover.what)", "bytes": "\(leftover.bytes)"])
    }
  }

  func endpoints(
    _ models: any ModelSource, _ launcher: ReplicaLauncher, _ probes: ReplicaProbes,
    _ views: TelemetryViewChanges = TelemetryViewChanges()
  ) async throws -> ServingEndpoints {
    let store = try openStore()
    let processes = ProcessBackend(
      planeID: store.planeID, launcher: launcher, settings: settings, client: probes.client)
    let endpoints = ServingEndpoints(
      store: store, models: models, backend: settings.backend ?? processes, probes: probes, settings: settings,
      eventLoop: MultiThreadedEventLoopGroup.singleton.any(), wallClock: Self.wallClock, log: log,
      onTelemetryTables: { views.set($0) })
    do { try await endpoints.load() } catch {
      throw PlaneStartError(
        message: "the plane's store \(settings.storePath) cannot be read: \(error)",
        advice: "if the file is damaged, move it away; endpoints must then be applied again")
    }
    return endpoints
  }

  func tokens(_ data: DataDirectory, _ endpoints: ServingEndpoints) async throws -> TokenStore {
    let authorizer = PlaneAuthorizer(adminToken: data.token, grants: endpoints.grants, now: Self.wallClock)
    let tokens = TokenStore(
      authorizer: authorizer, store: endpoints.store, writer: endpoints.writer, now: Self.wallClock, log: log)
    do { try await tokens.load() } catch {
      throw PlaneStartError(
        message: "the tokens in the plane's store \(settings.storePath) cannot be read: \(error)",
        advice: "if the file is damaged, move it away; endpoints must then be applied again, and tokens created again")
    }
    return tokens
  }

  private func plane(
    _ data: DataDirectory, _ endpoints: ServingEndpoints, _ tokens: TokenStore, _ models: Models,
    _ sockets: PlaneSockets, _ collection: TelemetryCollection, _ tls: TLSIdentity?
  ) -> RunningPlane {
    let authorizer = tokens.authorizer
    let gate = ChangeGate()
    let client = HTTPClient(
      configuration: HTTPClientConfiguration(
        proxy: .none, timeouts: HTTPTimeouts(connect: .seconds(10), idle: .seconds(3600), total: nil)))
    let relay = TakeoverRelay(gate: gate, client: client)
    var registrations: ModelRegistrations?
    if case .directory(let directory) = models {
      registrations = ModelRegistrations(models: directory, gate: gate, log: log)
    }
    let gateway = Gateway(
      directory: endpoints.table, authorizer: authorizer, isElsewhere: { gate.isHandedOver },
      record: { [telemetry = collection.telemetry] in telemetry.record($0) })
    let clients = clients(authorizer)
    let server = SocketServer(
      responder: router(
        endpoints, models, registrations, tokens, relay: relay, telemetry: collection.telemetry,
        connections: { clients.count }
      ).buildResponder(),
      clients: clients,
      makeHandler: { gateway.makeHandler() }, tls: tls, logger: quiet)
    return RunningPlane(
      settings: settings, data: data, endpoints: endpoints, registrations: registrations, tokens: tokens,
      sockets: sockets, server: server, tls: tls, gate: gate,
      shutdown: PlaneShutdown(
        server: server, sockets: sockets, endpoints: endpoints, settings: settings, hurry: hurry, log: log),
      startup: PlaneStartup(
        endpoints: endpoints, settings: settings, sockets: sockets, log: log, onListening: onListening),
      collection: collection, log: log)
  }

  /// The routes of the API. Who may call one is in ``RouteRule``.
  ///
  /// - Parameters:
  ///   - telemetry: nil if nothing is recorded.
  ///   - connections: the number of open connections.
  func router(
    _ endpoints: ServingEndpoints, _ models: Models, _ registrations: ModelRegistrations?, _ tokens: TokenStore,
    relay: TakeoverRelay, telemetry: PlaneTelemetry? = nil, connections: @escaping @Sendable () -> Int = { 0 }
  ) -> Router<PlaneContext> {
    let router = Router(context: PlaneContext.self)
    let methods = AllowedMethods()
    let authorizer = tokens.authorizer
    let telemetry = telemetry ?? PlaneTelemetry(store: nil, exporter: nil, log: log)
    router.add(middleware: MetricsMiddleware())
    router.add(middleware: ErrorMiddleware(authorizer: authorizer, methods: methods))
    router.add(middleware: relay)
    router.add(middleware: AccessMiddleware(authorizer: authorizer))
    router.get("/health") { _, _ in Response.json(["status": "ok"]) }
    HostMetadataCalls(planeID: endpoints.store.planeID).addRoutes(to: router)
    let guarded = router.group().add(middleware: ChangeGateMiddleware(relay: relay))
    let body = CallBody(limit: settings.maximumBody, authorizer: authorizer)
    EndpointCalls(endpoints: endpoints, authorizer: authorizer, body: body).addRoutes(to: guarded)
    PermissionCalls(endpoints: endpoints, body: body).addRoutes(to: guarded)
    TokenCalls(tokens: tokens, body: body).addRoutes(to: guarded)
    EvidenceCalls(endpoints: endpoints, telemetry: telemetry, authorizer: authorizer).addRoutes(to: guarded)
    if let registrations {
      let hub = HubTool(
        interpreter: settings.interpreter, environment: settings.environment, secrets: endpoints.secrets)
      ModelCalls(
        models: registrations.models, endpoints: endpoints, registrations: registrations, hub: hub, body: body
      ).addRoutes(to: guarded)
    } else if case .mlflow(let models) = models {
      MLflowModelCalls(models: models, endpoints: endpoints, body: body).addRoutes(to: guarded)
    }
    MetricsCalls(
      endpoints: endpoints, telemetry: telemetry, version: settings.version, libraries: settings.libraries,
      connections: connections, now: PlaneTelemetry.wallClock
    ).addRoutes(to: guarded)
    BackupCalls(settings: settings, now: Self.wallClock).addRoutes(to: guarded)
    IdentityCalls(user: settings.user).addRoutes(to: guarded)
    FigureCalls(endpoints: endpoints, authorizer: authorizer, telemetry: telemetry, now: Self.wallClock)
      .addRoutes(to: guarded)
    LogCalls(endpoints: endpoints, telemetry: telemetry, now: Self.wallClock).addRoutes(to: guarded)
    TelemetryCalls(telemetry: telemetry.store, authorizer: authorizer, body: body) { _ = try await endpoints.get($0) }
      .addRoutes(to: guarded)
    methods.learn(
      router.routes.map { ($0.path, $0.method) }
        + Gateway.routes.compactMap { route in
          HTTPRequest.Method(rawValue: route.method).map { (RouterPath(route.path), $0) }
        })
    return router
  }

  /// Asks for a body that is held back only if it can be used: with a token, and not larger than any call accepts.
  private func clients(_ authorizer: any Authorizer) -> ClientConnections {
    ClientConnections(settings.clients) { authorization, length in
      length ?? 0 <= GatewayLimits().maxBodyBytes && (try? authorizer.principal(authorization: authorization)) != nil
    }
  }

  func makeLauncher() async -> ReplicaLauncher {
    let accelerators = if let given = settings.accelerators { given } else { await Accelerators.detect() }
    return ReplicaLauncher(
      python: settings.interpreter, environment: settings.environment, accelerators: accelerators,
      cores: ProcessInfo.processInfo.activeProcessorCount, secrets: SecretFolder(path: settings.secretsPath))
  }

  private func openStore() throws(PlaneStartError) -> EndpointStore {
    do { return try EndpointStore(path: settings.storePath) } catch let error as StorageError {
      throw PlaneStartError(
        message: error.message, advice: error.next ?? "retry, or specify another data directory with --data DIR")
    } catch {
      throw PlaneStartError(
        message: "the plane's store \(settings.storePath) cannot be opened: \(error)",
        advice: "if the file is damaged, move it away; endpoints must then be applied again")
    }
  }

  private func bindSockets() throws -> PlaneSockets {
    do { return try PlaneSockets.bind(settings, log: log) } catch {
      let failure = ListenFailure(
        error, host: settings.host, port: settings.port, program: "the plane", portOption: "--port")
      throw failure.map { PlaneStartError(message: $0.message, advice: $0.advice) } ?? error
    }
  }

  /// Without the server library's own messages, which only help its developers.
  private var quiet: Logger {
    var logger = log
    if logger.logLevel < .warning { logger.logLevel = .warning }
    return logger
  }

  /// Milliseconds since 1970.
  private static let wallClock: @Sendable () -> Int64 = { Int64(Date().timeIntervalSince1970 * 1000) }
}
