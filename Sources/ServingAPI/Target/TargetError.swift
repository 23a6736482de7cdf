/// Why it is not known, or not allowed, which provider to talk to.
package struct TargetError: Error, Hashable, Sendable, CustomStringConvertible {
  package let message: String
  /// What to do or to run next.
  package let advice: String

  package init(_ message: String, advice: String) {
    self.message = message
    self.advice = advice
  }

  package var description: String { "\(message)\n  \(advice)" }
}
