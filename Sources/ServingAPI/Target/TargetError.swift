/// The reason why the provider to use is unknown or not allowed.
package struct TargetError: Error, Hashable, Sendable, CustomStringConvertible {
  package let message: String
  /// What to do or run next.
  package let advice: String

  package init(_ message: String, advice: String) {
    self.message = message
    self.advice = advice
  }

  package var description: String { "\(message); \(advice)" }
}
