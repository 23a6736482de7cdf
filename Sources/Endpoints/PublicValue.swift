/// Decides which environment values may be stored and shown.
package enum PublicValue {
  /// Whether the value cannot be a secret and may be stored: a secret reference, which names a secret without revealing
  /// it, the engine's flags, which a replica's command line shows anyway, and valid adapters and settings for a plane,
  /// which are numbers, words and names of models.
  package static func isPublic(variable: String, value: String) -> Bool {
    switch variable {
    case _ where SecretReference(value) != nil: true
    case EngineArguments.variable: !holdsCredential(value)
    case EngineAdapters.variable: (try? EngineAdapters(parsing: value)) != nil
    case PlaneArguments.variable: (try? PlaneArguments(parsing: value)) != nil
    default: false
    }
  }

  /// Whether the value must not be shown: only numbers, plain words and paths are, under names that do not suggest a
  /// credential. This is the rule for plans and endpoints. What is stored follows the stricter
  /// ``isPublic(variable:value:)``.
  package static func mayBeCredential(variable: String, value: String) -> Bool {
    !isPublic(variable: variable, value: value)
      && (looksLikeCredential(variable: variable, value: value) || !PlainValue.isOne(value))
  }

  /// Whether the name or the value suggests a credential. This is the rule for manifests, which must contain whatever
  /// else an endpoint needs.
  package static func looksLikeCredential(variable: String, value: String) -> Bool {
    if isPublic(variable: variable, value: value) { return false }
    return variable == EngineArguments.variable || CredentialName.isOne(variable, value: value)
      || CredentialShape.isSuspected(in: value)
  }

  /// Whether flags may contain a credential: vLLM has `--api-key` and `--hf-token`, and a URL may contain a password.
  private static func holdsCredential(_ flags: String) -> Bool {
    if CredentialShape.isOne(flags) { return true }
    let flags = String(flags.lowercased().map { $0 == "_" ? "-" : $0 })
    return ["api-key", "hf-token", "secret", "password", "credential", "@"].contains { flags.contains($0) }
  }
}

extension EndpointConfig {
  /// The environment values that no output may repeat. Shorter ones are words like `INFO`: removing those from a text
  /// would make it unreadable and hide nothing.
  package var secretValues: [String] {
    entities.flatMap { entity in
      entity.environment.filter { !PublicValue.isPublic(variable: $0.key, value: $0.value) && $0.value.count >= 8 }
        .values
    }
  }
}
