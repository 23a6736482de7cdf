internal import ArgumentParser
internal import CanonicalJSON
internal import Controller
internal import Endpoints
internal import History
internal import ModelRegistry
internal import Planning
internal import ServingAPI

struct ApplyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "apply", abstract: "Apply manifests and wait until their endpoints are in sync.",
    discussion: """
      A version that fails is rolled back to the last good one and held until the manifest changes or you run "setpoint \
      retry". Exits with 0 if all endpoints are in sync, or left alone because they are suspended or retained; with 1 if \
      something failed or is held. If interrupted, it lists the changes in flight; run the same command to resume.
      """)

  @OptionGroup var manifests: ManifestOptions
  @OptionGroup var fleet: FleetOptions
  @Option(
    help: ArgumentHelp(
      "Apply a plan saved by \"diff --out\". Refused if live state has changed since.",
      discussion: "With it, -f only supplies environment values, which a saved plan does not contain.",
      valueName: "PLAN"),
    completion: .file())
  var plan: String?
  @Flag(help: "Show the plan without changing anything.") var dryRun = false
  @Flag(
    name: .customLong("no-wait"),
    help: "Send the changes and return; the next apply or a controller records the result.")
  var noWait = false
  @Option(
    help: ArgumentHelp("How long to wait for each endpoint. (default: its rollout's deadline)", valueName: "TIME"))
  var timeout: TimeSpan?
  @Option(
    help: ArgumentHelp(
      "The workspace's limit on creates and updates, such as 50/5m, or off. (default: "
        + "SETPOINT_WRITE_BUDGET, else 50/5m; off for the plane on this machine)", valueName: "N/TIME"))
  var writeBudget: WriteBudgetArgument?
  @OptionGroup var preflight: PreflightOptions
  @OptionGroup var prices: PriceOptions
  @Option(name: .outputFormat, help: "The output format.") var output = PlanFormat.text
  @OptionGroup var provider: ProviderOptions
  @OptionGroup var registry: RegistryOptions
  @OptionGroup var workspace: WorkspaceOptions
  @OptionGroup var state: StateOptions

  func validate() throws {
    guard plan == nil || !(fleet.prune || fleet.adopt || fleet.allowRecreate || fleet.allowMassDelete) else {
      throw ValidationError(
        "--prune, --adopt, --allow-recreate and --allow-mass-delete are part of the plan; pass them to \"diff --out\"")
    }
  }

  func run() async throws {
    let (prices, rules) = (try self.prices.read(), try workspace.rules())
    let (planned, connection, site) = try await makePass(rules)
    let pass = try await planned.withForecasts(of: connection, on: site)
    let cost = prices.map { pass.cost(by: $0, on: site?.cloud) }
    var console = CommandContext.current.console
    // A saved plan names its own fleet.
    console.suggestions.fleet = pass.reconciler.options.fleet
    if dryRun {
      if output == .json { return try console.json(console.suggestions.completed(pass.json(cost))) }
      for line in pass.lines(console.outputPalette) + (cost?.lines(console.outputPalette) ?? []) {
        try console.result(line)
      }
      return
    }
    if !pass.plan.isInSync {
      for line in pass.lines(console.notesPalette) { console.note(line) }
    } else if let line = pass.prunableLine {
      console.note(line)
    }
    for line in cost?.lines(console.notesPalette) ?? [] { console.note(line) }
    try warnOfController(before: pass, console)
    let limits = ConvergenceLimits(
      waits: !noWait, timeout: timeout?.duration, budget: try budget(for: pass.reconciler.provider.target))
    let convergence = FleetConvergence(
      limits: limits, context: CommandContext.current, isReported: output == .text)
    var checks: FleetPreflight?
    let unsettled = pass.unsettled
    if preflight.isOn, !unsettled.isEmpty {
      let preflight = try await connection.preflight(pass.reconciler, rules: rules, on: site)
      checks = FleetPreflight(preflight: preflight, items: pass.items, options: pass.reconciler.options)
    }
    let report = ApplyReport(
      plan: pass.plan, results: await convergence.run(unsettled, pass, preflight: checks),
      isPlanShown: output == .text && console.isOneStream)
    switch output {
    case .json:
      let result = report.json(console.suggestions)
      try console.json(cost?.added(to: result, list: "results") ?? result)
    case .text: for line in report.lines(console.outputPalette) { try console.result(line) }
    }
    if report.isInterrupted { throw ExitCode(130) }
    guard report.isSuccess else { throw ExitCode(1) }
  }

  private func warnOfController(before pass: FleetPlan, _ console: Console) throws {
    let (fleet, target) = (pass.reconciler.options.fleet, pass.reconciler.provider.target.url)
    guard pass.plan.hasChanges,
      let controller = RunningController(of: fleet, at: target, in: try state.directory)
    else { return }
    controller.warn(beforeApplying: pass.plan, console)
  }

  private func budget(for target: ProviderTarget) throws -> SharedWriteBudget? {
    let context = CommandContext.current
    let given = try writeBudget ?? .ofEnvironment(context.environment)
    guard let budget = given.map(\.budget) ?? (target.isLocalPlane ? nil : .standard) else { return nil }
    let directory = try state.directory
    let file = BudgetFile.shared(in: directory, for: target, context) { context.console.note("warning: \($0)") }
    return SharedWriteBudget(budget, file: file, elapsed: context.timing.elapsed)
  }

  private func makePass(_ rules: RuleBook) async throws -> (FleetPlan, Connection, WorkspaceSite?) {
    if let plan { return try await savedPass(plan, rules) }
    let set = try manifests.readUsable()
    let connection = try registry.applied(to: provider.connect()).gatingVersions(rules, if: preflight.isOn)
    let site = try workspace.site(at: connection.target)
    try await ManifestOptions.check(set, for: connection.client, on: site, rules)
    let history = dryRun ? try state.readHistory() : try state.openHistory()
    let reconciler = connection.reconciler(history, fleet.decisionOptions(fleet: provider.fleet))
    let makePass = { @Sendable (wait: RegistrationWait?) in
      try await FleetPlan(
        set, reconciler, connection.versions, wait, allowMassDelete: fleet.allowMassDelete, cloud: site?.cloud)
    }
    let waits = !dryRun && !noWait
    let pass =
      waits
      ? try await PendingVersions(limit: timeout?.duration, context: .current).run(makePass)
      : try await makePass(nil)
    return (pass, connection, site)
  }

  private func savedPass(_ path: String, _ rules: RuleBook) async throws -> (FleetPlan, Connection, WorkspaceSite?) {
    let saved = try SavedPlan.read(from: path)
    // The manifests are needed only for values that neither the plan nor the live config has.
    let set = manifests.paths.isEmpty ? nil : try manifests.readUsable()
    let connection = try registry.applied(to: provider.connect()).gatingVersions(rules, if: preflight.isOn)
    let site = try workspace.site(at: connection.target)
    let pass = try await FleetPlan(
      saved, set, connection, try state.openHistory(), fleet: fleet, named: provider.fleet, on: site?.cloud,
      from: path)
    if set != nil {
      CommandContext.current.console.note("\(path) is applied as saved; -f only supplies environment values")
    }
    for move in try await pass.aliasMoves(connection.versions) { CommandContext.current.console.note(move) }
    return (pass, connection, site)
  }
}
