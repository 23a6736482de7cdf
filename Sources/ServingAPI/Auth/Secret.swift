internal import Endpoints
internal import Synchronization

/// A text that must not be shown: a token, or a client's secret. It is hidden when printed, dumped or logged.
package struct Secret: Hashable, Sendable {
  /// The secret itself, for the one place that sends it.
  package let text: String

  package init(_ text: String) { self.text = text }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  package var description: String { "[secret]" }
  package var debugDescription: String { description }
  package var customMirror: Mirror { Mirror(self, children: []) }
}

/// Stores the secrets that must not appear in messages about one provider.
final class SecretStore: Sendable {
  private let known = Mutex(KnownSecrets())

  /// Hides the texts for as long as the process runs.
  func keep(_ texts: String...) { known.withLock { known in texts.forEach { known.remember($0) } } }

  /// Hides the text for as long as it may still appear.
  func keepForAWhile(_ text: String) { known.withLock { $0.rememberForAWhile(text) } }

  /// Returns the text without these secrets and the given ones.
  func redact(_ text: String, and others: [String] = []) -> String { known.withLock(\.self).redact(text, and: others) }
}

/// The texts that no message may repeat. Texts that a process sends for as long as it runs are kept for good; of the
/// changing access tokens, only the newest are kept: an expired token no longer appears in messages.
struct KnownSecrets {
  private var lasting: Set<String> = []
  private var passing: [String] = []

  static let longestMemory = 64

  mutating func remember(_ text: String) {
    if text.utf8.count >= Self.shortest { lasting.insert(text) }
  }

  mutating func rememberForAWhile(_ text: String) {
    guard text.utf8.count >= Self.shortest, !passing.contains(text) else { return }
    passing.append(text)
    if passing.count > Self.longestMemory { passing.removeFirst() }
  }

  /// Returns the text without these secrets and the given ones.
  func redact(_ text: String, and others: [String] = []) -> String {
    Redaction(Array(lasting) + passing + others).applied(to: text)
  }

  /// Shorter values are words like `INFO`: removing those would make messages unreadable and hide nothing.
  private static let shortest = 8
}
