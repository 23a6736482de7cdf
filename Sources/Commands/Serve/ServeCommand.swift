internal import ArgumentParser
internal import Endpoints
internal import HTTPSupport
internal import Logging
internal import ModelRegistry
internal import ServiceLifecycle
internal import ServingAPI
internal import ServingPlane
internal import Telemetry
internal import UnixSignals

#if canImport(Darwin)
  internal import Darwin
#else
  internal import Glibc
#endif

struct ServeCommand: AsyncParsableCommand, LongRunning {
  static let configuration = CommandConfiguration(
    commandName: "serve", abstract: "Run the serving plane: endpoints on this machine's hardware.",
    discussion: """
      Serves the Databricks and OpenAI serving APIs and runs one vLLM process per replica. Commands on this machine find the \
      plane automatically; others need its address and a token ("setpoint tokens create"). The administrator's token is in \
      DIR/token. Ctrl-C waits for requests in progress, then stops the replicas; a second Ctrl-C stops at once. After a kill \
      the replicas keep running, and the next plane on the same directory adopts them.
      """)

  @Option(
    help: ArgumentHelp(
      "The data directory. (default: $XDG_DATA_HOME/setpoint, else ~/.local/share/setpoint)", valueName: "DIR"))
  var data: String?
  @Option(help: ArgumentHelp("The address to listen on. (default: 127.0.0.1:7387)", valueName: "HOST[:PORT]"))
  var listen: ListenAddress?
  @Option(help: ArgumentHelp("The port to listen on; 0 picks a free port.", valueName: "PORT")) var port: UInt16?
  @Option(
    help: ArgumentHelp(
      "Use TLS, with the certificate in this file, followed by those of its authorities, in PEM form. The file is read "
        + "again when it changes. Requires --tls-key.", valueName: "FILE"))
  var tlsCert: String?
  @Option(
    help: ArgumentHelp(
      "The certificate's private key, in PEM form, without a passphrase. Requires --tls-cert.", valueName: "FILE"))
  var tlsKey: String?
  @Option(help: ArgumentHelp("The Python used for python and python3 in a start command.", valueName: "PATH"))
  var python: String?
  @Option(
    help: ArgumentHelp(
      "Where registered models come from: mlflow:URL for an MLflow server, whose versions are downloaded when they are "
        + "first served; workspace for the plane's own model directory. (default: workspace)",
      valueName: "workspace|mlflow:URL"))
  var registry: String?
  @OptionGroup var replicas: ReplicaOptions
  @Flag(
    help: ArgumentHelp(
      "Replace the plane running on DIR without failing requests or restarting replicas. If none is running, start "
        + "as usual."))
  var takeover = false
  @Flag(
    help: ArgumentHelp(
      "Return once the plane is serving, and leave it running in the background. Later messages go to DIR/plane.log, "
        + "unless the output is a file or a service manager's log."))
  var background = false
  @Option(
    help: ArgumentHelp(
      "How long shutdown may take: requests finish first, then replicas are stopped.", valueName: "TIME"))
  var shutdownGrace = TimeSpan(seconds: 25)
  @OptionGroup(title: "Email") var mail: MailOptions
  @OptionGroup(title: "Clients") var clients: ClientOptions
  @OptionGroup(title: "Telemetry") var telemetry: TelemetryOptions
  @Flag(name: .shortAndLong, help: "Log each request and each change of a replica's state.") var verbose = false

  func validate() throws {
    if (tlsCert == nil) != (tlsKey == nil) {
      throw ValidationError("--tls-cert and --tls-key must be given together")
    }
    guard let registry else { return }
    do throws(TargetError) { _ = try RegistryChoice(registry, source: "--registry") } catch {
      throw ValidationError(error.description)
    }
  }

  func run() async throws {
    if background { throw ExitCode(try BackgroundStart.run(CommandLine.arguments)) }
    LargeAllocations.returnWhenFreed()
    let context = CommandContext.current
    var settings = try configuration(context.environment)
    let ownLog = BackgroundStart.isReadByCaller(context.environment) ? settings.logPath : nil
    settings.writesOwnLog = ownLog != nil
    // A file has no colors.
    let console = ownLog == nil ? context.console : .standard(environment: ["NO_COLOR": "1"])
    let log = Logger(label: "setpoint") { _ in
      ConsoleLog(console: console, now: context.now, logLevel: verbose ? .debug : .info)
    }
    let plane = PlaneService(settings, log: log) { listening in
      for line in Self.greeting(listening, log: ownLog) { console.note(line) }
      if listening.isExposed { console.note(console.notesPalette.paint("warning: \(Self.exposure)", .failed)) }
      ServiceNotification.serving(context.environment)
      if let ownLog {
        BackgroundStart.moveOutput(to: ownLog, console)
        if listening.isExposed { log.warning("\(Self.exposure)") }
      }
      BackgroundStart.tellParent(context.environment)
    }
    try await Self.run(plane)
  }

  /// Runs the plane until a signal stops it: the first one gracefully, the second one at once. The third ends the
  /// process by default.
  private static func run(_ plane: PlaneService) async throws {
    // Its own messages are about signals and services, which mean nothing to a user.
    let quiet = Logger(label: "setpoint.lifecycle") { _ in SwiftLogNoOpLogHandler() }
    let services = ServiceGroup(
      configuration: ServiceGroupConfiguration(
        services: [.init(service: plane, successTerminationBehavior: .gracefullyShutdownGroup)], logger: quiet))
    let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        var isStopping = false
        for await _ in signals {
          if isStopping {
            signal(SIGINT, SIG_DFL)
            signal(SIGTERM, SIG_DFL)
            plane.stopAtOnce()
          } else {
            isStopping = true
            await services.triggerGracefulShutdown()
          }
        }
      }
      try await services.run()
      group.cancelAll()
    }
  }

  private func configuration(_ environment: [String: String]) throws -> PlaneConfiguration {
    let given = environment
    var environment = environment
    // Replicas are not the service, and must not report readiness.
    for name in [ServiceNotification.variable, BackgroundStart.variable, MailOptions.passwordVariable] {
      environment[name] = nil
    }
    // They are for the plane's own export.
    if telemetry.otlp != nil { for name in OTLPTarget.headerVariables { environment[name] = nil } }
    let user = ["USER", "LOGNAME"].lazy.compactMap { environment[$0] }.first { !$0.isEmpty } ?? "setpoint"
    var configuration = PlaneConfiguration(
      dataDirectory: try dataDirectory(environment), user: user, environment: environment)
    configuration.host = (listen ?? .standard).host
    configuration.port = Int(port ?? listen?.port ?? ListenAddress.standardPort)
    if let tlsCert, let tlsKey {
      configuration.tls = TLSFiles(
        certificate: PlaneConfiguration.absolute(tlsCert), key: PlaneConfiguration.absolute(tlsKey))
    }
    configuration.isAddressGiven = listen != nil || port != nil
    configuration.takesOver = takeover
    configuration.version = SetpointVersion.number
    configuration.python = python
    configuration.options = ServeOptions.forRestart(
      CommandLine.arguments.dropFirst(2), isInBackground: BackgroundStart.isChild(given))
    configuration.mlflow = try mlflow(environment)
    replicas.apply(to: &configuration)
    configuration.mail = try mail.mail(given)
    configuration.shutdownGrace = shutdownGrace.duration
    clients.apply(to: &configuration, files: try OpenFileLimit.sufficient())
    try telemetry.apply(to: &configuration, environment: given)
    configuration.libraries = LibraryMetrics.registry
    configuration.runtimeDirectory = LocalPlane.runtimeDirectory(environment: environment)
    return configuration
  }

  /// The MLflow server of `--registry`; nil for the plane's own model directory.
  private func mlflow(_ environment: [String: String]) throws -> MLflowServer? {
    guard let registry, case .mlflow(let url, let source) = try RegistryChoice(registry, source: "--registry") else {
      return nil
    }
    let context = CommandContext.current
    return MLflowServer(
      url: url, source: source, credentials: try MLflowCredentials(environment: environment),
      version: SetpointVersion.number, transport: context.transport, timing: context.timing,
      // The plane's own callers wait meanwhile, and a failed download has its own back-off.
      retryPolicy: RetryPolicy(budget: .seconds(15), unreachableBudget: .seconds(3)))
  }

  private func dataDirectory(_ environment: [String: String]) throws -> String {
    if let data, !data.isEmpty { return data }
    if let shared = environment["XDG_DATA_HOME"], shared.hasPrefix("/") { return "\(shared)/setpoint" }
    if let home = environment["HOME"], !home.isEmpty { return "\(home)/.local/share/setpoint" }
    throw ErrorReport(
      "no data directory: neither XDG_DATA_HOME nor HOME is set",
      next: "set one with --data DIR")
  }

  private static let exposure =
    "other machines can reach this port, and it has no TLS: whoever sees the traffic can read prompts and take tokens; "
    + "use --tls-cert and --tls-key, or listen on 127.0.0.1 behind a proxy with TLS"

  /// - Parameter log: where the plane writes from now on; nil: to the same place.
  private static func greeting(_ listening: PlaneService.Listening, log: String?) -> [String] {
    let lines = [
      "the serving plane listens on \(listening.url)", "  token:        \(listening.tokenFile)",
      "  accelerators: \(listening.accelerators)",
      "  other tools:  export DATABRICKS_HOST=\(listening.url) DATABRICKS_TOKEN=$(cat \(ShellWord.quoted(listening.tokenFile)))",
    ]
    return lines + (log.map { ["  log:          \($0)"] } ?? [])
  }
}
