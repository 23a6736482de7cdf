/// Removes secrets from the texts of others: a provider, an engine, a registry. Known values are removed everywhere,
/// and so is anything that has the shape of a credential.
package struct Redaction: Hashable, Sendable {
  /// The text that replaces a secret.
  package static let mark = "[redacted]"
  /// The shortest value to remove. Shorter values are words like `INFO`: removing them would make messages unreadable
  /// and hide nothing.
  private static let shortest = 8

  /// The secrets, longest first, because one may be a part of another.
  private let secrets: [String]

  /// - Parameter secrets: values that no text may repeat.
  package init(_ secrets: some Sequence<String>) {
    self.secrets = Set(secrets.flatMap(Self.forms)).sorted { ($0.utf8.count, $0) > ($1.utf8.count, $1) }
  }

  /// Returns the text without secrets.
  package func applied(to text: String) -> String {
    if text.isEmpty { return text }
    return CredentialShape.redacted(secrets.reduce(text) { Self.replacing($1, in: $0) })
  }

  private static func replacing(_ secret: String, in text: String) -> String {
    var text = text
    // Not by characters: a combining mark behind a secret makes its last character another one.
    if text.containsBytes(of: secret) {
      text = String(text.unicodeScalars.replacing(secret.unicodeScalars, with: mark.unicodeScalars))
    }
    // Its characters in another Unicode form.
    return secret.utf8.allSatisfy { $0 < 0x80 } ? text : text.replacing(secret, with: mark)
  }

  /// Returns the forms in which a value may be repeated: unchanged, as JSON writes it, and line by line.
  private static func forms(of secret: String) -> [String] {
    let lines = secret.split(whereSeparator: \.isNewline).map(String.init)
    let escaped = secret.reduce(into: "") { text, character in
      switch character {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\t": text += "\\t"
      default: text.append(character)
      }
    }
    return ([secret, escaped] + lines).filter { $0.utf8.count >= shortest }
  }
}
