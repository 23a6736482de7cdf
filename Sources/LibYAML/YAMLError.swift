/// Why bytes could not be read as YAML, and where. `message` is one sentence without a full stop, which includes
/// libyaml's words if it found the fault.
package struct YAMLError: Error, Sendable, Hashable, CustomStringConvertible {
  package let location: SourceLocation
  package let message: String

  package init(location: SourceLocation, message: String) {
    self.location = location
    self.message = message
  }

  package var description: String { "\(location): \(message)" }
}
