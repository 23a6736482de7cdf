/// Which endpoint: its name at one provider. The provider's id of it is part of what is remembered
/// (`Planning/Memory/endpointID`), so that another endpoint under the same name shows.
package struct EndpointKey: Hashable, Sendable {
  /// The provider's address, as the target shows it.
  package let host: String
  package let name: String

  package init(host: String, name: String) {
    self.host = host
    self.name = name
  }
}
