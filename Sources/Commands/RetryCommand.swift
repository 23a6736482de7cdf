internal import ArgumentParser
internal import CanonicalJSON
internal import Controller
internal import Planning

struct RetryCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "retry", abstract: "Lift what is held of an endpoint, and try it again.",
    discussion: """
      For a version that failed through no fault of its own, or to undo "setpoint rollback". It goes in the steps and passes \
      the checks that its manifest had when it was sent. Exits with 1 where nothing is held and no call has failed.
      """)

  @Argument(help: "The endpoint's name.", completion: .endpoints) var name: String
  @OptionGroup var walk: WalkOptions
  @OptionGroup var provider: ProviderOptions
  @OptionGroup var registry: RegistryOptions
  @OptionGroup var state: StateOptions

  func run() async throws {
    let connection = try registry.applied(to: provider.connect())
    let reconciler = connection.reconciler(
      try state.openHistory(), DecisionOptions(fleet: provider.fleet, leavesSettings: true))
    // What is wanted is told by what is held, so it has to be read before the hold is lifted.
    let wanted = try? await reconciler.standing(name)
    let console = Surroundings.current.console
    if let plan = try await reconciler.retryPlan(name) {
      for line in PlanText.lines(plan, palette: console.notesPalette) { console.note(line) }
    }
    try await reconciler.retry(name)
    try await reconciler.note("a person asked to try again", of: name)
    guard let wanted, case .present = wanted.desired(name) else {
      console.note(
        "\(name): the hold is lifted; its config is not in this machine's history, so run \"setpoint apply -f ...\" next"
      )
      if walk.output == .json {
        try console.json(["kind": "WalkResult", "endpoint": .string(name), "outcome": "hold lifted", "succeeded": true])
      }
      return
    }
    if !(try await reconciler.knowsPolicy(of: name)) {
      console.note(
        "\(name): its manifest's steps and checks are not in this machine's history: all of the traffic moves at once; "
          + "\"setpoint apply -f\" takes the steps")
    }
    try walk.conclude(await walk.walk(name, wanted, reconciler, .retry), .retry)
  }
}
