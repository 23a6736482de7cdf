/// What an alias or `latest` means now.
package struct ResolvedVersion: Hashable, Sendable {
  /// The version's number, as the serving API wants it.
  package let number: String
  /// Newer versions that `latest` will mean once they are registered, the newest first.
  package let registering: [String]

  package init(_ number: String, registering: [String] = []) {
    self.number = number
    self.registering = registering
  }

  /// What a person should know beside the number; nil: nothing.
  package func remark(on model: String) -> String? {
    guard !registering.isEmpty else { return nil }
    let versions = registering.count == 1 ? "version \(registering[0]) is" : "versions \(listed(registering)) are"
    return "\(versions) still being registered; latest of \(model) resolves to \(number) until then"
  }
}
