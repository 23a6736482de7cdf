internal import ArgumentParser
internal import CanonicalJSON
internal import Controller
internal import Endpoints
internal import FoundationEssentials
internal import History
internal import Planning
internal import ServingAPI

struct DiffCommand: AsyncParsableCommand, ExitCodeOnError {
  static let configuration = CommandConfiguration(
    commandName: "diff", abstract: "Show what apply would change.",
    discussion: """
      Exits with 0 if nothing would change, with 1 if something would change or a hold needs attention, with 2 if the plan \
      is incomplete. With --detailed-exitcode: 0 for no changes, 2 for changes, 1 for errors.
      """)

  @OptionGroup var manifests: ManifestOptions
  @OptionGroup var fleet: FleetOptions
  @Option(help: ArgumentHelp("Save the plan to a file for \"apply --plan\".", valueName: "PLAN"), completion: .file())
  var out: String?
  @Flag(help: "Also list ignored differences, with the reason for each.") var explain = false
  @Flag(help: "Also run preflight checks: versions, permissions, and whether weights fit in memory.") var preflight =
    false
  @OptionGroup var prices: PriceOptions
  @Flag(help: "Exit with 2 for changes and 1 for errors, as terraform plan does.") var detailedExitcode = false
  @Option(name: .outputFormat, help: "The output format.") var output = PlanFormat.text
  @OptionGroup var provider: ProviderOptions
  @OptionGroup var registry: RegistryOptions
  @OptionGroup var workspace: WorkspaceOptions
  @OptionGroup var state: StateOptions

  var exitCodeOnError: Int32 { detailedExitcode ? 1 : 2 }

  func run() async throws {
    let set = try manifests.readUsable(else: ManifestOptions.unplanned)
    let (prices, rules) = (try self.prices.read(), try workspace.rules())
    let connection = try registry.applied(to: provider.connect()).gatingVersions(rules)
    let site = try workspace.site(at: connection.target)
    try await ManifestOptions.check(set, for: connection.client, on: site, rules, else: ManifestOptions.unplanned)
    let history = out == nil ? try state.readHistory() : try state.openHistory()
    let options = fleet.decisionOptions(fleet: provider.fleet)
    var pass = try await FleetPlan(
      set, connection.reconciler(history, options), connection.versions, allowMassDelete: fleet.allowMassDelete,
      explain: explain, cloud: site?.cloud
    ).withForecasts(of: connection, on: site)
    if preflight {
      let checks = try await connection.preflight(pass.reconciler, rules: rules, on: site)
      let fleetChecks = FleetPreflight(preflight: checks, items: pass.items, options: pass.reconciler.options)
      pass.preflight = try await fleetChecks.findings()
    }
    try show(pass, prices.map { pass.cost(by: $0, on: site?.cloud) })
    if let out { try save(SavedPlan(pass.plan, of: pass.items, options: options, key: history.key), to: out) }
    guard pass.unknowns.isEmpty else {
      // The plan has just said why.
      let (names, more) = (pass.unknowns.prefix(10).joined(separator: ", "), pass.unknowns.count - 10)
      throw ErrorReport(
        "the plan is incomplete: some endpoints are blocked",
        why: "the plan shows the reason for each: \(names)\(more > 0 ? " and \(more) more" : "")")
    }
    if pass.plan.hasChanges || pass.plan.needsPerson { throw ExitCode(detailedExitcode ? 2 : 1) }
  }

  private func show(_ pass: FleetPlan, _ cost: PlanCost?) throws {
    let console = CommandContext.current.console
    switch output {
    case .json: try console.json(console.suggestions.completed(pass.json(cost)))
    case .text:
      for line in pass.lines(console.outputPalette, explain: explain) { try console.result(line) }
      for line in cost?.lines(console.outputPalette) ?? [] { try console.result(line) }
    }
  }

  private func save(_ plan: SavedPlan, to path: String) throws {
    do {
      try Data(plan.json.bytes(.pretty) + [0x0A]).write(to: URL(filePath: path), options: .atomic)
    } catch {
      throw ErrorReport(
        "cannot write the plan to \(path)", why: error.systemMessage,
        next: "choose a file in an existing directory that you can write to")
    }
    let console = CommandContext.current.console
    console.note("saved; apply it with: \(console.suggestions.command(["apply", "--plan", path]))")
  }
}
