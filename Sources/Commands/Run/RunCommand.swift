internal import ArgumentParser
internal import Controller
internal import HTTPSupport
internal import Logging
internal import ServiceLifecycle
internal import ServingAPI
internal import UnixSignals

struct RunCommand: AsyncParsableCommand, LongRunning {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Continuously reconcile a fleet with its manifests.",
    discussion: """
      Reads manifests from a directory (-f) or a git repository (--git), checks every endpoint of the fleet, and reverts \
      drift. A version that fails is rolled back and held until its manifest changes. Only endpoints with the fleet's tag \
      are touched. "setpoint status" and "setpoint events" show what it does; http://127.0.0.1:7388 has metrics and probes. \
      Ctrl-C and SIGTERM let calls in flight finish. After a kill, the next run resumes from live state.
      """)

  @OptionGroup(title: "Source") var source: SourceOptions
  @OptionGroup(title: "Rules") var rules: RuleOptions
  @OptionGroup(title: "HTTP and notifications") var outlets: ObservabilityOptions
  @OptionGroup(title: "Provider") var provider: ProviderOptions
  @OptionGroup var registry: RegistryOptions
  @OptionGroup(title: "Workspace") var workspace: WorkspaceOptions
  @OptionGroup var preflight: PreflightOptions
  @OptionGroup var state: StateOptions

  func validate() throws {
    guard provider.fleet != "default" else {
      throw ValidationError(
        "a controller needs a fleet other than \"default\", because it manages every endpoint tagged with its fleet; "
          + "specify one with --fleet NAME or SETPOINT_FLEET")
    }
  }

  func run() async throws {
    let context = CommandContext.current
    let log = outlets.logger(context)
    let metrics = ControllerMetrics(
      version: SetpointVersion.number, fleet: provider.fleet, started: FleetPlan.now, concurrency: rules.concurrency,
      libraries: LibraryMetrics.registry)
    // The queue waits after a failure, so that one endpoint costs one call for each step of its back-off.
    // The log reports the provider in its own format.
    let transport = metrics.counting(context.transport)
    let once = RetryPolicy(budget: .zero, unreachableBudget: .zero)
    let connection = try registry.applied(
      to: provider.connect(transport: transport, retryPolicy: once, isSaid: false), transport: transport,
      retryPolicy: once, isSaid: false)
    let assembly = try await ControllerAssembly(
      self, connection, metrics: metrics, log: log, context: context)
    // Its own messages are about signals and services, which mean nothing to a user.
    let quiet = Logger(label: "setpoint.lifecycle") { _ in SwiftLogNoOpLogHandler() }
    // The last one is stopped first: the controller, so that probes answer and notifications are sent until it ends.
    let services = assembly.services.map {
      ServiceGroupConfiguration.ServiceConfiguration(
        service: $0, successTerminationBehavior: .gracefullyShutdownGroup)
    }
    do {
      try await ServiceGroup(
        configuration: ServiceGroupConfiguration(
          services: services, gracefulShutdownSignals: [.sigint, .sigterm], logger: quiet)
      ).run()
    } catch let error as ListenFailure {
      throw try explained(error, connection)
    }
  }

  /// Returns the error with the fleet's other controller, which may be using the port.
  private func explained(_ error: ListenFailure, _ connection: Connection) throws -> any Error {
    let status = FileLease.status(of: provider.fleet, at: connection.target.url, in: try state.directory)
    guard case .held(let holder) = status else { return error }
    return ErrorReport(
      error.message,
      why: "a controller of fleet \"\(provider.fleet)\" is already running"
        + (holder.map { " (\($0)) and may be using the port" } ?? " and may be using the port"), next: error.advice)
  }
}
