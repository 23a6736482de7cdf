/// The reason why the provider to use is unknown or not allowed.
package struct TargetError: Error, Hashable, Sendable, CustomStringConvertible {
  package let message: String
  /// What to do or run next.
  package let advice: String
  /// The URL of the plane that is selected but not running, or of the one that was stopped last if none is selected;
  /// nil: for another reason.
  package let stoppedPlane: String?

  package init(_ message: String, advice: String, stoppedPlane: String? = nil) {
    self.message = message
    self.advice = advice
    self.stoppedPlane = stoppedPlane
  }

  package var description: String { "\(message); \(advice)" }
}
