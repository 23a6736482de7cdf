/// The number of requests that an engine processes at once. A lower limit in front of it would only refuse requests
/// that it could have answered.
enum EngineBatch {
  /// vLLM's default.
  static let standard = 256

  /// The value of `--max-num-seqs`, in the entrypoint or in the engine arguments after it; the last one counts.
  static func size(entrypoint: String, environment: [String: String]) -> Int {
    var words = (try? CommandLineWords.split(entrypoint, port: 0, variables: nil)) ?? []
    if let engine = environment[EngineFlags.variable] { words += (try? EngineFlags.words(engine)) ?? [] }
    var size = standard
    for (index, word) in words.enumerated() where word.hasPrefix("--") {
      let parts = word.split(separator: "=", maxSplits: 1)
      // vLLM accepts underscores for dashes.
      guard parts.first?.replacing("_", with: "-") == "--max-num-seqs" else { continue }
      let value = parts.count == 2 ? String(parts[1]) : index + 1 < words.count ? words[index + 1] : ""
      if let number = Int(value), number > 0 { size = number }
    }
    return size
  }
}
