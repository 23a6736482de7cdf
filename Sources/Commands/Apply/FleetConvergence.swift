internal import Controller
internal import Endpoints
internal import History
internal import Planning
internal import ServingAPI

/// Converges endpoints to their desired state, shows the progress, and ends early if the user interrupts.
struct FleetConvergence: Sendable {
  let limits: ConvergenceLimits
  let context: CommandContext
  var request = RequestedChange.plan
  /// Whether the command reports each endpoint's outcome as text on standard output.
  var isReported = false

  /// - Parameter preflight: the checks that each endpoint must pass before anything is sent for it; nil: none.
  func run(_ names: [String], _ pass: FleetPlan, preflight: FleetPreflight? = nil) async -> [ConvergenceResult] {
    await run(names, of: pass.fleet, pass.reconciler, preflight: preflight)
  }

  func run(
    _ names: [String], of fleet: DesiredFleet, _ reconciler: Reconciler, preflight: FleetPreflight? = nil
  ) async -> [ConvergenceResult] {
    guard !names.isEmpty else { return [] }
    let titles = ProgressTitles(request)
    return await showing { display in
      await reconciler.converge(
        names, of: fleet, limits: limits,
        admit: { name in
          await preflight?.admission(name, limits: limits, display: display, context: context)
        }, sleep: context.timing.sleep
      ) { event in
        if let progress = titles.progress(event) { display.note(progress) }
      }
    }
  }

  /// Runs the preflight checks of one endpoint before anything is sent for it.
  ///
  /// - Returns: the result if nothing may be sent; nil: it may be changed.
  func refusal(of item: PlanItem, _ reconciler: Reconciler, _ preflight: FleetPreflight) async -> ConvergenceResult? {
    let titles = ProgressTitles(request)
    return await showing { display in
      let refusal = await reconciler.refusal(of: item.name, desired: item.desired, limits: limits) { name in
        await preflight.admission(name, limits: limits, display: display, context: context)
      }
      guard let refusal else { return [] }
      if let progress = titles.progress(.ended(refusal)) { display.note(progress) }
      return [refusal]
    }.first
  }

  /// Shows the progress of a body, and cancels it if the user interrupts.
  private func showing(
    _ body: @escaping @Sendable (ProgressDisplay) async -> [ConvergenceResult]
  ) async -> [ConvergenceResult] {
    let console = context.console
    let display = ProgressDisplay(
      console: console, now: context.now, leavesEnds: isReported && console.isOneStream)
    defer { display.finish() }
    return await withTaskGroup(of: FinishedTask.self) { group in
      group.addTask { .results(await body(display)) }
      group.addTask {
        await display.keepTime(context.heartbeat)
        return .nothing
      }
      group.addTask {
        guard await context.interruption() else { return .nothing }
        display.say("interrupted; changes that the provider accepted continue there")
        return .interruption
      }
      var results: [ConvergenceResult] = []
      for await ended in group {
        switch ended {
        case .results(let ended):
          results = ended
          group.cancelAll()
        // A canceled body still reports its state.
        case .interruption: group.cancelAll()
        case .nothing: break
        }
      }
      return results
    }
  }

  private enum FinishedTask: Sendable {
    case results([ConvergenceResult])
    case interruption
    case nothing
  }
}
