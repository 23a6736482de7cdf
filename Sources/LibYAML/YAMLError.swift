/// Why bytes could not be read as YAML, and where. `message` is one sentence without a full stop; where libyaml found the
/// fault its own words are in it.
package struct YAMLError: Error, Sendable, Hashable, CustomStringConvertible {
  package let location: SourceLocation
  package let message: String

  package init(location: SourceLocation, message: String) {
    self.location = location
    self.message = message
  }

  package var description: String { "\(location): \(message)" }
}
