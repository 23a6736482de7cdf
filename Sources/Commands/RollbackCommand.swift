internal import ArgumentParser
internal import Controller
internal import Planning

struct RollbackCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rollback", abstract: "Go to a revision that was good, mostly an earlier one, and stay there.",
    discussion: """
      Shows its plan first. The present config is held until its manifest changes or "setpoint retry NAME" is said, so \
      that the next apply does not undo the rollback. "setpoint history NAME" lists the revisions.
      """)

  @Argument(help: "The endpoint's name.", completion: .endpoints) var name: String
  @Option(help: ArgumentHelp("The revision's number. (default: the last good one that is not live)", valueName: "N"))
  var to: Int?
  @Flag(help: "Show the plan and change nothing.") var dryRun = false
  @OptionGroup var walk: WalkOptions
  @OptionGroup var provider: ProviderOptions
  @OptionGroup var registry: RegistryOptions
  @OptionGroup var state: StateOptions

  func run() async throws {
    let connection = try registry.applied(to: provider.connect())
    let reconciler = connection.reconciler(
      try state.openHistory(), DecisionOptions(fleet: provider.fleet, leavesSettings: true))
    let console = Surroundings.current.console
    let plan = try await reconciler.rollbackPlan(name, to: to)
    if dryRun {
      switch walk.output {
      case .json: try console.json(plan.json)
      case .text: for line in PlanText.lines(plan, palette: console.outputPalette) { try console.result(line) }
      }
      return
    }
    for line in PlanText.lines(plan, palette: console.notesPalette) { console.note(line) }
    let goal = try await reconciler.rollBack(name, to: to)
    let what = goal?.isNewer == true ? "a person asked to restore a newer revision" : "a person asked to go back"
    try await reconciler.note(what, why: goal.map { "to revision \($0.revision)" } ?? "", of: name)
    let undertaking = goal.map { Undertaking.rollback($0) } ?? .plan
    try walk.conclude(await walk.walk(name, reconciler, undertaking), undertaking)
  }
}
