/// The version of this program.
package enum SetpointVersion {
  /// The version in semantic versioning, as in a release's tag.
  package static let number = "0.1.0"

  /// The output of `setpoint --version`.
  package static let line = "setpoint \(number)"
}
