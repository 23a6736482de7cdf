/// The version of this program.
package enum SetpointVersion {
  /// As in a release's tag; semantic versioning.
  package static let number = "0.1.0"

  /// What `setpoint --version` prints.
  package static let line = "setpoint \(number)"
}
