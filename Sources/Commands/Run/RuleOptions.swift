internal import ArgumentParser
internal import Controller

/// What a controller may change, when, and how much at once.
struct RuleOptions: ParsableArguments {
  @Option(help: ArgumentHelp("How often to read the source and check each endpoint.", valueName: "TIME"))
  var interval = TimeSpan(seconds: 60)
  @Option(
    help: ArgumentHelp(
      "enforce reverts drift; observe only reports it.", valueName: "enforce|observe"))
  var mode = ControllerOptions.Mode.enforce
  @Flag(help: "Delete endpoints of the fleet that no longer have a manifest.") var prune = false
  @Flag(help: "Take over existing endpoints that do not belong to this fleet.") var adopt = false
  @Flag(help: "Allow deleting more than a fifth of the fleet at once.") var allowMassDelete = false
  @Flag(help: "Allow deleting and recreating an endpoint to change a setting that is fixed at creation.")
  var allowRecreate =
    false
  @Option(help: ArgumentHelp("The number of endpoints reconciled concurrently.", valueName: "N")) var concurrency = 16
  @Option(
    help: ArgumentHelp(
      "The provider's limit on writes, such as 50/5m, or off. (default: SETPOINT_WRITE_BUDGET, else 50/5m)",
      valueName: "N/TIME"))
  var writeBudget: WriteBudgetArgument?
  @Option(
    name: .customLong("window"),
    help: ArgumentHelp(
      "When changes may happen, such as \"Mon-Fri 09:00-17:00 Europe/Berlin\"; rollbacks and creations happen at "
        + "any time. May be repeated. (default: always)", valueName: "WINDOW"))
  var windows: [String] = []
  @Option(
    help: ArgumentHelp(
      "While this file exists, nothing is changed; its text is shown as the reason. (default: paused in the state "
        + "directory)", valueName: "FILE"))
  var pauseFile: String?

  init() {}

  func validate() throws {
    guard interval.seconds >= 1 else { throw ValidationError("--interval must be at least 1s") }
    guard (1...1024).contains(concurrency) else { throw ValidationError("--concurrency must be between 1 and 1024") }
    do { _ = try changeWindows } catch { throw ValidationError("--window: \(error)") }
  }

  private var changeWindows: [ChangeWindow] {
    get throws { try windows.map { try ChangeWindow(parsing: $0) } }
  }

  func options(fleet: String, environment: [String: String]) throws -> ControllerOptions {
    let budget = try writeBudget ?? .ofEnvironment(environment)
    return ControllerOptions(
      fleet: fleet, mode: mode, adopt: adopt, prune: prune, allowMassDelete: allowMassDelete,
      allowRecreate: allowRecreate, interval: interval.duration, concurrency: concurrency, windows: try changeWindows,
      writeBudget: budget.map(\.budget) ?? .standard)
  }
}

/// `50/5m`, or `off`.
struct WriteBudgetArgument: ExpressibleByArgument, Hashable, Sendable {
  /// Nil: unlimited writes.
  let budget: ControllerOptions.WriteBudget?

  init?(argument: String) {
    if argument == "off" {
      budget = nil
      return
    }
    let parts = argument.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let writes = Int(parts[0]), writes > 0, let period = TimeSpan(argument: String(parts[1])),
      period.seconds > 0
    else { return nil }
    budget = ControllerOptions.WriteBudget(writes: writes, period: period.duration)
  }

  /// Returns the value of `SETPOINT_WRITE_BUDGET`; nil if it is not set.
  static func ofEnvironment(_ environment: [String: String]) throws -> WriteBudgetArgument? {
    guard let text = environment["SETPOINT_WRITE_BUDGET"], !text.isEmpty else { return nil }
    guard let budget = WriteBudgetArgument(argument: text) else {
      throw ErrorReport(
        "SETPOINT_WRITE_BUDGET is \"\(text)\", which is not a valid budget", next: "write it like 50/5m, or off")
    }
    return budget
  }
}

extension ControllerOptions.Mode: ExpressibleByArgument {}
