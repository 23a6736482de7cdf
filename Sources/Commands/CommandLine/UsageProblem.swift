internal import ArgumentParser
internal import Endpoints
internal import FoundationEssentials

/// An invalid command line, and what was probably meant.
struct UsageProblem {
  /// The parser's message.
  let message: String
  let arguments: [String]

  var report: ErrorReport {
    if let report = unknownCommand ?? misplacedOption ?? unnamedFile ?? fileForNames ?? unquotedMessage
      ?? unreadableValue
    {
      return report
    }
    return ErrorReport(said.what, next: said.advice(and: "\"\(help)\" shows its usage"))
  }

  /// The message in the form of our own errors.
  var said: ParserMessage { ParserMessage(message) }

  // MARK: - The command

  /// The commands that the arguments name, starting at the root, and the remaining arguments.
  var path: (commands: [any ParsableCommand.Type], rest: ArraySlice<String>) {
    var commands: [any ParsableCommand.Type] = [SetpointCommand.self]
    var rest = arguments[...]
    while let next = rest.first, let found = Self.subcommand(next, of: commands[commands.count - 1]) {
      commands.append(found)
      rest = rest.dropFirst()
    }
    return (commands, rest)
  }

  private static func subcommand(
    _ name: String, of command: any ParsableCommand.Type
  ) -> (any ParsableCommand.Type)? {
    command.configuration.subcommands.first { $0.configuration.commandName == name }
  }

  var name: String {
    (["setpoint"] + path.commands.dropFirst().compactMap { $0.configuration.commandName }).joined(separator: " ")
  }

  var help: String { "\(name) --help" }

  // MARK: - What was meant

  /// `setpoint aply`, `setpoint list`, `setpoint models regster`.
  var unknownCommand: ErrorReport? {
    let (commands, rest) = path
    guard let word = rest.first, !word.hasPrefix("-"), let parent = commands.last,
      !parent.configuration.subcommands.isEmpty
    else { return nil }
    let names = parent.configuration.subcommands.compactMap { $0.configuration.commandName }
    if commands.count == 1, Self.isFile(word) {
      return ErrorReport(
        "\"\(word)\" is not a command",
        next: "\"\(ShellWord.line(["setpoint", "apply", "-f", word]))\" applies the file")
    }
    let what = "unknown command \"\(word)\" for \"\(name)\""
    let meant = Self.meant(word, among: names, isTop: commands.count == 1).map { "\"\(name) \($0)\"" }
    guard !meant.isEmpty else { return ErrorReport(what, next: "\"\(help)\" lists the commands") }
    let question = "did you mean \(meant.joined(separator: " or "))?"
    return ErrorReport(what, next: "\(question) \"\(help)\" lists the commands")
  }

  /// Returns the commands that the user may have meant: those that the word abbreviates, else the closest one, else
  /// ours for another tool's name.
  private static func meant(_ word: String, among names: [String], isTop: Bool) -> [String] {
    let longer = word.count > 1 ? names.filter { $0.hasPrefix(word.lowercased()) }.sorted() : []
    if !longer.isEmpty { return longer }
    let other = isTop ? otherWords[word] : nil
    return [Similarity.closest(to: word, among: names) ?? other].compactMap(\.self)
  }

  /// Other tools' names for our commands.
  private static let otherWords = [
    "ls": "get", "list": "get", "ps": "get", "endpoints": "get", "show": "describe", "inspect": "describe",
    "create": "apply", "deploy": "apply", "update": "apply", "up": "apply", "sync": "apply", "push": "apply",
    "plan": "diff", "preview": "diff", "lint": "validate", "check": "validate", "test": "validate",
    "rm": "delete", "remove": "delete", "destroy": "delete", "down": "delete", "undo": "rollback", "revert": "rollback",
    "log": "logs", "chat": "query", "ask": "query", "invoke": "query", "start": "serve", "server": "serve",
    "controller": "run", "reconcile": "run", "watch": "status", "top": "status", "export": "import",
    "register": "models register", "alias": "models alias", "model": "models", "revisions": "history",
  ]

  /// `setpoint --fleet a apply`: options must follow the command.
  private var misplacedOption: ErrorReport? {
    guard let first = arguments.first, first.hasPrefix("-"), message.contains("nknown option"),
      let index = arguments.firstIndex(where: { Self.subcommand($0, of: SetpointCommand.self) != nil })
    else { return nil }
    let moved = ["setpoint", arguments[index]] + arguments[(index + 1)...] + arguments[..<index]
    return ErrorReport(
      said.what, next: "options go after the command: \"\(ShellWord.line(moved))\"")
  }

  /// `setpoint apply chat.yaml`: a file without `-f`.
  private var unnamedFile: ErrorReport? {
    guard takesFiles else { return nil }
    // The same file may be named twice, once with -f.
    let named = Set(arguments.indices.dropFirst().filter { ["-f", "--filename"].contains(arguments[$0 - 1]) })
    var files = arguments.enumerated()
      .filter { !named.contains($0.offset) && message.contains("'\($0.element)'") && !$0.element.hasPrefix("-") }
      .map(\.element)
    if !message.contains("nexpected argument") {
      // The command may have reported missing manifests before the parser reached the stray word.
      guard message.contains("-f DIR"), let stray = path.rest.first, !stray.hasPrefix("-") else { return nil }
      files = [stray]
    }
    guard let first = files.first, files.allSatisfy(Self.isFile) else { return nil }
    let kept = arguments.enumerated()
      .filter { named.contains($0.offset) || !files.contains($0.element) }.map(\.element)
    let line = ShellWord.line(["setpoint"] + kept + files.flatMap { ["-f", $0] })
    return ErrorReport(
      files.count == 1 ? "\"\(first)\" needs -f before it" : "each file needs -f before it", next: "\"\(line)\"")
  }

  /// `setpoint get -f chat.yaml`, as in other tools.
  private var fileForNames: ErrorReport? {
    guard !takesFiles, message.contains("nknown option '-f'"), path.commands.count > 1 else { return nil }
    return ErrorReport(
      "\"\(name)\" takes endpoint names, not files",
      next: "\"setpoint get\" lists the names; diff, apply, validate and run read files with -f")
  }

  /// `setpoint query chat hello world`: an unquoted message of several words.
  private var unquotedMessage: ErrorReport? {
    let (commands, rest) = path
    guard commands.last?.configuration.commandName == "query", message.contains("nexpected argument") else {
      return nil
    }
    let words = rest.prefix { !$0.hasPrefix("-") }
    guard let name = words.first, words.count > 2 else {
      return ErrorReport(said.what, next: "quote the message if it has several words; \"\(help)\" shows its usage")
    }
    let quoted = ["setpoint", "query", name, words.dropFirst().joined(separator: " ")] + rest.dropFirst(words.count)
    return ErrorReport(said.what, next: "quote the message: \"\(ShellWord.line(quoted))\"")
  }

  private var takesFiles: Bool {
    ["validate", "diff", "apply", "run"].contains(path.commands.last?.configuration.commandName ?? "")
  }

  private static func isFile(_ word: String) -> Bool {
    [".yaml", ".yml", ".json"].contains(where: word.hasSuffix) || FileManager.default.fileExists(atPath: word)
  }
}
