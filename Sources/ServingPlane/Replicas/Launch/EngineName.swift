/// The name of the program that an entrypoint runs, for messages: not every server is vLLM.
enum EngineName {
  static let vLLM = "vLLM"

  /// Returns `vLLM` if the entrypoint runs it, otherwise the program as the entrypoint names it.
  static func of(_ entrypoint: String) -> String {
    guard let words = try? CommandLineWords.split(entrypoint, port: nil, variables: nil) else { return vLLM }
    let isVLLM = words.contains { $0.lowercased().contains("vllm") }
    return isVLLM ? vLLM : CommandPrefix(words).words.first ?? vLLM
  }
}
