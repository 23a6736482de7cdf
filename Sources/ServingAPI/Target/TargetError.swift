/// The reason why the provider to use is unknown or not allowed.
package struct TargetError: Error, Hashable, Sendable, CustomStringConvertible {
  package let message: String
  /// What to do or run next.
  package let advice: String
  /// The URL of the plane that is meant but does not run, or of the one that was stopped last if nothing else is named;
  /// nil: the reason is another.
  package let stoppedPlane: String?

  package init(_ message: String, advice: String, stoppedPlane: String? = nil) {
    self.message = message
    self.advice = advice
    self.stoppedPlane = stoppedPlane
  }

  package var description: String { "\(message); \(advice)" }
}
