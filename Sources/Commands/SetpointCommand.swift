package import ArgumentParser

/// The command line: the root of all subcommands.
package struct SetpointCommand: AsyncParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "setpoint",
    abstract: "Holds LLM serving endpoints at what you wrote down.",
    discussion: """
      Write endpoints as YAML, see with "setpoint diff" what would change, change it with "setpoint apply". A version that \
      fails is rolled back to the last good one.

      A Databricks workspace is meant when --host or DATABRICKS_HOST names one, or --profile a profile; otherwise the \
      serving plane on this machine, which "setpoint serve" starts.
      """,
    version: SetpointVersion.line,
    subcommands: [
      ValidateCommand.self, DiffCommand.self, ApplyCommand.self, RollbackCommand.self, RetryCommand.self,
      GetCommand.self, ImportCommand.self, DescribeCommand.self, HistoryCommand.self, StatusCommand.self,
      EventsCommand.self,
      WaitCommand.self,
      DeleteCommand.self, LogsCommand.self, QueryCommand.self, ModelsCommand.self, RunCommand.self, ServeCommand.self,
      CompletionCommand.self, VersionCommand.self,
    ])

  package init() {}
}

/// A command that talks to people through its own exit code when something fails.
protocol ExitCodeOnError {
  /// The exit code when the command cannot do its work.
  var exitCodeOnError: Int32 { get }
}
