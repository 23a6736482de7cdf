/// The number of requests that an engine processes at once. A lower limit in front of it would only refuse requests
/// that it could have answered.
enum EngineBatch {
  /// vLLM's default.
  static let standard = 256

  /// The value of `--max-num-seqs`, in the entrypoint or in the engine arguments after it; the last one counts.
  static func size(entrypoint: String, environment: [String: String]) -> Int {
    var words = (try? CommandLineWords.split(entrypoint, port: 0, variables: nil)) ?? []
    if let engine = environment[EngineFlags.variable] { words += (try? EngineFlags.words(engine)) ?? [] }
    guard let size = EngineOptions(words)["--max-num-seqs"].flatMap({ Int($0) }), size > 0 else { return standard }
    return size
  }
}
