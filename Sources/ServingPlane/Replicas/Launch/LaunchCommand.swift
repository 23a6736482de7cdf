/// One replica's command line and environment, ready to run.
struct LaunchCommand: Hashable, Sendable {
  /// The words; the first is the program as the entrypoint names it.
  var words: [String]
  /// Assignments before the program (`NAME=value python …`), also after `env`.
  var assignments: [String: String]
  /// Variables that `env -u NAME` removes.
  var removals: Set<String>
  /// Whether the plane has added `--tensor-parallel-size`.
  let isShardedByPlane: Bool

  /// The program, as the entrypoint names it.
  var program: String { words.first ?? "" }

  /// Parses an entrypoint and points it at one replica's port.
  ///
  /// `--host` becomes the loopback address and `--port` the replica's, in place or appended: a replica is reachable
  /// only through the gateway. `--uds`, `--api-key` and `--device-ids` are removed: the first would leave the port
  /// unused, the second would lock out the gateway, and the plane assigns the devices.
  ///
  /// vLLM's server of a replica with several GPUs gets `--tensor-parallel-size`, unless the words distribute the model
  /// in their own way.
  ///
  /// - Parameters:
  ///   - entrypoint: the version's `metadata.entrypoint`.
  ///   - port: the replica's port on 127.0.0.1.
  ///   - environment: the values of `$NAME` in the entrypoint.
  ///   - engineArguments: appended unchanged; see ``EngineFlags`` and ``LoadedAdapter``.
  ///   - gpus: the number of GPUs that the replica has.
  init(
    entrypoint: String, port: Int, environment: [String: String], engineArguments: [String] = [], gpus: Int = 0
  ) throws(EntrypointError) {
    try ShellEntrypoint.check(entrypoint)
    var command = CommandPrefix(try CommandLineWords.split(entrypoint, port: port, variables: environment))
    guard !command.words.isEmpty else { throw EntrypointError(description: "it names no program") }
    guard CommandPrefix.basename(command.words[0]) != "env" else {
      throw EntrypointError(description: "it uses an option of env other than -i and -u; remove env")
    }
    // After another program, as in `nohup env CUDA_VISIBLE_DEVICES=0 python …`.
    command.words.removeAll { word in
      word.contains("=") && ReplicaEnvironment.isDevices(String(word.prefix { $0 != "=" }))
        && EnvironmentName.isValid(word.prefix { $0 != "=" })
    }
    command.words += engineArguments
    for option in ["--uds", "--api-key", "--device-ids"] { command.words = Self.dropping(option, from: command.words) }
    command.words = Self.setting("--host", to: "127.0.0.1", in: command.words)
    command.words = Self.setting("--port", to: String(port), in: command.words)
    isShardedByPlane = gpus > 1 && Self.runsVLLM(command.words) && !EngineOptions(command.words).distributesModel
    if isShardedByPlane { command.words += ["--tensor-parallel-size", String(gpus)] }
    words = command.words
    assignments = command.assignments
    removals = command.removals
  }

  /// Whether the words run vLLM's server itself: another program may not know its options, or may add some of its own.
  var runsVLLM: Bool { Self.runsVLLM(words) }

  private static func runsVLLM(_ words: [String]) -> Bool {
    zip(words, words.dropFirst()).contains { first, second in
      second == "serve" && CommandPrefix.basename(first) == "vllm"
        || second == "vllm.entrypoints.openai.api_server" && first == "-m"
    }
  }

  /// The value of an option, whether written `--name value` or `--name=value`; the last one, as argparse takes it.
  func value(of option: String) -> String? {
    for (index, word) in words.enumerated().reversed() {
      if word.hasPrefix(option + "=") { return String(word.dropFirst(option.count + 1)) }
      if word == option { return index + 1 < words.count ? words[index + 1] : nil }
    }
    return nil
  }

  /// The model that the engine loads: `--model`, or the word after `vllm serve`.
  var modelArgument: String? {
    if let model = value(of: "--model") { return model }
    guard let serve = words.firstIndex(of: "serve"), serve > 0, serve + 1 < words.count,
      !words[serve + 1].hasPrefix("-")
    else { return nil }
    return words[serve + 1]
  }

  /// The path of the model that the engine loads, if it is on this machine.
  ///
  /// - Parameter artifacts: the folder in which the entrypoint runs.
  func modelPath(in artifacts: String) -> String? {
    modelArgument.map { $0.hasPrefix("/") ? $0 : artifacts + "/" + $0 }
  }

  private static func setting(_ option: String, to value: String, in words: [String]) -> [String] {
    var result: [String] = []
    var found = false
    var rest = words[...]
    while let word = rest.popFirst() {
      let name = flag(of: word)
      switch word {
      case _ where word == name.word && name.flag == option:
        found = true
        result += [option, value]
        if let next = rest.first, !next.hasPrefix("--") { rest.removeFirst() }
      case _ where name.flag == option:
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
      let name = flag(of: word)
      if name.flag != option {
        result.append(word)
      } else if name.word == word {
        while let next = rest.first, !next.hasPrefix("-") { rest.removeFirst() }
      }
    }
    return result
  }

  /// A word up to its `=`, as written and as the option it means: vLLM accepts `_` for `-`.
  private static func flag(of word: String) -> (word: String, flag: String) {
    let name = String(word.prefix { $0 != "=" })
    return (name, name.hasPrefix("--") ? name.replacing("_", with: "-") : name)
  }
}

/// The valid names of environment variables.
enum EnvironmentName {
  static func isValid(_ name: some StringProtocol) -> Bool {
    guard let first = name.utf8.first, !(48...57).contains(first) else { return false }
    return name.utf8.allSatisfy { byte in
      byte == 95 || (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
    }
  }
}
