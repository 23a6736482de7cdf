internal import ArgumentParser
internal import CanonicalJSON
internal import Controller
internal import Planning

struct RetryCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "retry", abstract: "Lift a hold and retry.",
    discussion: """
      Use it after a failure with an external cause, or to undo "setpoint rollback". The config is retried with its \
      manifest's steps and verification. Exits with 1 if there is nothing to retry.
      """)

  @Argument(help: "The endpoint's name.", completion: .endpoints) var name: String
  @OptionGroup var convergence: WaitOptions
  @OptionGroup var preflight: PreflightOptions
  @OptionGroup var provider: ProviderOptions
  @OptionGroup var registry: RegistryOptions
  @OptionGroup var workspace: WorkspaceOptions
  @OptionGroup var state: StateOptions

  func run() async throws {
    let connection = try registry.applied(to: provider.connect())
      .gatingVersions(workspace.rules(), if: preflight.isOn)
    let reconciler = connection.reconciler(
      try state.openHistory(), DecisionOptions(fleet: provider.fleet, leavesSettings: true))
    // The held config determines what to retry, so it has to be read before the hold is lifted.
    let wanted = try? await reconciler.standing(name)
    let console = CommandContext.current.console
    if let plan = try await LiveEndpoint.required(connection, { try await reconciler.retryPlan(name) }) {
      let items = [try await reconciler.retryItem(name)].compactMap(\.self)
      let site = try workspace.site(at: connection.target)
      let forecasts = try await connection.forecasts(items, reconciler.options, on: site)
      for line in PlanText.lines(plan.with(forecasts), palette: console.notesPalette) { console.note(line) }
    }
    if preflight.isOn, let item = try await reconciler.retryItem(name) {
      guard try await convergence.passesPreflight(item, connection, reconciler, workspace) else { return }
    }
    try await reconciler.retry(name)
    try await reconciler.note("a retry was requested", of: name)
    guard let wanted, case .present = wanted.desired(name) else {
      console.note(
        "\(name): the hold is lifted; its config is not in this machine's history; run \"setpoint apply -f ...\" next"
      )
      if convergence.output == .json {
        try console.json([
          "kind": "EndpointResult", "endpoint": .string(name), "outcome": "hold lifted", "succeeded": true,
        ])
      }
      return
    }
    if !(try await reconciler.knowsPolicy(of: name)) {
      console.note(
        "\(name): its manifest's steps and checks are not in this machine's history, so all traffic moves at once; "
          + "\"setpoint apply -f\" uses the steps")
    }
    try convergence.conclude(await convergence.converge(name, wanted, reconciler, .retry), .retry)
  }
}
