import Endpoints

/// Determines from an engine's output why it did not start, or why it died.
enum StartFailure {
  /// - Parameters:
  ///   - log: the end of the replica's output.
  ///   - exit: how the process ended; nil if it was killed because it did not become ready.
  ///   - program: the interpreter, for advice.
  ///   - engine: the name of what was run, for messages.
  static func cause(
    log text: String, exit: ProcessExit?, program: String, engine: String = EngineName.vLLM
  ) -> ReplicaFailure {
    let names = Names(program: program, engine: engine)
    let log = EngineLog(text)
    let line =
      EngineLog.lastExceptionLine(in: log.firstEngineErrorBlock) ?? EngineLog.lastExceptionLine(in: log.lines)
    let known = line.flatMap { Self.known($0, names) } ?? knownAnywhere(log, names)
    // A program that is ended from outside, or crashes in native code, has thrown no exception: one in its log is
    // older. A C++ exception ends in an abort.
    if let exit, let signal = exit.signal, signal.name != "SIGABRT" || known == nil {
      if let known, known.isAboutMemory { return known }
      return ReplicaFailure(
        "\(engine) \(exit): \(signal.meaning)", line: log.lastMeaningfulLine ?? line,
        isWorthRepeating: signal.isPassing)
    }
    if let known { return known }
    let words = line ?? log.lastMeaningfulLine
    guard let exit else {
      return ReplicaFailure(notReady(engine), line: words, isWorthRepeating: words.map(isPassing) ?? false)
    }
    guard let words else {
      return ReplicaFailure(
        "\(engine) \(exit) and printed nothing; check the version's entrypoint (\"setpoint models list -o json\")")
    }
    return ReplicaFailure("\(engine) \(exit)", line: words, isWorthRepeating: isPassing(words))
  }

  /// Returns the explanation if nothing is known except that the start timed out.
  static func notReady(_ engine: String) -> String { "\(engine) did not become ready" }

  /// The values of the placeholders in an explanation.
  struct Names: Sendable {
    let program: String
    let engine: String
  }

  private static func known(_ line: String, _ names: Names) -> ReplicaFailure? {
    (machineRules + rules).first { $0.matches(line) }.map { $0.failure(line, names) }
  }

  private static func knownAnywhere(_ log: EngineLog, _ names: Names) -> ReplicaFailure? {
    log.lines.reversed().lazy.compactMap { known($0.text.trimming(" \t"), names) }.first
  }

  /// Whether a line reports a temporary problem, such as a network failure.
  private static func isPassing(_ line: String) -> Bool { KnownMessage.found(in: line)?.cause == .theirs }

  /// The words of a log line, and their explanation.
  struct Rule: Sendable {
    /// All of them must be in the line; case is ignored.
    let words: [String]
    /// `{program}` becomes the interpreter, `{engine}` the name of what was run, and `{module}` the Python module that
    /// the line names.
    let explanation: String
    /// Whether the machine is at fault, and not a config.
    var isMachines = false

    func matches(_ line: String) -> Bool {
      let lowered = line.lowercased()
      return words.allSatisfy { lowered.contains($0) }
    }

    func failure(_ line: String, _ names: Names) -> ReplicaFailure {
      let words = explanation.replacing("{program}", with: names.program).replacing("{engine}", with: names.engine)
        .replacing("{module}", with: Self.module(in: line).map { "the Python module \($0)" } ?? "a Python module")
      if isMachines { return .ofMachine(words, line: line) }
      return ReplicaFailure(words, line: line, isWorthRepeating: StartFailure.isPassing(line))
    }

    /// Returns the name in `No module named 'name'`, with or without quotes.
    private static func module(in line: String) -> String? {
      guard let words = line.firstRange(of: "o module named ") else { return nil }
      let name = line[words.upperBound...].drop { $0 == "'" || $0 == "\"" }
        .prefix { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "." }
      return name.isEmpty ? nil : String(name)
    }
  }

  // The first match wins, so specific rules come before general ones.
  private static let rules: [Rule] = [
    Rule(
      words: ["cuda out of memory"],
      explanation:
        "out of memory: the model does not fit in the GPU's memory; lower gpuMemoryUtilization or maxModelLen, "
        + "or use a larger workload type"),
    Rule(
      words: ["free memory on device", "desired gpu memory utilization"],
      explanation:
        "out of memory: less GPU memory is free than gpuMemoryUtilization requests; another program uses the GPU"),
    Rule(
      words: ["less than requested", "kv cache"],
      explanation: "out of memory: the machine has less memory than the KV cache needs; lower VLLM_CPU_KVCACHE_SPACE"
    ),
    Rule(
      words: ["no available memory for the cache blocks"],
      explanation: "out of memory: no memory is left for the KV cache; raise gpuMemoryUtilization, or on a CPU set "
        + "VLLM_CPU_KVCACHE_SPACE"),
    Rule(
      words: ["kv cache", "is larger than the available"],
      explanation: "out of memory: the KV cache is too small for one request of maximum length; lower maxModelLen"),
    Rule(
      words: ["can't allocate memory"], explanation: "out of memory: the machine has too little memory for the model"),
    Rule(
      words: ["cannot allocate memory"], explanation: "out of memory: the machine has too little memory for the model"),
    Rule(words: ["std::bad_alloc"], explanation: "out of memory: the machine has too little memory for the model"),
    Rule(words: ["outofmemoryerror"], explanation: "out of memory while loading the model"),
    Rule(words: ["memoryerror"], explanation: "out of memory while loading the model"),
    Rule(
      words: ["bfloat16 is only supported"],
      explanation: "unsupported dtype: this GPU does not support bfloat16; set dtype to float16"),
    Rule(
      words: ["argument --dtype", "invalid choice"],
      explanation: "unsupported dtype: vLLM does not support this data type"),
    Rule(
      words: ["unrecognized arguments"],
      explanation: "unknown flag: this vLLM does not support an option of the entrypoint or of spec.engine"),
    Rule(words: ["error: argument"], explanation: "bad flag value: vLLM rejected the value of an option"),
    Rule(
      words: ["error: the following arguments are required"],
      explanation: "the entrypoint lacks an option that vLLM requires"),
    Rule(
      words: ["repo id must be in the form"],
      explanation: "unknown model path: the entrypoint names a folder that does not exist"),
    Rule(
      words: ["cannot find an appropriate cached snapshot"],
      explanation: "unknown model path: the entrypoint names a model that is not among the version's artifacts"),
    Rule(
      words: ["is not a local folder and is not a valid model identifier"],
      explanation: "unknown model path: the entrypoint names a model that is not among the version's artifacts"),
    Rule(
      words: ["invalid repository id or local directory"],
      explanation: "the model folder that the entrypoint names has no config.json, or does not exist"),
    Rule(
      words: ["does not appear to have a file named"],
      explanation: "the model folder is incomplete: a file is missing"),
    Rule(
      words: ["is greater than the derived", "max_model_len"],
      explanation: "maxModelLen is longer than the model supports"),
    Rule(words: ["is not a valid json file"], explanation: "the model's config.json is not valid JSON"),
    Rule(
      words: ["does not recognize this architecture"],
      explanation: "unknown architecture: this vLLM's transformers cannot load the model; a newer vLLM may"),
    Rule(
      words: ["model architectures", "not supported"],
      explanation: "unknown architecture: this vLLM cannot serve the model"),
    Rule(
      words: ["couldn't instantiate the backend tokenizer"],
      explanation: "the model folder has no usable tokenizer"),
    Rule(
      words: ["incomplete metadata, file not fully covered"],
      explanation: "broken weights: a weights file is truncated; register the version again from a complete copy"),
    Rule(
      words: ["header too large"], explanation: "broken weights: a weights file is not a safetensors file"),
    Rule(words: ["safetensorerror"], explanation: "broken weights: a weights file cannot be read"),
    Rule(words: ["cannot find any model weights"], explanation: "the model folder has no weights"),
    Rule(
      words: ["size of tensor", "must match"],
      explanation: "the weights do not match the model's config.json: their shapes differ"),
    Rule(
      words: ["size mismatch"], explanation: "the weights do not match the model's config.json: their shapes differ"),
    Rule(
      words: ["expected target modules in"],
      explanation: "a LoRA adapter does not fit the model: it changes modules that vLLM cannot adapt there"),
    Rule(
      words: ["does not support lora"],
      explanation: "this vLLM cannot serve LoRA adapters with the model's architecture"),
    Rule(
      words: ["cannot assign requested address"],
      explanation: "the entrypoint's host is not an address of this machine"),
    Rule(
      words: ["no module named"],
      explanation: "{module} is not installed for {program}; install it there, or \(namePython)"),
    Rule(
      words: ["this modeling file requires"],
      explanation: "the model's own code needs Python packages that {program} does not have"),
    Rule(
      words: ["permissionerror"],
      explanation: "{engine} is not allowed to access a file it needs; check its permissions for the plane's user"),
    Rule(
      words: ["permission denied"],
      explanation: "{engine} is not allowed to access a file it needs; check its permissions for the plane's user"),
    Rule(words: ["sleep mode is not supported"], explanation: "sleep mode works on GPUs only; remove the flag"),
  ]
}

extension ReplicaFailure {
  fileprivate var isAboutMemory: Bool { explanation.hasPrefix("out of memory") }
}
