internal import ArgumentParser
internal import CanonicalJSON
internal import Controller
internal import Planning

struct RollbackCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rollback", abstract: "Go back to a revision that was good, and stay there.",
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
    try await reconciler.rollBack(name, to: to)
    try await reconciler.note("a person asked to go back", why: to.map { "to revision \($0)" } ?? "", of: name)
    let result = try await walk.walk(name, reconciler)
    // Being held at the revision that was asked for is what a rollback is.
    if case .held(let reason)? = result?.ending, reason.code == .rolledBack {
      guard walk.output == .text else {
        var members: [String: JSONValue] = [
          "kind": "WalkResult", "endpoint": .string(name), "outcome": "rolled back", "succeeded": true,
          "calls": .array((result?.calls ?? []).map { .string($0) }),
        ]
        if !reason.detail.isEmpty { members["why"] = .string(reason.detail) }
        return try console.json(.object(members))
      }
      return try console.result(
        "\(name): rolled back" + (reason.detail.isEmpty ? "" : ": \(reason.detail)"))
    }
    try walk.conclude(result)
  }
}
