/// One replica's command line and environment, ready to be run.
struct LaunchCommand: Hashable, Sendable {
  /// The words; the first is the program as the entrypoint names it.
  var words: [String]
  /// Assignments written in front of the program (`NAME=value python …`).
  var assignments: [String: String]

  /// The program, as the entrypoint names it.
  var program: String { words.first ?? "" }

  /// Reads an entrypoint and points it at one replica's port.
  ///
  /// `--host` becomes the loopback address and `--port` the replica's, in place or appended: a replica is reachable only
  /// through the gateway. `--uds` and `--api-key` go, since the one would leave the port unanswered and the other would
  /// shut the gateway out.
  ///
  /// - Parameters:
  ///   - entrypoint: the version's `metadata.entrypoint`.
  ///   - port: the replica's port on 127.0.0.1.
  ///   - environment: what `$NAME` in the entrypoint is looked up in.
  ///   - engineArguments: appended as they are; see ``EngineFlags``.
  init(
    entrypoint: String, port: Int, environment: [String: String], engineArguments: [String] = []
  ) throws(EntrypointError) {
    var words = try CommandLineWords.split(entrypoint, port: port, variables: environment)
    var assignments: [String: String] = [:]
    while let first = words.first, let equals = first.firstIndex(of: "="),
      EnvironmentName.isValid(first[..<equals])
    {
      assignments[String(first[..<equals])] = String(first[first.index(after: equals)...])
      words.removeFirst()
    }
    guard !words.isEmpty else { throw EntrypointError(description: "it names no program") }
    words += engineArguments
    words = Self.dropping("--uds", from: words)
    words = Self.dropping("--api-key", from: words)
    words = Self.setting("--host", to: "127.0.0.1", in: words)
    words = Self.setting("--port", to: String(port), in: words)
    self.words = words
    self.assignments = assignments
  }

  /// The value of an option, whether written `--name value` or `--name=value`; the last one, as argparse takes it.
  func value(of option: String) -> String? {
    for (index, word) in words.enumerated().reversed() {
      if word.hasPrefix(option + "=") { return String(word.dropFirst(option.count + 1)) }
      if word == option { return index + 1 < words.count ? words[index + 1] : nil }
    }
    return nil
  }

  /// What the engine loads: `--model`, or the word after `vllm serve`.
  var modelArgument: String? {
    if let model = value(of: "--model") { return model }
    guard let serve = words.firstIndex(of: "serve"), serve > 0, serve + 1 < words.count,
      !words[serve + 1].hasPrefix("-")
    else { return nil }
    return words[serve + 1]
  }

  private static func setting(_ option: String, to value: String, in words: [String]) -> [String] {
    var result: [String] = []
    var found = false
    var rest = words[...]
    while let word = rest.popFirst() {
      switch word {
      case option:
        found = true
        result += [option, value]
        if let next = rest.first, !next.hasPrefix("--") { rest.removeFirst() }
      case _ where word.hasPrefix(option + "="):
        found = true
        result.append(option + "=" + value)
      default: result.append(word)
      }
    }
    return found ? result : result + [option, value]
  }

  private static func dropping(_ option: String, from words: [String]) -> [String] {
    var result: [String] = []
    var rest = words[...]
    while let word = rest.popFirst() {
      if word == option {
        while let next = rest.first, !next.hasPrefix("-") { rest.removeFirst() }
      } else if !word.hasPrefix(option + "=") {
        result.append(word)
      }
    }
    return result
  }
}

/// What may name a variable in an environment.
enum EnvironmentName {
  static func isValid(_ name: some StringProtocol) -> Bool {
    guard let first = name.utf8.first, !(48...57).contains(first) else { return false }
    return name.utf8.allSatisfy { byte in
      byte == 95 || (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
    }
  }
}
