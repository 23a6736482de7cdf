internal import ArgumentParser

extension SetpointCommand {
  /// Parses the arguments (without the program's name), runs the command, says on standard error what went wrong, and
  /// returns the exit code.
  package static func run(_ arguments: [String]) async -> Int32 {
    let command: any ParsableCommand
    do {
      command = try parseAsRoot(arguments)
    } catch {
      return answer(to: error, of: Self.self, arguments)
    }
    do {
      if var command = command as? any AsyncParsableCommand {
        try await command.run()
      } else {
        var command = command
        try command.run()
      }
      return 0
    } catch {
      return conclude(error, of: command, arguments: arguments)
    }
  }

  private static func conclude(_ error: any Error, of command: any ParsableCommand, arguments: [String]) -> Int32 {
    switch error {
    case let code as ExitCode: return code.rawValue
    // As if the signal that a closed pipe sends had ended the process.
    case is OutputClosed: return 141
    case is CancellationError: return 130
    // Help, and usage errors that only the command itself could see, come from the parser's own error types.
    case _ where exitCode(for: error) != .failure: return answer(to: error, of: type(of: command), arguments)
    default:
      let console = Surroundings.current.console
      for line in ErrorReport(of: error).lines(console.notesPalette) { console.note(line) }
      return (command as? any ExitCodeOnError)?.exitCodeOnError ?? 1
    }
  }

  /// Help and the version are results; a usage error is said to the person.
  private static func answer(to error: any Error, of command: any ParsableCommand.Type, _ arguments: [String]) -> Int32
  {
    let console = Surroundings.current.console
    let text = command.fullMessage(for: error)
    guard exitCode(for: error).isSuccess else {
      console.note(text)
      return usageCode(arguments)
    }
    do { try console.result(text) } catch { return 141 }
    return 0
  }

  /// sysexits' EX_USAGE; for `diff`, whose 1 means changes, what its errors are otherwise.
  private static func usageCode(_ arguments: [String]) -> Int32 {
    guard arguments.first == "diff" else { return ExitCode.validationFailure.rawValue }
    return arguments.contains("--detailed-exitcode") ? 1 : 2
  }
}
