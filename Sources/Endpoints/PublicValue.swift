/// Decides which environment values may be shown: secret references, which name a secret without revealing it, the
/// engine's flags, which a replica's command line shows anyway, and valid settings for a plane, which are numbers and
/// words. Everything else may be a secret.
package enum PublicValue {
  package static func isPublic(variable: String, value: String) -> Bool {
    switch variable {
    case _ where SecretReference(value) != nil: true
    case EngineArguments.variable: !holdsCredential(value)
    case PlaneArguments.variable: (try? PlaneArguments(parsing: value)) != nil
    default: false
    }
  }

  /// Whether flags may contain a credential: vLLM has `--api-key` and `--hf-token`, and a URL may contain a password.
  private static func holdsCredential(_ flags: String) -> Bool {
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
