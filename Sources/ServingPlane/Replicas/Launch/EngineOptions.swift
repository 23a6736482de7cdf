/// The options in a command line of vLLM. Of a repeated one, the last counts; `_` stands for `-`, as vLLM accepts it.
struct EngineOptions: Hashable, Sendable {
  /// By name, such as `--dtype`. A flag without a value has the next word, or an empty text.
  private var values: [String: String] = [:]

  private static let abbreviations = [
    "-tp": "--tensor-parallel-size", "-pp": "--pipeline-parallel-size", "-dp": "--data-parallel-size",
    "-dcp": "--decode-context-parallel-size", "-pcp": "--prefill-context-parallel-size",
    "-ep": "--enable-expert-parallel", "-q": "--quantization",
  ]

  init(_ words: [String]) {
    for (index, word) in words.enumerated() where word.hasPrefix("-") {
      let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map { String($0) }
      let written = parts[0]
      let name = Self.abbreviations[written] ?? written.replacing("_", with: "-")
      values[name] = parts.count == 2 ? parts[1] : index + 1 < words.count ? words[index + 1] : ""
    }
  }

  subscript(name: String) -> String? { values[name] }

  /// Whether there is an option whose name begins with the text.
  func contains(prefix: String) -> Bool { values.keys.contains { $0.hasPrefix(prefix) } }

  /// Whether the options say how the model is distributed among several GPUs, or may say so: in full, abbreviated, or in
  /// a file.
  var distributesModel: Bool {
    let executor = self["--distributed-executor-backend"]
    return self["--config"] != nil || Self.distributing.contains { contains(prefix: $0) }
      || mayAbbreviate(Self.distributing + ["--config"])
      // With these, an engine has one GPU.
      || executor == "uni" || executor == "external_launcher"
  }

  private static let distributing = [
    "--tensor-parallel-size", "--pipeline-parallel-size", "--data-parallel", "--prefill-context-parallel-size",
    "--nnodes",
  ]

  /// Whether an option may stand for one of these: vLLM accepts any unambiguous prefix of an option.
  ///
  /// - Parameter names: in full, or the beginnings of several.
  func mayAbbreviate(_ names: [String]) -> Bool {
    values.keys.contains { key in
      guard key.hasPrefix("--"), !Self.complete.contains(key), !names.contains(key) else { return false }
      return names.contains { $0.hasPrefix(key) }
    }
  }

  /// Options that are a prefix of others.
  private static let complete: Set = ["--model"]

  /// A whole number as vLLM reads it for lengths, such as `8192`, `8k` (8,000) or `8K` (8,192); nil for anything else.
  static func number(_ text: String) -> Int? {
    if let number = Int(text) { return number }
    let units: [Character: Double] = ["k": 1e3, "m": 1e6, "K": 1024, "M": 1_048_576]
    guard let unit = text.last.flatMap({ units[$0] }), let number = Double(text.dropLast()), number >= 0 else {
      return nil
    }
    return Int(exactly: (number * unit).rounded(.down))
  }
}
