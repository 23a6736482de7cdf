/// A reference to a secret that the workspace keeps, `{{secrets/scope/key}}`: it names the secret and does not tell it.
enum SecretReference {
  /// Whether the value is one reference and nothing else; text around it may be anything, so it is not public.
  static func isWhole(_ value: String) -> Bool {
    guard value.hasPrefix("{{secrets/"), value.hasSuffix("}}") else { return false }
    let path = value.dropFirst("{{secrets/".count).dropLast(2)
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    return parts.count == 2 && parts.allSatisfy { !$0.isEmpty && !$0.contains { "{} ".contains($0) } }
  }
}

/// The engine's flags, which travel in the environment as `SETPOINT_ENGINE_ARGS`.
enum EngineArguments {
  /// Whether the variable holds flags that may be read: a replica's command line shows them to everybody anyway, and a
  /// rollback over a change of flags needs them. Flags that carry a credential are not public all the same; vLLM has
  /// `--api-key` and `--hf-token`, and a URL may hold a password before its `@`.
  static func arePublic(variable: String, value: String) -> Bool {
    guard variable == "SETPOINT_ENGINE_ARGS" else { return false }
    let flags = String(value.lowercased().map { $0 == "_" ? "-" : $0 })
    return !["api-key", "hf-token", "secret", "password", "credential", "@"].contains { flags.contains($0) }
  }
}
