internal import ArgumentParser
internal import Controller
internal import Endpoints
internal import Planning

/// How long a command that changes one endpoint waits for it.
struct WaitOptions: ParsableArguments {
  @Flag(
    name: .customLong("no-wait"),
    help: "Send the changes and return; the next apply or a controller records the result.")
  var noWait = false
  @Option(help: ArgumentHelp("How long to wait. (default: the rollout's deadline)", valueName: "TIME")) var timeout:
    TimeSpan?

  @Option(name: .outputFormat, help: "The output format.") var output = PlanFormat.text

  init() {}

  /// Converges the endpoint to its last requested state.
  func converge(_ name: String, _ reconciler: Reconciler, _ request: RequestedChange) async throws -> ConvergenceResult?
  {
    await converge(name, try await reconciler.standing(name), reconciler, request)
  }

  func converge(
    _ name: String, _ fleet: DesiredFleet, _ reconciler: Reconciler, _ request: RequestedChange
  ) async -> ConvergenceResult? {
    await convergence(request).run([name], of: fleet, reconciler).first
  }

  private func convergence(_ request: RequestedChange) -> FleetConvergence {
    FleetConvergence(
      limits: ConvergenceLimits(waits: !noWait, timeout: timeout?.duration), context: CommandContext.current,
      request: request, isReported: output == .text)
  }

  /// Runs the preflight checks of a change before anything is sent for it.
  ///
  /// - Returns: true if it may be sent. Otherwise the outcome is printed, and this usually throws the exit code.
  func passesPreflight(
    _ item: PlanItem, _ connection: Connection, _ reconciler: Reconciler, _ workspace: WorkspaceOptions
  ) async throws -> Bool {
    let checks = try await preflight(item, connection, reconciler, workspace)
    guard let refusal = await convergence(.plan).refusal(of: item, reconciler, checks) else { return true }
    try conclude(refusal, .plan)
    return false
  }

  /// Notes what the preflight checks of a change find that would keep it from being sent, or should be known before.
  func notePreflight(
    _ item: PlanItem, _ connection: Connection, _ reconciler: Reconciler, _ workspace: WorkspaceOptions
  ) async throws {
    let findings = try await preflight(item, connection, reconciler, workspace).findings()[item.name] ?? []
    for finding in findings where finding.outcome == .refused || finding.outcome == .warning {
      CommandContext.current.console.note("\(item.name): preflight: \(FleetPreflight.line(finding))")
    }
  }

  private func preflight(
    _ item: PlanItem, _ connection: Connection, _ reconciler: Reconciler, _ workspace: WorkspaceOptions
  ) async throws -> FleetPreflight {
    let (rules, site) = (try workspace.rules(), try workspace.site(at: connection.target))
    var preflight = try await connection.preflight(reconciler, rules: rules, on: site)
    preflight.refusesRollbacks = true
    return FleetPreflight(preflight: preflight, items: [item], options: reconciler.options)
  }

  /// Prints the outcome, and throws if it is a failure.
  func conclude(_ result: ConvergenceResult?, _ request: RequestedChange) throws {
    guard let result else { throw ExitCode(1) }
    let outcome = EndpointOutcome(result, lastAction: result.calls.isEmpty ? nil : .update, request: request)
    let console = CommandContext.current.console
    switch output {
    case .json: try console.json(outcome.document("EndpointResult", console.suggestions))
    case .text: for line in outcome.lines(console.outputPalette) { try console.result(line) }
    }
    if case .interrupted = result.ending { throw ExitCode(130) }
    guard outcome.isSuccess else { throw ExitCode(1) }
  }
}
