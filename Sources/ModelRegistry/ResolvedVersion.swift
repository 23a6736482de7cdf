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
    return "\(versions) still being registered; latest of \(model) means \(number) until then"
  }
}

/// `3`, `3 and 2`, `3, 2 and 1`; of many only the first, and that there are more.
func listed(_ words: [String], most: Int = 8) -> String {
  guard words.count <= most else {
    return words.prefix(most).joined(separator: ", ") + " and \(words.count - most) more"
  }
  guard words.count > 1, let last = words.last else { return words.first ?? "" }
  return words.dropLast().joined(separator: ", ") + " and \(last)"
}
