internal import ArgumentParser

extension SetpointCommand {
  /// Parses the arguments (without the program's name), runs the command, reports errors on standard error, and returns
  /// the exit code.
  package static func run(_ arguments: [String]) async -> Int32 {
    // Not an option of the parser: it would be listed in the help of every command, beside `--version N` of some.
    let arguments = arguments == ["--version"] ? ["version"] : arguments
    if let report = UsageProblem.beforeParsing(arguments) {
      say(report)
      return usageCode(arguments)
    }
    let command: any ParsableCommand
    do {
      command = try await asyncParseAsRoot(arguments)
    } catch {
      return answer(to: error, arguments)
    }
    var mine = CommandContext.current
    mine.console.suggestions = SuggestedCommands(of: command)
    let watch = command is any LongRunning ? nil : IdleReminder(over: &mine)
    let context = mine
    return await CommandContext.$current.withValue(context) {
      // Ends with the command.
      async let _ = watch?.run(context)
      do {
        try await carryOut(command)
        return 0
      } catch {
        return conclude(error, of: command, arguments: arguments)
      }
    }
  }

  private static func carryOut(_ command: any ParsableCommand) async throws {
    if var command = command as? any AsyncParsableCommand {
      try await command.run()
    } else {
      var command = command
      try command.run()
    }
  }

  private static func conclude(_ error: any Error, of command: any ParsableCommand, arguments: [String]) -> Int32 {
    switch error {
    case let code as ExitCode: return code.rawValue
    // The exit status of a process that SIGPIPE ended.
    case is OutputClosed: return 141
    case is CancellationError: return 130
    // Help, and usage errors that only the command itself can detect, come from the parser's own error types.
    case _ where exitCode(for: error) != .failure: return answer(to: error, arguments)
    default:
      say(ErrorReport(of: error))
      return (command as? any ExitCodeOnError)?.exitCodeOnError ?? 1
    }
  }

  /// Prints help, the version and completions as results, and a usage error as a note.
  private static func answer(to error: any Error, _ arguments: [String]) -> Int32 {
    guard exitCode(for: error).isSuccess else {
      say(UsageProblem(message: message(for: error), arguments: arguments).report)
      return usageCode(arguments)
    }
    do { try CommandContext.current.console.document(fullMessage(for: error) + "\n") } catch { return 141 }
    return 0
  }

  private static func say(_ report: ErrorReport) {
    let console = CommandContext.current.console
    for line in report.lines(console.notesPalette) { console.note(line) }
  }

  /// The code for a usage error: sysexits' EX_USAGE; for `diff`, where 1 means changes, the code of its other errors.
  private static func usageCode(_ arguments: [String]) -> Int32 {
    guard arguments.first == "diff" else { return ExitCode.validationFailure.rawValue }
    return arguments.contains("--detailed-exitcode") ? 1 : 2
  }
}

/// A command that runs until it is stopped, and prints nothing while there is nothing to report.
protocol LongRunning {}
