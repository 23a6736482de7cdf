/// The identity of an endpoint: its name at one provider. The provider's ID is part of the memory
/// (`Planning/Memory/endpointID`), so that another endpoint with the same name is detected.
package struct EndpointKey: Hashable, Sendable {
  /// The provider's URL, as in the target.
  package let host: String
  package let name: String

  package init(host: String, name: String) {
    self.host = host
    self.name = name
  }
}
