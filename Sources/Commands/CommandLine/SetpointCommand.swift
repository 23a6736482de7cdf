package import ArgumentParser

/// The command line: the root of all subcommands.
package struct SetpointCommand: AsyncParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "setpoint",
    abstract: "Declarative reconciler for LLM serving endpoints.",
    discussion: """
      Declare endpoints in YAML, preview changes with "setpoint diff", and apply them with "setpoint apply". A version \
      that fails is rolled back to the last good one.

      Commands use the workspace named by --host, DATABRICKS_HOST or --profile; otherwise the serving plane on this \
      machine, started by "setpoint serve".
      """,
    subcommands: [
      ValidateCommand.self, DiffCommand.self, ApplyCommand.self, RollbackCommand.self, RetryCommand.self,
      GetCommand.self, ImportCommand.self, DescribeCommand.self, ExplainCommand.self, HistoryCommand.self,
      StatusCommand.self,
      EventsCommand.self,
      TopCommand.self, MetricsCommand.self,
      WaitCommand.self,
      DeleteCommand.self, LogsCommand.self, QueryCommand.self,
      RequestsCommand.self, UsageCommand.self, SQLCommand.self,
      ModelsCommand.self, TokensCommand.self, RunCommand.self, ServeCommand.self,
      BackupCommand.self, RestoreCommand.self,
      CompletionCommand.self, VersionCommand.self,
    ])

  package init() {}
}

/// A command with its own exit code for errors.
protocol ExitCodeOnError {
  /// The exit code if the command fails.
  var exitCodeOnError: Int32 { get }
}
