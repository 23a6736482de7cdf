internal import ArgumentParser
internal import Controller
internal import Planning

/// How long a command that changes one endpoint stays with it.
struct WalkOptions: ParsableArguments {
  @Flag(name: .customLong("no-wait"), help: "Send what is to be sent and do not wait for the provider.") var noWait =
    false
  @Option(help: ArgumentHelp("How long to wait. (default: the rollout's deadline)", valueName: "TIME")) var timeout:
    TimeSpan?

  @Option(name: .shortAndLong, help: "The form of the output.") var output = PlanFormat.text

  init() {}

  /// Walks the endpoint to what it was last asked to be.
  func walk(_ name: String, _ reconciler: Reconciler, _ undertaking: Undertaking) async throws -> WalkResult? {
    await walk(name, try await reconciler.standing(name), reconciler, undertaking)
  }

  func walk(
    _ name: String, _ fleet: DesiredFleet, _ reconciler: Reconciler, _ undertaking: Undertaking
  ) async -> WalkResult? {
    let walk = FleetWalk(
      limits: WalkLimits(waits: !noWait, timeout: timeout?.duration), surroundings: Surroundings.current,
      undertaking: undertaking, isReported: output == .text)
    return await walk.run([name], of: fleet, reconciler).first
  }

  /// Prints how the walk ended, and fails where it did.
  func conclude(_ result: WalkResult?, _ undertaking: Undertaking) throws {
    guard let result else { throw ExitCode(1) }
    let outcome = EndpointOutcome(result, lastAction: result.calls.isEmpty ? nil : .update, undertaking: undertaking)
    let console = Surroundings.current.console
    switch output {
    case .json: try console.json(outcome.document("WalkResult", console.suggestions))
    case .text: for line in outcome.lines(console.outputPalette) { try console.result(line) }
    }
    if case .interrupted = result.ending { throw ExitCode(130) }
    guard outcome.isSuccess else { throw ExitCode(1) }
  }
}
