internal import Controller
internal import Endpoints
internal import History
internal import Logging
internal import ModelRegistry
internal import Planning
internal import ServiceLifecycle
internal import ServingAPI

/// Assembles a controller from a command line.
struct ControllerAssembly {
  /// In the order in which they are started; stopped in reverse order.
  let services: [any Service]

  init(
    _ command: RunCommand, _ connection: Connection, metrics: ControllerMetrics, log: Logger, context: CommandContext
  ) async throws {
    var given = try command.rules.options(fleet: command.provider.fleet, environment: context.environment)
    given.startArguments = RunArguments.forRestart(CommandLine.arguments.dropFirst(2))
    let options = given
    let state = try command.state.directory
    // An invalid source is reported before anything is created or opened.
    let unchecked = try await command.source.source(state: state, environment: context.environment, log: log)
    let history = try HistoryStore.open(in: state)
    let pause = PauseFile(path: command.rules.pauseFile ?? state.file("paused"))
    let (wakes, waker) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    let timing = context.timing
    let notifier = try command.outlets.notifier(context, metrics: metrics, log: log)
    let queue = KeyQueue(
      backoff: FleetController.backoff, now: timing.elapsed, chance: timing.jitter, sleep: timing.sleep)
    let versions = connection.versions
    let target = connection.target
    let (site, workspaceRules) = (try command.workspace.site(at: target), try command.workspace.rules())
    let kind = ProviderKind(ask: { [client = connection.client] in await client.identifiesAsPlane() })
    let source = ValidatedSource(
      unchecked,
      validation: { set in
        // The provider is queried for its kind only if that matters, and each time: another one may have its address
        // now.
        let isInQuestion = site == nil && set.manifests.contains { $0.dependsOnProvider }
        let isPlane = isInQuestion ? await kind.isPlane() : false
        return { ManifestOptions.findings($0, on: site, isPlane: isPlane, workspaceRules) }
      })
    let reconciler = connection.gatingVersions(workspaceRules, if: command.preflight.isOn)
      .reconciler(history, options.decision(commit: nil))
    var preflight: ControllerParts.PreflightCheck?
    if command.preflight.isOn {
      let checks = connection.continuousPreflight(reconciler, rules: workspaceRules, on: site)
      preflight = { item, decision in try await checks.findings(item, decision) }
    }
    let parts = ControllerParts(
      source: source,
      versionOfAlias: { try await versions.resolve(model: $0.model, alias: $0.name) },
      preflight: preflight,
      budgetFile: BudgetFile.shared(in: state, for: target, context) { log.warning("\($0)") },
      lease: FileLease(
        directory: state.path, provider: connection.target.url, fleet: options.fleet,
        now: { Timestamp(milliseconds: context.now()) }),
      pause: { pause.current() }, notifications: notifier ?? NoNotifications(), metrics: metrics, log: log,
      alarm: timing.sleep,
      elapsed: timing.elapsed, chance: timing.jitter, instance: Self.instance(timing.jitter))
    let controller = FleetController(reconciler, options, parts, queue: queue)
    let tokenFile = command.outlets.tokenFile(in: state)
    let standing = LeadershipLog(metrics: metrics, log: log)
    let service = ControllerService(
      controller, options, parts, syncRequests: wakes, sleep: timing.sleep, onStanding: { standing.note($0) })
    let listener = ControllerListener(
      try command.outlets.listenerSettings(state: state),
      ListenerCalls(
        controller, queue, standing, pause: pause, hook: try command.outlets.hook(), metrics: metrics,
        options: options, wake: { waker.yield() }, now: context.now),
      log: log,
      onListening: { listening in
        log.info(
          "metrics, probes and hooks are at \(listening.url)", metadata: tokenFile.map { ["tokenFile": "\($0)"] } ?? [:]
        )
      })
    log.info(
      "reconciling fleet \(options.fleet) at \(connection.target) with \(parts.source.description)",
      metadata: [
        "mode": "\(options.mode.rawValue)",
        "interval": "\(TimeText.span(seconds: options.interval.components.seconds))",
      ])
    services = [notifier as (any Service)?, listener, service].compactMap(\.self)
  }

  /// Returns a few letters that distinguish this process's runs from others in logs.
  private static func instance(_ chance: @Sendable () -> Double) -> String {
    let letters = Array("abcdefghijkmnpqrstuvwxyz23456789")
    return String((0..<5).map { _ in letters[min(letters.count - 1, Int(chance() * Double(letters.count)))] })
  }
}
