/// The version that an alias or `latest` currently means.
package struct ResolvedVersion: Hashable, Sendable {
  /// The version's number, in the form of the serving API.
  package let number: String
  /// Newer versions that `latest` will mean once they are registered, the newest first.
  package let registering: [String]

  package init(_ number: String, registering: [String] = []) {
    self.number = number
    self.registering = registering
  }

  /// Returns a remark for the user about newer versions; nil: none.
  package func remark(on model: String) -> String? {
    guard !registering.isEmpty else { return nil }
    let versions = registering.count == 1 ? "version \(registering[0]) is" : "versions \(listed(registering)) are"
    return "\(versions) still being registered; latest of \(model) resolves to \(number) until then"
  }
}
