/// Entrypoints that run a shell (`bash -c '…'`). The plane cannot set port and host inside a script, so such a server
/// would listen where its author intended: on another port, and often on every interface without a key.
enum ShellEntrypoint {
  /// Checks an entrypoint as given in a model version's metadata.
  ///
  /// - Throws: if it runs a script that does not use `{port}` or `$PORT`, with what to write instead.
  static func check(_ entrypoint: String) throws(EntrypointError) {
    let words = try CommandLineWords.split(entrypoint, port: nil, variables: nil)
    guard let script = script(in: words) else { return }
    guard !script.text.contains("VISIBLE_DEVICES") else {
      throw EntrypointError(
        description: "it sets devices in a shell script, but the serving plane assigns them; remove the assignment")
    }
    guard !["{port}", "$PORT", "${PORT}"].contains(where: script.text.contains) else { return }
    throw EntrypointError(
      description:
        "it runs a script in a shell (\(script.shell) -c), where the serving plane cannot set the port and the host; "
        + instead(of: script.text, prefix: script.prefix)
        + ", or write --host 127.0.0.1 --port {port} inside the script")
  }

  private struct Script {
    let shell: String
    let text: String
    /// Assignments before the shell.
    let prefix: [String]
  }

  private static let shells: Set = ["sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "fish", "tcsh", "csh", "rbash"]

  /// The script after a shell's `-c`, wherever the shell is: `env`, `nohup`, `timeout 60`, `sudo -u me` may come first.
  private static func script(in words: [String]) -> Script? {
    let command = CommandPrefix(words)
    guard let program = command.words.first.map(CommandPrefix.basename), !isServer(program) else { return nil }
    if program == "env",
      let split = command.words.firstIndex(where: { $0.hasPrefix("-S") || $0.hasPrefix("--split-string") })
    {
      return Script(shell: "env -S", text: command.words[split...].joined(separator: " "), prefix: [])
    }
    for (index, word) in command.words.enumerated() where shells.contains(CommandPrefix.basename(word)) {
      guard let text = text(behind: command.words[(index + 1)...]) else { continue }
      let prefix = command.assignments.sorted { $0.key < $1.key }.map { $0.key + "=" + $0.value }
      return Script(shell: CommandPrefix.basename(word), text: text, prefix: prefix)
    }
    return nil
  }

  private static func isServer(_ program: String) -> Bool { program.hasPrefix("python") || program == "vllm" }

  /// The word after `-c`, or after combined options such as `-lc`; nil if a script file or nothing is run.
  private static func text(behind options: ArraySlice<String>) -> String? {
    var rest = options
    var isCommand = false
    while let option = rest.first, option.hasPrefix("-") || option.hasPrefix("+") {
      rest = rest.dropFirst()
      if option == "--" { break }
      if option == "--command" || !option.hasPrefix("--") && option.contains("c") { isCommand = true }
      // -o NAME and --rcfile FILE take an argument.
      if !isCommand && (option.hasSuffix("o") || ["--rcfile", "--init-file"].contains(option)) {
        rest = rest.dropFirst()
      }
    }
    return isCommand ? rest.first ?? "" : nil
  }

  /// The script's last command as an entrypoint, as far as it can be determined.
  private static func instead(of script: String, prefix: [String]) -> String {
    let commands = script.replacing("&&", with: ";").replacing("\n", with: ";").split(separator: ";")
      .map { $0.trimming(" \t") }.filter { !$0.isEmpty }
    guard let last = commands.last else { return "use the server's command directly" }
    var assignments = prefix
    var others: [String] = []
    for command in commands.dropLast() {
      let plain = command.hasPrefix("export ") ? String(command.dropFirst("export ".count)).trimming(" ") : command
      if let equals = plain.firstIndex(of: "="), EnvironmentName.isValid(plain[..<equals]) {
        assignments.append(plain)
      } else if command != "set -e" && !command.hasPrefix("set -") {
        others.append(command)
      }
    }
    let server = last.hasPrefix("exec ") ? String(last.dropFirst("exec ".count)).trimming(" ") : last
    let line = (assignments + [server]).joined(separator: " ")
    let rest = others.isEmpty ? "" : " (and run \"\(others.joined(separator: "; "))\" beforehand)"
    return "use the server's command directly: \"\(line)\"\(rest)"
  }
}
