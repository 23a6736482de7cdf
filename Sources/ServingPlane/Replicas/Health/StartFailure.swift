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
        isWorthRepeating: signal.isPassing, code: signal.name == "SIGKILL" ? Code.killed : Code.crashed)
    }
    if let known { return known }
    let words = line ?? log.lastMeaningfulLine
    guard let exit else {
      return ReplicaFailure(
        notReady(engine), line: words, isWorthRepeating: words.map(isPassing) ?? false, code: Code.notReady)
    }
    guard let words else {
      return ReplicaFailure(
        "\(engine) \(exit) and printed nothing; check the version's entrypoint (\"setpoint models list -o json\")",
        code: Code.silentExit)
    }
    return ReplicaFailure("\(engine) \(exit)", line: words, isWorthRepeating: isPassing(words), code: Code.exit)
  }

  /// The codes of causes that no rule for a line has.
  enum Code {
    /// Killed by SIGKILL, which nearly always means that memory ran out.
    static let killed = "killed"
    static let crashed = "engine-crash"
    static let exit = "engine-exit"
    static let silentExit = "engine-silent-exit"
    static let notReady = "not-ready-in-time"
    /// An engine that ran and no longer answers or generates.
    static let unresponsive = "engine-unresponsive"
    /// An engine that answers and generates nothing.
    static let noToken = "generates-nothing"
    static let lost = "ended-without-plane"
  }

  /// The codes of all causes.
  static var allCodes: Set<String> {
    Set((machineRules + rules).map(\.code))
      .union([
        Code.killed, Code.crashed, Code.exit, Code.silentExit, Code.notReady, Code.unresponsive, Code.noToken,
        Code.lost,
      ])
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
    /// Names the cause in diagnoses. Never changed once released.
    let code: String
    /// All of them must be in the line; case is ignored.
    let words: [String]
    /// `{program}` becomes the interpreter, `{engine}` the name of what was run, and `{module}` the Python module that
    /// the line names.
    let explanation: String
    /// Whether the machine is at fault, and not a config.
    var isMachines = false

    init(_ code: String, words: [String], explanation: String, isMachines: Bool = false) {
      self.code = code
      self.words = words
      self.explanation = explanation
      self.isMachines = isMachines
    }

    func matches(_ line: String) -> Bool {
      let lowered = line.lowercased()
      return words.allSatisfy { lowered.contains($0) }
    }

    func failure(_ line: String, _ names: Names) -> ReplicaFailure {
      let words = explanation.replacing("{program}", with: names.program).replacing("{engine}", with: names.engine)
        .replacing("{module}", with: Self.module(in: line).map { "the Python module \($0)" } ?? "a Python module")
      if isMachines { return .ofMachine(words, line: line, code: code) }
      return ReplicaFailure(words, line: line, isWorthRepeating: StartFailure.isPassing(line), code: code)
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
      "out-of-gpu-memory", words: ["cuda out of memory"],
      explanation:
        "out of memory: the model does not fit in the GPU's memory; lower gpuMemoryUtilization or maxModelLen, "
        + "or use a larger workload type"),
    Rule(
      "gpu-memory-in-use", words: ["free memory on device", "desired gpu memory utilization"],
      explanation:
        "out of memory: less GPU memory is free than gpuMemoryUtilization requests; another program uses the GPU"),
    Rule(
      "kv-cache-too-large", words: ["less than requested", "kv cache"],
      explanation: "out of memory: the machine has less memory than the KV cache needs; lower VLLM_CPU_KVCACHE_SPACE"
    ),
    Rule(
      "no-memory-for-kv-cache", words: ["no available memory for the cache blocks"],
      explanation: "out of memory: no memory is left for the KV cache; raise gpuMemoryUtilization, or on a CPU set "
        + "VLLM_CPU_KVCACHE_SPACE"),
    Rule(
      "context-too-long-for-memory", words: ["kv cache", "is larger than the available"],
      explanation: "out of memory: the KV cache is too small for one request of maximum length; lower maxModelLen"),
    Rule(
      "out-of-memory", words: ["can't allocate memory"],
      explanation: "out of memory: the machine has too little memory for the model"),
    Rule(
      "out-of-memory", words: ["cannot allocate memory"],
      explanation: "out of memory: the machine has too little memory for the model"),
    Rule(
      "out-of-memory", words: ["std::bad_alloc"],
      explanation: "out of memory: the machine has too little memory for the model"),
    Rule("out-of-memory", words: ["outofmemoryerror"], explanation: "out of memory while loading the model"),
    Rule("out-of-memory", words: ["memoryerror"], explanation: "out of memory while loading the model"),
    Rule(
      "bad-dtype", words: ["bfloat16 is only supported"],
      explanation: "unsupported dtype: this GPU does not support bfloat16; set dtype to float16"),
    Rule(
      "bad-dtype", words: ["argument --dtype", "invalid choice"],
      explanation: "unsupported dtype: vLLM does not support this data type"),
    Rule(
      "unknown-flag", words: ["unrecognized arguments"],
      explanation: "unknown flag: this vLLM does not support an option of the entrypoint or of spec.engine"),
    Rule(
      "bad-flag-value", words: ["error: argument"], explanation: "bad flag value: vLLM rejected the value of an option"),
    Rule(
      "missing-flag", words: ["error: the following arguments are required"],
      explanation: "the entrypoint lacks an option that vLLM requires"),
    Rule(
      "unknown-model-path", words: ["repo id must be in the form"],
      explanation: "unknown model path: the entrypoint names a folder that does not exist"),
    Rule(
      "unknown-model-path", words: ["cannot find an appropriate cached snapshot"],
      explanation: "unknown model path: the entrypoint names a model that is not among the version's artifacts"),
    Rule(
      "unknown-model-path", words: ["is not a local folder and is not a valid model identifier"],
      explanation: "unknown model path: the entrypoint names a model that is not among the version's artifacts"),
    Rule(
      "gated-model", words: ["gated repo"],
      explanation: "the model's repository is gated: the hub wants a token of an account that was granted access"),
    Rule(
      "incomplete-model", words: ["invalid repository id or local directory"],
      explanation: "the model folder that the entrypoint names has no config.json, or does not exist"),
    Rule(
      "incomplete-model", words: ["does not appear to have a file named"],
      explanation: "the model folder is incomplete: a file is missing"),
    Rule(
      "context-too-long", words: ["is greater than the derived", "max_model_len"],
      explanation: "maxModelLen is longer than the model supports"),
    Rule(
      "damaged-model-config", words: ["is not a valid json file"],
      explanation: "the model's config.json is not valid JSON"),
    Rule(
      "unknown-architecture", words: ["does not recognize this architecture"],
      explanation: "unknown architecture: this vLLM's transformers cannot load the model; a newer vLLM may"),
    Rule(
      "unknown-architecture", words: ["model architectures", "not supported"],
      explanation: "unknown architecture: this vLLM cannot serve the model"),
    Rule(
      "no-tokenizer", words: ["couldn't instantiate the backend tokenizer"],
      explanation: "the model folder has no usable tokenizer"),
    Rule(
      "no-chat-template", words: ["default chat template is no longer allowed"],
      explanation: "the model's tokenizer has no chat template"),
    Rule(
      "damaged-weights", words: ["incomplete metadata, file not fully covered"],
      explanation: "broken weights: a weights file is truncated; register the version again from a complete copy"),
    Rule(
      "damaged-weights", words: ["header too large"],
      explanation: "broken weights: a weights file is not a safetensors file"),
    Rule("damaged-weights", words: ["safetensorerror"], explanation: "broken weights: a weights file cannot be read"),
    Rule("no-weights", words: ["cannot find any model weights"], explanation: "the model folder has no weights"),
    Rule(
      "weights-mismatch", words: ["size of tensor", "must match"],
      explanation: "the weights do not match the model's config.json: their shapes differ"),
    Rule(
      "weights-mismatch", words: ["size mismatch"],
      explanation: "the weights do not match the model's config.json: their shapes differ"),
    Rule(
      "unusable-adapter", words: ["expected target modules in"],
      explanation: "a LoRA adapter does not fit the model: it changes modules that vLLM cannot adapt there"),
    Rule(
      "adapter-rank-too-large", words: ["lora rank", "is greater than", "max_lora_rank"],
      explanation: "a LoRA adapter's rank is larger than the engine accepts"),
    Rule(
      "unusable-adapter", words: ["does not support lora"],
      explanation: "this vLLM cannot serve LoRA adapters with the model's architecture"),
    Rule(
      "foreign-host", words: ["cannot assign requested address"],
      explanation: "the entrypoint's host is not an address of this machine"),
    Rule(
      "missing-python-module", words: ["no module named"],
      explanation: "{module} is not installed for {program}; install it there, or \(namePython)"),
    Rule(
      "missing-python-module", words: ["this modeling file requires"],
      explanation: "the model's own code needs Python packages that {program} does not have"),
    Rule(
      "no-file-permission", words: ["permissionerror"],
      explanation: "{engine} is not allowed to access a file it needs; check its permissions for the plane's user"),
    Rule(
      "no-file-permission", words: ["permission denied"],
      explanation: "{engine} is not allowed to access a file it needs; check its permissions for the plane's user"),
    Rule(
      "no-sleep-mode", words: ["sleep mode is not supported"],
      explanation: "sleep mode works on GPUs only; remove the flag"),
  ]
}

extension ReplicaFailure {
  fileprivate var isAboutMemory: Bool { explanation.hasPrefix("out of memory") }
}
