internal import ArgumentParser
internal import CanonicalJSON
internal import Endpoints
internal import History
internal import Planning
internal import ServingAPI

struct StatusCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Show the status of managed fleets.",
    discussion: """
      Reads the state directory of "setpoint run", or queries the controller given by --controller. Exits with 0 if \
      nothing needs attention, with 1 if something does: a held or blocked endpoint, a problem with the source, or a \
      controller that has stopped or was never started. "setpoint events -f" follows events.
      """)

  @Argument(help: "Endpoint names. (default: all)", completion: .endpoints) var names: [String] = []
  @OptionGroup var filter: FleetFilter
  @Option(
    help: ArgumentHelp("Query the controller at this address. (default port: 7388)", valueName: "URL"))
  var controller: ControllerAddress?
  @Option(
    help: ArgumentHelp(
      "Forget the status of a fleet without a controller. Its endpoints' revisions are kept.",
      valueName: "FLEET"), completion: .fleets)
  var forget: String?
  @Option(name: .outputFormat, help: "The output format: table, wide or json.") var output = StatusFormat.table
  @OptionGroup var state: StateOptions

  func validate() throws {
    guard controller == nil || state.state == nil else {
      throw ValidationError("--controller and --state cannot be combined")
    }
    guard forget == nil || (controller == nil && names.isEmpty && filter.namedFleet == nil) else {
      throw ValidationError("--forget FLEET cannot be combined with names, --controller or --fleet")
    }
  }

  func run() async throws {
    if let forget { return try await FleetRemoval(name: forget, filter: filter, state: state).run() }
    let context = CommandContext.current
    let now = Timestamp(milliseconds: context.now())
    let fleets = try await fleets()
    var shown = names.isEmpty ? fleets : fleets.map { $0.only(names) }
    // A fleet that has others is not empty.
    if !names.isEmpty, output != .json { shown.removeAll(where: \.endpoints.isEmpty) }
    try show(shown, now, context.console)
    let known = Set(fleets.flatMap(\.endpoints).map(\.name))
    let missing = names.filter { !known.contains($0) }
    for name in missing { context.console.note("error: no controller has reported \(name)") }
    if !missing.isEmpty {
      let next = KnownNames.next(
        missing, among: known.sorted(),
        otherwise: "\"\(ShellWord.line(["setpoint", "get"] + missing))\" queries the provider")
      context.console.note("  next:  \(next)")
    }
    guard missing.isEmpty, shown.allSatisfy({ StatusText.isHealthy($0, now: now) }) else { throw ExitCode(1) }
  }

  private func fleets() async throws -> [FleetStatus] {
    if let controller {
      let status = try await controller.status(CommandContext.current.transport)
      guard filter.fleet == nil || filter.fleet == status.fleet else {
        throw ErrorReport(
          "the controller at \(controller.url) manages fleet \(status.fleet), not \(filter.fleet ?? "")",
          next: "pass the address of that fleet's controller, or --fleet \(ShellWord.quoted(status.fleet))")
      }
      return [status]
    }
    let history = try state.readHistory()
    let host = try await filter.address(in: history)
    let known = try await history.fleets()
    let directory = try state.directory
    var fleets: [FleetStatus] = []
    for key in known where (host == nil || key.host == host) && (filter.fleet == nil || key.name == filter.fleet) {
      guard let status = try await history.status(of: key) else { continue }
      fleets.append(status.deleting(try await history.deletions(in: key)).withLease(in: directory))
    }
    guard !fleets.isEmpty else { throw try nothingFound(known, host, isKept: history.isKept) }
    return fleets
  }

  /// - Parameter isKept: whether the state directory has a history at all.
  private func nothingFound(_ known: [FleetKey], _ host: String?, isKept: Bool) throws -> ErrorReport {
    let directory = try state.directory.path
    guard known.isEmpty else {
      let subject = filter.fleet.map { "fleet \($0)" } ?? "a fleet"
      return ErrorReport(
        "the state directory \(directory) has no record of \(subject)\(host.map { " at \($0)" } ?? "")",
        next: FleetRemoval.next(filter.fleet, known))
    }
    // The record of a fleet can be removed; nothing then says that there was one.
    return ErrorReport(
      isKept
        ? "the state directory \(directory) has no status of a controller: none has run with it, or its fleets were "
          + "forgotten; \"setpoint history NAME\" shows recorded revisions"
        : "no controller has run with the state directory \(directory)",
      next: "start one with \"setpoint run -f DIR --fleet NAME\"; if one is running, pass its directory with "
        + "--state DIR or its address with --controller URL")
  }

  /// Returns suggestions that act for the fleet, at its provider.
  private func suggestions(for fleet: FleetStatus) -> SuggestedCommands {
    let context = CommandContext.current
    var suggestions = context.console.suggestions
    suggestions.fleet = fleet.fleet
    var usual = context.environment["DATABRICKS_HOST", default: ""]
    while usual.hasSuffix("/") { usual.removeLast() }
    let isUsual =
      usual.isEmpty
      ? WorkspaceHost.isLoopback(fleet.target) : fleet.target == usual || fleet.target == "https://\(usual)"
    if !isUsual { suggestions.host = fleet.target }
    return suggestions
  }

  private func show(_ fleets: [FleetStatus], _ now: Timestamp, _ console: Console) throws {
    if output == .json {
      let items = fleets.map { suggestions(for: $0).completed($0.withoutIdleSteps(at: now).json) }
      let whole = items.count == 1 ? items[0] : ["kind": "FleetStatusList", "items": .array(items)]
      return try console.json(whole)
    }
    for (index, fleet) in fleets.enumerated() {
      if index > 0 { try console.result("") }
      let lines = StatusText.lines(
        fleet, now: now, isWide: output == .wide, palette: console.outputPalette)
      let suggestions = suggestions(for: fleet)
      for line in lines { try console.result(suggestions.completed(line)) }
    }
  }
}

/// The `-o` values of `status`.
enum StatusFormat: String, ExpressibleByArgument, CaseIterable, Sendable {
  case table
  case wide
  case json
}

extension FleetStatus {
  /// Returns the fleet's status with only these endpoints.
  fileprivate func only(_ names: [String]) -> FleetStatus {
    FleetStatus(
      fleet: fleet, target: target, lastSync: lastSync, report: report,
      endpoints: endpoints.filter { names.contains($0.name) }, isControllerRunning: isControllerRunning)
  }
}
