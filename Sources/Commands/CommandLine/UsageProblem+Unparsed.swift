internal import ArgumentParser

/// Errors that the parser would accept: it shows the help of whatever it understood, and accepts an empty text as a
/// value.
extension UsageProblem {
  /// Returns what is wrong with arguments before parsing; nil if the parser can report it.
  static func beforeParsing(_ arguments: [String]) -> ErrorReport? {
    // A shell requests completions of an incomplete line.
    if arguments.first?.hasPrefix("---") == true { return nil }
    if arguments.first == "help" {
      return UsageProblem(message: "", arguments: Array(arguments.dropFirst())).unknownTopic
    }
    let problem = UsageProblem(message: "", arguments: arguments)
    if problem.options.contains(where: { $0 == "--help" || $0 == "-h" }) { return problem.unknownCommand }
    return problem.emptyArgument
  }

  /// `setpoint help aply`, `setpoint help get chat`.
  private var unknownTopic: ErrorReport? {
    if let report = unknownCommand { return report }
    guard let word = path.rest.first, !word.hasPrefix("-") else { return nil }
    return ErrorReport("\"\(name)\" has no command \"\(word)\"", next: "\"\(help)\" shows its usage")
  }

  /// `--data ''`, `--data=`, `describe ''`: usually an unset variable in a script.
  private var emptyArgument: ErrorReport? {
    for (index, argument) in arguments.enumerated() {
      if argument == "--" { break }
      if argument.hasPrefix("--"), argument.firstIndex(of: "=") == argument.indices.last {
        return empty("the value of \(argument.dropLast())")
      }
      guard argument.isEmpty else { continue }
      guard index > 0, takesValue(arguments[index - 1]) else {
        return empty("\(argumentName(at: index) ?? "an argument") of \"\(name)\"")
      }
      return empty("the value of \(arguments[index - 1])")
    }
    return nil
  }

  /// Returns the name of a positional argument, according to the command's help: `  <prompt>   The message to send`.
  private func argumentName(at index: Int) -> String? {
    guard let command = path.commands.last else { return nil }
    let names = SetpointCommand.helpMessage(for: command, columns: 400).split(separator: "\n")
      .filter { $0.hasPrefix("  <") }.compactMap { $0.split(separator: " ").first }
    let first = arguments.count - path.rest.count
    guard first <= index else { return nil }
    let position = (first..<index).count { place in
      !arguments[place].hasPrefix("-") && (place == first || !takesValue(arguments[place - 1]))
    }
    return names.indices.contains(position) ? "the argument \(names[position])" : nil
  }

  private func empty(_ what: String) -> ErrorReport {
    ErrorReport("\(what) is empty", next: "\"\(help)\" shows its usage")
  }

  private var options: ArraySlice<String> { arguments.prefix { $0 != "--" } }

  /// Whether a word is an option followed by a value, according to the command's help: `  -f, --filename <FILE>`.
  private func takesValue(_ word: String) -> Bool {
    guard word.hasPrefix("-"), let command = path.commands.last else { return false }
    return SetpointCommand.helpMessage(for: command, columns: 400).split(separator: "\n").contains { line in
      let names = line.split(separator: " ").prefix { $0.hasPrefix("-") }.map { $0.hasSuffix(",") ? $0.dropLast() : $0 }
      return names.contains(word[...])
        && line.split(separator: " ").dropFirst(names.count).first?.hasPrefix("<") == true
    }
  }
}
