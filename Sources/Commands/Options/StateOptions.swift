internal import ArgumentParser
internal import History

/// Where the history is stored.
struct StateOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The state directory, which holds the history. (default: $XDG_STATE_HOME/setpoint, else "
        + "~/.local/state/setpoint)", valueName: "DIR"),
    completion: .directory)
  var state: String?

  init() {}

  /// Opens the history for a command that records what it does.
  func openHistory() throws -> HistoryStore { try HistoryStore.open(in: try directory) }

  /// Opens the history for a command that only reads it; creates no files.
  func readHistory() throws -> HistoryStore { try HistoryStore.openToRead(in: try directory) }

  /// The state directory.
  var directory: StateDirectory {
    get throws { try StateDirectory(named: state, environment: CommandContext.current.environment) }
  }
}
