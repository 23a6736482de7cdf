internal import ArgumentParser
internal import Controller
internal import Planning
internal import ServingAPI

struct RollbackCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rollback", abstract: "Roll an endpoint back to a good revision and keep it there.",
    discussion: """
      Shows the plan first. The current config is held until its manifest changes or you run "setpoint retry NAME", so \
      that the next apply does not undo the rollback. "setpoint history NAME" lists the revisions.
      """)

  @Argument(help: "The endpoint's name.", completion: .endpoints) var name: String
  @Option(
    help: ArgumentHelp(
      "The revision number. (default: the last good one that is not live; during an update, the live one counts too)",
      valueName: "N"), completion: .revisions)
  var to: Int?
  @Flag(help: "Show the plan without changing anything.") var dryRun = false
  @OptionGroup var convergence: WaitOptions
  @OptionGroup var preflight: PreflightOptions
  @OptionGroup var provider: ProviderOptions
  @OptionGroup var registry: RegistryOptions
  @OptionGroup var workspace: WorkspaceOptions
  @OptionGroup var state: StateOptions

  func run() async throws {
    let connection = try registry.applied(to: provider.connect())
    let history = try state.openHistory()
    let reconciler = connection.reconciler(
      history, DecisionOptions(fleet: provider.fleet, leavesSettings: true))
    let console = CommandContext.current.console
    let planned = try await LiveEndpoint.required(connection) { try await reconciler.rollbackPlan(name, to: to) }
    let site = try workspace.site(at: connection.target)
    let forecasts = try await connection.forecasts(
      [try await reconciler.rollbackItem(name, to: to)], reconciler.options, on: site)
    let plan = planned.with(forecasts)
    if dryRun {
      switch convergence.output {
      case .json: try console.json(console.suggestions.completed(plan.json))
      case .text: for line in PlanText.lines(plan, palette: console.outputPalette) { try console.result(line) }
      }
      if preflight.isOn {
        let item = try await reconciler.rollbackItem(name, to: to)
        try await convergence.notePreflight(item, connection, reconciler, workspace)
      }
      return
    }
    for line in PlanText.lines(plan, palette: console.notesPalette) { console.note(line) }
    let (fleet, target) = (provider.fleet, connection.target.url)
    if let controller = RunningController(of: fleet, at: target, in: try state.directory) {
      let held = try await reconciler.digestHeld(byRollbackOf: name, to: to)
      try await controller.warn(beforeRollingBack: name, from: held, history, console)
    }
    if preflight.isOn {
      let item = try await reconciler.rollbackItem(name, to: to)
      guard try await convergence.passesPreflight(item, connection, reconciler, workspace) else { return }
    }
    let goal = try await reconciler.rollBack(name, to: to)
    let what = goal?.isNewer == true ? "a newer revision was requested" : "a rollback was requested"
    try await reconciler.note(what, why: goal.map { "to revision \($0.revision)" } ?? "", of: name)
    let request = goal.map { RequestedChange.rollback($0) } ?? .plan
    try convergence.conclude(await convergence.converge(name, reconciler, request), request)
  }
}
