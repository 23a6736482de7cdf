internal import Endpoints
internal import Synchronization

/// A text that must not be seen: a token, or a client's secret. Printed, dumped or logged it shows nothing of itself.
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

/// Keeps what must not be seen for everybody who writes messages about one provider.
final class SecretKeeper: Sendable {
  private let known = Mutex(KnownSecrets())

  /// Never to be seen, for as long as the process runs.
  func keep(_ texts: String...) { known.withLock { known in texts.forEach { known.remember($0) } } }

  /// Not to be seen while anybody may still speak of it.
  func keepForAWhile(_ text: String) { known.withLock { $0.rememberForAWhile(text) } }

  /// The text without any of them, nor of the others that are given.
  func redact(_ text: String, and others: [String] = []) -> String { known.withLock(\.self).redact(text, and: others) }
}

/// The texts that no message may repeat. What a process sends for as long as it runs is kept for good; of the access
/// tokens that come and go, the youngest: nobody repeats a token that ended long ago.
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

  /// The text without any of them, nor of the others that are given.
  func redact(_ text: String, and others: [String] = []) -> String {
    Redaction(Array(lasting) + passing + others).applied(to: text)
  }

  /// Shorter values are words like `INFO`: to cut those out would make messages unreadable and hide nothing.
  private static let shortest = 8
}
