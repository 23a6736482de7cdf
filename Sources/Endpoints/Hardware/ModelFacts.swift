/// The facts that a registry reports about a model version. Most report little.
package struct ModelFacts: Hashable, Sendable {
  /// The size of the weights in bytes.
  package let weights: Int64?
  /// The task, such as `llm/v1/chat`.
  package let task: String?
  /// The server's start command.
  package let entrypoint: String?

  package init(weights: Int64? = nil, task: String? = nil, entrypoint: String? = nil) {
    self.weights = weights
    self.task = task
    self.entrypoint = entrypoint
  }

  /// Reads the facts that users and MLflow attach to a version.
  ///
  /// - Parameters:
  ///   - tags: the version's tags and parameters: `model_size_bytes` or `weights_bytes`, else `parameters` (`7B`,
  ///     `350M`) with `dtype` (16 bits if not given); `task`; `entrypoint`.
  ///   - artifactBytes: the total size of the version's files, if the registry reports it.
  package init(tags: [String: String], artifactBytes: Int64? = nil, task: String? = nil, entrypoint: String? = nil) {
    let counted = artifactBytes ?? (tags["model_size_bytes"] ?? tags["weights_bytes"]).flatMap { Int64($0) }
    self.init(
      weights: counted ?? Self.weights(parameters: tags["parameters"], dtype: tags["dtype"] ?? tags["torch_dtype"]),
      task: task ?? tags["task"], entrypoint: entrypoint ?? tags["entrypoint"])
  }

  /// Returns the number of parameters times the bytes of one (serving-api.md 6.2).
  static func weights(parameters: String?, dtype: String?) -> Int64? {
    guard let text = parameters?.lowercased(), let unit = text.last else { return nil }
    let factor: Double = unit == "b" ? 1e9 : unit == "m" ? 1e6 : 1
    guard let number = Double(factor == 1 ? text : String(text.dropLast())), number > 0 else { return nil }
    let bits: Double =
      switch dtype?.lowercased() {
      case "float32", "fp32", "float": 32
      case "int8", "fp8", "w8a8", "float8": 8
      case "int4", "awq", "gptq", "w4a16", "nf4": 4
      default: 16
      }
    return Int64(exactly: (number * factor * bits / 8).rounded())
  }
}

/// The arguments of a start command that a preflight reads.
struct EntrypointFlags {
  private let words: [Substring]

  init(_ entrypoint: String) { words = entrypoint.split(whereSeparator: \.isWhitespace) }

  /// The value of `--flag value` or `--flag=value`; the last one counts.
  subscript(flag: String) -> String? {
    for (index, word) in words.enumerated().reversed() {
      if word == flag { return index + 1 < words.count ? String(words[index + 1]) : nil }
      if word.hasPrefix(flag + "=") { return String(word.dropFirst(flag.count + 1)) }
    }
    return nil
  }

  var isVLLM: Bool { words.contains { $0.contains("vllm") } }
}
